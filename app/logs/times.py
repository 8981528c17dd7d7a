"""When the lines of a log came: a small file beside it, since a console's log itself has no times.

Each record says that by some moment so many bytes and complete lines had come. Records are as many as
looks at a growing console, some ten a second at most; when they are too many every second one is dropped,
so that long logs have coarser times and the file never grows beyond ``LIMIT`` records.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path

LIMIT = 32_768
"""Records that are kept, at most."""
WIDTH = 24
"""Bytes of a record: bytes of the log, complete lines in it, microseconds since the epoch; little-endian."""


def beside(log: Path) -> Path:
    """Return where the times of a log are kept."""
    return log.with_suffix(".times")


class Times:
    """Moments at which so much of a log was there, in their order."""

    def __init__(self) -> None:
        self.offsets = array("Q")
        self.lines = array("Q")
        """Complete lines at each moment."""
        self.moments = array("Q")
        """Microseconds since the epoch."""

    def __len__(self) -> int:
        return len(self.moments)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield complete lines and microseconds, the oldest first."""
        return zip(self.lines, self.moments, strict=True)

    def note(self, offset: int, lines: int, moment: int) -> bool:
        """Take a moment in; return whether it told anything new."""
        if self.moments:
            if offset <= self.offsets[-1]:
                return False
            moment = max(moment, self.moments[-1])  # a clock that is set back does not disorder lines
        self.offsets.append(offset)
        self.lines.append(lines)
        self.moments.append(moment)
        return True

    def thin(self) -> bool:
        """Drop every second record if there are too many, never the first or the last."""
        count = len(self)
        if count < LIMIT:
            return False
        kept = [0, *range(2 - count % 2, count - 1, 2), count - 1]
        self.offsets = array("Q", [self.offsets[n] for n in kept])
        self.lines = array("Q", [self.lines[n] for n in kept])
        self.moments = array("Q", [self.moments[n] for n in kept])
        return True

    def of_line(self, number: int) -> int | None:
        """Return by when line ``number`` was complete, in microseconds since the epoch, where known."""
        found = bisect_right(self.lines, number)
        return self.moments[found] if found < len(self) else None

    def pack(self, begin: int = 0) -> bytes:
        """Return the records from number ``begin`` on as they are in a file."""
        mixed = array("Q")
        for n in range(begin, len(self)):
            mixed.extend((self.offsets[n], self.lines[n], self.moments[n]))
        if sys.byteorder == "big":
            mixed.byteswap()
        return mixed.tobytes()

    def unpack(self, data: bytes) -> None:
        """Append the records in ``data``; a part of one at its end is ignored."""
        mixed = array("Q")
        mixed.frombytes(data[: len(data) // WIDTH * WIDTH])
        if sys.byteorder == "big":
            mixed.byteswap()
        self.offsets.extend(mixed[0::3])
        self.lines.extend(mixed[1::3])
        self.moments.extend(mixed[2::3])


class TimesWriter:
    """Writes the times of a log as it is read. Blocking, shortly; a full disk only costs the times.

    Args:
        log: The log; its times go beside it.
        now: Seconds since the epoch at which the machine began.
    """

    def __init__(self, log: Path, now: float) -> None:
        self._path = beside(log)
        self._lock = threading.Lock()
        self._times = load(self._path)
        if not len(self._times):
            self.note(0, 0, now)

    def note(self, offset: int, lines: int, now: float) -> None:
        """Write that ``offset`` bytes with ``lines`` line ends had come at ``now``."""
        with self._lock, contextlib.suppress(OSError):
            if not self._times.note(offset, lines, int(now * 1e6)):
                return
            if len(self._times) == 1:
                self._path.touch(mode=0o600)
            if self._times.thin():
                fresh = self._path.with_suffix(".times.new")
                fresh.touch(mode=0o600)
                fresh.write_bytes(self._times.pack())
                fresh.replace(self._path)
            else:
                with self._path.open("ab") as file:
                    file.write(self._times.pack(len(self._times) - 1))


def load(path: Path) -> Times:
    """Return the times in a file; none if it cannot be read."""
    times = Times()
    with contextlib.suppress(OSError):
        times.unpack(path.read_bytes())
    return times


class TimesReader:
    """The times of a log: those written beside it, and beyond them those at which its lines were seen.

    Args:
        log: The log.
    """

    def __init__(self, log: Path) -> None:
        self._path = beside(log)
        self._seen = Times()
        self._known: tuple[int, int, int] | None = None
        self.times = Times()
        """What is written."""

    @property
    def start(self) -> int | None:
        """When the machine began, in microseconds since the epoch."""
        return self.times.moments[0] if len(self.times) else None

    def poll(self) -> None:
        """Read what was written since."""
        try:
            status = self._path.stat()
        except OSError:
            return
        known = (status.st_dev, status.st_ino, status.st_size)
        if known == self._known:
            return
        appended = self._known is not None and known[:2] == self._known[:2] and known[2] > self._known[2]
        try:
            with self._path.open("rb") as file:
                if appended:
                    file.seek(len(self.times) * WIDTH)
                else:
                    self.times = Times()
                self.times.unpack(file.read(LIMIT * WIDTH * 2))
        except OSError:
            return
        self._known = known

    def saw(self, offset: int, lines: int, now: float) -> None:
        """Take in that a reader found so much of the log at ``now``."""
        self._seen.note(offset, lines, int(now * 1e6))
        self._seen.thin()

    def of_line(self, number: int) -> int | None:
        """Return by when a line was complete, in microseconds since the epoch, where known."""
        found = self.times.of_line(number)
        return self._seen.of_line(number) if found is None else found

    def at(self, offset: int) -> int | None:
        """Return by when the byte before ``offset`` had come, where known."""
        for times in (self.times, self._seen):
            found = bisect_left(times.offsets, offset)
            if found < len(times):
                return times.moments[found]
        return None

    def known(self) -> list[tuple[int, int]]:
        """Return complete lines and microseconds since the epoch, the oldest first, written and seen."""
        end = self.times.lines[-1] if len(self.times) else 0
        return [*self.times, *((lines, moment) for lines, moment in self._seen if lines > end)]

    def forget(self) -> None:
        """Begin anew: the log was truncated or replaced."""
        self._seen = Times()
        self.times = Times()
        self._known = None
