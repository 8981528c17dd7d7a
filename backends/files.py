"""Small files written whole or not at all, also where a disk is full."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Error numbers of a disk, or of the user's share of it, that is full; or of a file that may not grow."""
_FICLONE = 0x40049409
"""Linux's ioctl(2) that makes a file share another one's blocks."""
_PIECE = 1 << 20


def make_room(error: OSError) -> str:
    """Return what to do about a disk that is full; empty where an error is another one."""
    if error.errno not in _FULL:
        return ""
    if error.errno == errno.EFBIG:
        return "files may not grow so large here: ulimit -f unlimited, or free some disk space"
    return "free some disk space"


def disk_full(error: BaseException, where: Path | str = "") -> tuple[str, str] | None:
    """Return what a full disk kept from being written and what to do; ``None`` where an error is another one.

    Args:
        error: What was raised.
        where: What was to be written, if the error does not know.
    """
    remedy = make_room(error) if isinstance(error, OSError) else ""
    if not isinstance(error, OSError) or not remedy:
        return None
    what = f"{error.filename or where}" or "a file"
    return f"cannot write {what}: {error.strerror}", f"{remedy}, then try again; vmbench gc lists what can go"


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


def copy(source: Path, target: Path) -> None:
    """Copy a file with its mode to one that is not there yet; blocks are shared if they can be, holes stay.

    Blocking. Where it fails, nothing is left of the copy.

    Raises:
        OSError: it cannot be read or written; the error names the copy.
    """
    with source.open("rb", buffering=0) as read, target.open("xb", buffering=0) as write:
        try:
            os.fchmod(write.fileno(), os.fstat(read.fileno()).st_mode & 0o777)
            if not _cloned(read.fileno(), write.fileno()):
                _copy_data(read.fileno(), write.fileno())
        except OSError as error:
            target.unlink(missing_ok=True)
            raise named(error, target) from error


def move(source: Path, target: Path) -> None:
    """Rename a file, or copy and delete it where the target is on another file system. Blocking.

    Raises:
        OSError: it cannot be moved; the source is still there.
    """
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy(source, target)
        source.unlink()


def _cloned(read: int, write: int) -> bool:
    """Share all blocks of a file with another one, where the file system can."""
    try:
        fcntl.ioctl(write, _FICLONE, read)
    except OSError:
        return False
    return True


def _copy_data(read: int, write: int) -> None:
    """Copy a file's data to an empty one, and leave holes where it has them."""
    size = os.fstat(read).st_size
    os.ftruncate(write, size)
    end = 0
    while end < size:
        try:
            begin = os.lseek(read, end, os.SEEK_DATA)
            end = os.lseek(read, begin, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return  # nothing but a hole is left
            begin, end = end, size  # the file system knows of no holes
        os.lseek(read, begin, os.SEEK_SET)
        os.lseek(write, begin, os.SEEK_SET)
        while begin < end and (piece := os.read(read, min(_PIECE, end - begin))):
            begin += len(piece)
            while piece:
                piece = piece[os.write(write, piece) :]


def named(error: OSError, path: Path) -> OSError:
    """Return an error with the file it is about; a write to an open file fails without."""
    return OSError(error.errno, error.strerror or str(error), str(path))
