"""Small files written whole or not at all, also where a disk is full."""

from __future__ import annotations

import errno
import os
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Error numbers of a disk, or of the user's share of it, that is full; or of a file that may not grow."""


def make_room(error: OSError) -> str:
    """Return what to do about a disk that is full; empty where an error is another one."""
    if error.errno not in FULL:
        return ""
    if error.errno == errno.EFBIG:
        return "files may not grow so large here: ulimit -f unlimited, or free some disk space"
    return "free some disk space"


def replace_text(path: Path, text: str) -> None:
    """Put a text in the place of a file, readable by its owner alone. Blocking, shortly.

    Where that fails, what was there stays and nothing is left beside it.

    Raises:
        OSError: it cannot be written; the error names the file.
    """
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        new.touch(mode=0o600)
        new.write_text(text)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise named(error, path) from error


def named(error: OSError, path: Path) -> OSError:
    """Return an error with the file it is about; a write to an open file fails without."""
    return OSError(error.errno, error.strerror or str(error), str(path))
