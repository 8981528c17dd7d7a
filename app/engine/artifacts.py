"""A test's folder of artifacts: its name, and the console's log in it."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
from pathlib import Path

from app.engine.masking import MaskedStream, Masker
from app.logs.times import beside


def safe_name(name: str) -> str:
    """Return a folder name for a test: readable, unique, and harmless whatever the test is called."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:100]
    if safe == name and safe.strip("."):
        return safe
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{safe.strip('.') or 'test'}-{digest}"


def copy_console(source: Path, folder: Path, masker: Masker) -> None:
    """Copy a console's log, secrets masked, and when its lines came. Blocking.

    Raises:
        OSError: it cannot be read or written; a log that is not there is no error.
    """
    target = folder / "console.log"
    with contextlib.suppress(FileNotFoundError):
        if masker:
            _copy_masked(source, target, masker)
        else:
            shutil.copyfile(source, target)
    # Masking leaves every line on its own.
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(beside(source), beside(target))


def _copy_masked(source: Path, target: Path, masker: Masker) -> None:
    stream = MaskedStream(masker)
    with source.open("rb") as read, target.open("wb") as write:
        while chunk := read.read(1 << 20):
            write.write(stream.feed(chunk))
        write.write(stream.flush())
