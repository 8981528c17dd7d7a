"""What a run says of errors: those of a host or machine in a line, those of vmbench itself in a report."""

from __future__ import annotations

import contextlib
import traceback
from pathlib import Path

from app.engine.masking import Masker
from app.engine.offload import off_loop
from backends.base import BackendError
from backends.files import disk_full


def explain(error: BackendError) -> str:
    """Return an error's message and remedy in one line."""
    return f"{error.message} (try: {error.remedy})" if error.remedy else error.message


async def report(error: Exception, folder: Path, masker: Masker) -> str:
    """Write an unexpected error down for whoever mends vmbench, and say where; a full disk is none."""
    full = disk_full(error, folder)
    if full is not None:
        return f"{full[0]} (try: {full[1]})"
    path = folder / "internal-error.txt"
    text = masker.text("".join(traceback.format_exception(error)))
    with contextlib.suppress(OSError):
        await off_loop(path.write_text, text)
    return f"vmbench itself failed: {type(error).__name__}: {error} (details: {path})"
