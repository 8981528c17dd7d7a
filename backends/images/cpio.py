"""Writes initramfs archives (cpio "newc") without tools and without root.

The bytes depend on the entries alone: times and owners are zero. Archives may be concatenated;
the kernel unpacks one after the other and a later file replaces an earlier one.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

BLOCK = 512
"""An archive's length is a multiple of this, so that another may follow it."""

_TRAILER = "TRAILER!!!"
_MAX_SIZE = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of an archive.

    Args:
        path: Absolute or relative path in the guest; a leading slash is dropped.
        mode: File type and permission bits, as in ``st_mode``.
        data: Content of a file, target of a symbolic link.
        device: Major and minor number of a device node.
    """

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def file(path: str, data: bytes, permissions: int = 0o644) -> Entry:
    """Describe a regular file."""
    return Entry(path, stat.S_IFREG | permissions, data)


def directory(path: str, permissions: int = 0o755) -> Entry:
    """Describe a directory."""
    return Entry(path, stat.S_IFDIR | permissions)


def symlink(path: str, target: str) -> Entry:
    """Describe a symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def fifo(path: str, permissions: int = 0o644) -> Entry:
    """Describe a named pipe."""
    return Entry(path, stat.S_IFIFO | permissions)


def char_device(path: str, major: int, minor: int, permissions: int = 0o600) -> Entry:
    """Describe a character device node."""
    return Entry(path, stat.S_IFCHR | permissions, device=(major, minor))


def with_parents(entries: Iterable[Entry]) -> list[Entry]:
    """Sort entries parents first and add the directories (0755) that they need but do not name."""
    named = {_relative(entry.path): entry for entry in entries}
    for path in list(named):
        for parent in PurePosixPath(path).parents:
            if str(parent) != ".":
                named.setdefault(str(parent), directory(str(parent)))
    return [named[path] for path in sorted(named, key=lambda path: path.split("/"))]


def archive(entries: Iterable[Entry]) -> bytes:
    """Pack entries, in the order given, into one archive padded to ``BLOCK``.

    Raises:
        ValueError: a path is empty, leaves the root or bears a NUL, or a file exceeds 4 GiB.
    """
    out = bytearray()
    for inode, entry in enumerate(entries, start=1):
        _append(out, inode, _relative(entry.path), entry)
    _append(out, 0, _TRAILER, Entry(_TRAILER, 0))
    out += bytes(-len(out) % BLOCK)
    return bytes(out)


def _relative(path: str) -> str:
    relative = path.strip("/")
    if not relative or "\0" in relative or ".." in relative.split("/") or relative == _TRAILER:
        raise ValueError(f"not a path for an archive: {path!r}")
    return relative


def _append(out: bytearray, inode: int, name: str, entry: Entry) -> None:
    encoded = name.encode("utf-8", "surrogateescape") + b"\0"
    if len(entry.data) > _MAX_SIZE:
        raise ValueError(f"{name}: {len(entry.data)} bytes do not fit into a cpio archive")
    fields = (inode, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, *entry.device, len(encoded), 0)
    out += b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    out += bytes(-len(out) % 4)
    out += entry.data
    out += bytes(-len(out) % 4)
