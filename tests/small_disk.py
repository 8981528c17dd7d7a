"""A disk that is really full: a small file system of its own."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """Make a folder a file system of ``size`` MiB; the test is skipped where nobody may mount one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}m,mode=700", "vmbench-test", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("no file system may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Write until there is no room for one more byte; return the file to delete."""
    filler = disk / "filler"
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
        while file.write(b"x" * (1 << 16)):
            pass
    return filler


def litter(disk: Path) -> list[Path]:
    """Return the files that were begun and never put in their place."""
    return [path for path in disk.rglob("*") if ".new" in path.name or ".room" in path.name]
