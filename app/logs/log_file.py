"""A file that grows, read as lines: what the console pane shows, without any widget.

The file is the buffer. Held in memory are newline counts per block and a few blocks, so that a log
of any size costs next to nothing and every step of work is bounded. The file is read, not mapped: a
map of a file that is cut short ends the process that looks at it.
"""

from __future__ import annotations

import os
import re
import time
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from app.logs.source import SLICE, Change, LineGone, Piece
from app.logs.times import TimesReader

BLOCK = 64 * 1024
"""Bytes between two entries of the index."""
MAX_LINE = 16 * 1024
"""Bytes of one line that are shown; the rest of it is cut off."""

_CACHED_BLOCKS = 16
_NEAR = 2048
"""Bytes before a place in which a line mostly ends."""
_PRINT = 64
"""Bytes at the beginning and the end of what was read by which a file is known again."""


class LogFile:
    """The lines of a file that something else appends to.

    A file that does not exist yet is empty; one that is deleted while it is open stays readable.

    Args:
        path: The file to read.
        clock: Returns seconds since the epoch.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.held = False
        """Set while a reader stands still: a file that is cut or replaced meanwhile stays as it was."""
        self.stale = False
        """Whether what is held is no longer what the file is."""
        self.size = 0
        """Bytes indexed so far."""
        self.times = TimesReader(path)
        self._clock = clock
        self._fd: int | None = None
        self._inode: tuple[int, int] | None = None
        self._modified = 0
        self._cut = False
        self._caught_up = False
        self._behind = False
        """Whether the last poll left something to read."""
        self._starts = array("Q", [0])
        """Newlines before each block: entry *i* counts those in the first ``i * BLOCK`` bytes."""
        self._newlines = 0
        self._ends_open = False
        self._head = b""
        self._tail = b""
        self._blocks: OrderedDict[int, tuple[bytes, array[int]]] = OrderedDict()

    @property
    def exists(self) -> bool:
        """Whether the file was seen."""
        return self._fd is not None

    @property
    def newlines(self) -> int:
        """How many lines are complete."""
        return self._newlines

    @property
    def line_count(self) -> int:
        """How many lines there are, the unfinished last one included."""
        return self._newlines + self._ends_open

    @property
    def modified(self) -> int:
        """When the file was last written as far as it was read, in microseconds since the epoch."""
        return self._modified // 1000

    @property
    def tags(self) -> tuple[str, ...]:
        """Nothing: it is one log."""
        return ()

    def again(self) -> LogFile:
        """Return the same file to be read from its beginning, also in another thread."""
        other = LogFile(self.path, clock=self._clock)
        if self._fd is not None:
            other._fd, other._inode = os.dup(self._fd), self._inode
        return other

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self._inode = None

    def poll(self, limit: int = SLICE) -> Change:
        """Look for new bytes and index at most ``limit`` of them."""
        if self.stale:
            if self.held:
                return Change()
            self.close()
            self._forget()
            self._reopen_if_replaced()
            return Change(reset=True, more=True)
        behind = self._behind
        self._behind = False
        replaced = not behind and self._reopen_if_replaced()
        if self._fd is None or self.stale:
            return Change()
        try:
            status = os.fstat(self._fd)
            length = status.st_size
            if (length, status.st_mtime_ns) == (self.size, self._modified):
                self._caught_up = True
                self.times.poll()
                return Change(reset=replaced)
            if length < self.size or not (behind or self._same()):
                return self._was_cut()
            data = os.pread(self._fd, min(limit, length - self.size), self.size)
        except OSError:
            return Change(reset=replaced)
        self._take(data)
        more = self._behind = bool(data) and self.size < length
        if not more:
            self._modified = status.st_mtime_ns
            if self._caught_up:
                self.times.saw(self.size, self._newlines, self._clock())
            self.times.poll()
        return Change(grown=bool(data), reset=replaced, more=more)

    def line(self, number: int) -> bytes:
        """Return line ``number``, counted from 0, without its end; longer lines than ``MAX_LINE`` are cut.

        Raises:
            IndexError: there is no such line.
            LineGone: the file was cut while it was held, and this line was not near those last read.
        """
        if not 0 <= number < self.line_count:
            raise IndexError(number)
        return self._read_line(self.place_of(number))

    def place_of(self, number: int) -> int:
        """Return the byte at which a line begins; that of the one after the last is the end."""
        if number > self._newlines:
            return self.size
        return 0 if number == 0 else self._newline_at(number - 1) + 1

    def line_at(self, offset: int) -> int:
        """Return the number of the line that holds the byte at ``offset``."""
        offset = min(offset, self.size)
        index, inside = divmod(offset, BLOCK)
        if index >= len(self._starts):
            return self._newlines
        return self._starts[index] + (self.read(index * BLOCK, inside).count(b"\n") if inside else 0)

    def time_of(self, number: int) -> float | None:
        """Return when a line was complete, in seconds since the machine booted, where that is known."""
        unfinished = number >= self._newlines
        moment = self.times.at(self.size) if unfinished else self.times.of_line(number)
        start = self.times.start
        return None if start is None or moment is None else (moment - start) / 1e6

    def tag_of(self, number: int) -> int | None:
        """Return nothing: it is one log."""
        return None

    def read(self, offset: int, limit: int) -> bytes:
        """Return at most ``limit`` of the indexed bytes from ``offset`` on; none of a file that was cut."""
        if self._fd is None or offset >= self.size or self._cut:
            return b""
        try:
            return os.pread(self._fd, min(limit, self.size - offset), offset)
        except OSError:
            return b""

    def piece(self, place: int, first: int, limit: int) -> Piece | None:
        """Return complete lines from byte ``place`` on, which is where line ``first`` begins."""
        if limit > BLOCK:
            limit += -(place + limit) % BLOCK  # up to where newlines are counted already
        stop = min(place + limit, self.size)
        cut = self._line_end(place, stop)
        # Read to the end of its last line, as cutting it there would copy it.
        data = self.read(place, (cut if cut > place else stop) - place)
        if cut == place:
            if not data or first >= self._newlines:
                return None
            return Piece(data=data, lines=1, after=self.place_of(first + 1))
        if len(data) < cut - place:  # the file was cut behind the index; the next poll says so
            return None
        index, beyond = divmod(stop, BLOCK)
        begin = index * BLOCK
        if begin >= place:
            lines = self._starts[index] + (data.count(b"\n", begin - place) if beyond else 0) - first
        else:
            lines = data.count(b"\n")
        return Piece(data=data, lines=lines, after=cut)

    def _line_end(self, start: int, stop: int) -> int:
        """Return the byte behind the last newline between two places; the first of them without one."""
        begin = max(start, stop - _NEAR)
        found = self.read(begin, stop - begin).rfind(b"\n")
        if found < 0 < begin - start:
            begin = start
            found = self.read(begin, stop - begin).rfind(b"\n")
        return begin + found + 1 if found >= 0 else start

    def _read_line(self, start: int) -> bytes:
        parts: list[bytes] = []
        wanted = min(MAX_LINE, self.size - start)
        position = start
        while wanted > 0:
            index, offset = divmod(position, BLOCK)
            data, _ends = self._block(index)
            part = data[offset : offset + wanted]
            if not part:
                break
            end = part.find(b"\n")
            if end >= 0:
                parts.append(part[:end])
                break
            parts.append(part)
            wanted -= len(part)
            position += len(part)
        return b"".join(parts)

    def _newline_at(self, ordinal: int) -> int:
        """Return the byte offset of newline ``ordinal``, counted from 0."""
        index = bisect_right(self._starts, ordinal) - 1
        _data, ends = self._block(index)
        local = ordinal - self._starts[index]
        if local >= len(ends):  # the file changed behind the index; the next poll says so
            return self.size
        return index * BLOCK + ends[local]

    def _block(self, index: int) -> tuple[bytes, array[int]]:
        found = self._blocks.get(index)
        if found is not None:
            self._blocks.move_to_end(index)
            return found
        if self._cut:
            raise LineGone
        data = self.read(index * BLOCK, BLOCK)
        ends = array("I", [m.start() for m in re.finditer(b"\n", data)])
        self._blocks[index] = (data, ends)
        while len(self._blocks) > _CACHED_BLOCKS:
            self._blocks.popitem(last=False)
        return data, ends

    def _take(self, data: bytes) -> None:
        if not data:
            return
        known = self._blocks.get(self.size // BLOCK)
        if known is not None:  # what is in view stays at hand, also when the file is cut next
            held, ends = known
            part = data[: BLOCK - len(held)]
            more = array("I", [m.start() + len(held) for m in re.finditer(b"\n", part)])
            self._blocks[self.size // BLOCK] = (held + part, ends + more)
        if len(self._head) < _PRINT:
            self._head += data[: _PRINT - len(self._head)]
        self._tail = (self._tail + data[-_PRINT:])[-_PRINT:]
        position = 0
        while position < len(data):
            step = min(BLOCK - self.size % BLOCK, len(data) - position)
            self._newlines += data.count(b"\n", position, position + step)
            self.size += step
            position += step
            if self.size % BLOCK == 0:
                self._starts.append(self._newlines)
        self._ends_open = not data.endswith(b"\n")

    def _same(self) -> bool:
        """Whether the file still holds what was read: one that was cut may have grown beyond it again."""
        assert self._fd is not None
        head = os.pread(self._fd, len(self._head), 0)
        return head == self._head and os.pread(self._fd, len(self._tail), self.size - len(self._tail)) == (
            self._tail
        )

    def _was_cut(self) -> Change:
        if self.held:
            self.stale = self._cut = True
            return Change()
        self._forget()
        return Change(reset=True, more=True)

    def _forget(self) -> None:
        self.size = 0
        self.stale = self._cut = self._caught_up = self._behind = False
        self._modified = 0
        self._newlines = 0
        self._ends_open = False
        self._head = self._tail = b""
        self._starts = array("Q", [0])
        self._blocks.clear()
        self.times.forget()

    def _reopen_if_replaced(self) -> bool:
        try:
            status = self.path.stat()
        except OSError:
            return False
        inode = (status.st_dev, status.st_ino)
        if inode == self._inode:
            return False
        if self._fd is not None and self.held:
            self.stale = True
            return False
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return False
        replaced = self._fd is not None
        self.close()
        self._fd, self._inode = fd, inode
        if replaced:
            self._forget()
        return replaced
