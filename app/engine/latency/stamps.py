"""Moments that a program under test notes in memory shared with the prober: no file is written to."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

_PAIR = struct.Struct("<dd")
_COUNT = struct.Struct("<Q")


class Stamps:
    """A list of pairs of monotonic moments in a shared file.

    Args:
        file: The file; made by ``make``.
    """

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), 0)
        self._room = (len(self._shared) - _COUNT.size) // _PAIR.size

    @classmethod
    def make(cls, file: Path, room: int) -> Stamps:
        """Make the file, for ``room`` pairs."""
        with file.open("wb") as opened:
            opened.truncate(_COUNT.size + _PAIR.size * room)
        return cls(file)

    def add(self, begun: float, done: float) -> None:
        """Note one pair; those that find no room are left out."""
        count = len(self)
        if count < self._room:
            _PAIR.pack_into(self._shared, _COUNT.size + count * _PAIR.size, begun, done)
            _COUNT.pack_into(self._shared, 0, count + 1)

    def __len__(self) -> int:
        return int(_COUNT.unpack_from(self._shared, 0)[0])

    def pairs(self, after: int = 0) -> list[tuple[float, float]]:
        """Return the pairs from number ``after`` on."""
        found = []
        for number in range(after, len(self)):
            begun, done = _PAIR.unpack_from(self._shared, _COUNT.size + number * _PAIR.size)
            found.append((float(begun), float(done)))
        return found
