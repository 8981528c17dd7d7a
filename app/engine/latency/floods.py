"""Floods that can be held still: panes that print as fast as they may, only while it is their turn."""

from __future__ import annotations

import mmap
import shlex
import struct
import sys
from pathlib import Path

from app.engine.latency import flood

_OVER = 2


class Floods:
    """The flooding panes of one target.

    Args:
        file: Shared with the floods; made here.
        count: How many there are.
    """

    def __init__(self, file: Path, count: int) -> None:
        self.count = count
        self._file = file
        size = 8 + 8 * count
        file.write_bytes(bytes(size))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), size)

    def argv(self, number: int) -> list[str]:
        """Return what runs one of them, from 0."""
        return [sys.executable, "-I", "-S", flood.__file__, str(self._file), str(number)]

    def command(self, number: int) -> str:
        """Return what runs one of them, for a shell."""
        return f"exec {shlex.join(self.argv(number))}"

    def let(self, printing: bool) -> None:
        """Let them print, or hold them still."""
        self._shared[0] = 1 if printing else 0

    def printed(self) -> list[int]:
        """Return how many bytes each has printed."""
        return list(struct.unpack_from(f"<{self.count}Q", self._shared, 8))

    def close(self) -> None:
        """End them."""
        self._shared[0] = _OVER
