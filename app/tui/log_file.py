"""A file that grows, read as lines: what the console pane shows, without any widget.

The file is the buffer. Held in memory are newline counts per block and a few blocks, so that a log
of any size costs next to nothing and every step of work is bounded.
"""

from __future__ import annotations

import os
import re
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from app.tui.ansi import plain_bytes

BLOCK = 64 * 1024
"""Bytes between two entries of the index."""
SLICE = 256 * 1024
"""Bytes that are read at once, at most."""
MAX_LINE = 16 * 1024
"""Bytes of one line that are shown; the rest of it is cut off."""
MAX_HITS = 100_000
"""Lines a search remembers."""

_CACHED_BLOCKS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a poll found."""

    grown: bool = False
    """Bytes were added since the last poll."""
    reset: bool = False
    """The file was truncated or replaced: everything known before is void."""
    more: bool = False
    """There is more to read at once: poll again soon."""


class LogFile:
    """The lines of a file that something else appends to.

    A file that does not exist yet is empty; one that is deleted while it is open stays readable.

    Args:
        path: The file to read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        self._inode: tuple[int, int] | None = None
        self.size = 0
        """Bytes indexed so far."""
        self._starts = array("Q", [0])
        """Newlines before each block: entry *i* counts those in the first ``i * BLOCK`` bytes."""
        self._newlines = 0
        self._ends_open = False
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

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self._inode = None

    def poll(self, limit: int = SLICE) -> Change:
        """Look for new bytes and index at most ``limit`` of them."""
        reset = self._reopen_if_replaced()
        if self._fd is None:
            return Change(reset=reset)
        try:
            length = os.fstat(self._fd).st_size
            if length < self.size:
                self._forget()
                reset = True
            if length == self.size:
                return Change(reset=reset)
            data = os.pread(self._fd, min(limit, length - self.size), self.size)
        except OSError:
            return Change(reset=reset)
        self._take(data)
        return Change(grown=bool(data), reset=reset, more=bool(data) and self.size < length)

    def line(self, number: int) -> bytes:
        """Return line ``number``, counted from 0, without its end; longer lines than ``MAX_LINE`` are cut.

        Raises:
            IndexError: there is no such line.
        """
        if not 0 <= number < self.line_count:
            raise IndexError(number)
        start = 0 if number == 0 else self._newline_at(number - 1) + 1
        return self._read_line(start)

    def read(self, offset: int, limit: int) -> bytes:
        """Return at most ``limit`` of the indexed bytes from ``offset`` on."""
        if self._fd is None or offset >= self.size:
            return b""
        try:
            return os.pread(self._fd, min(limit, self.size - offset), offset)
        except OSError:
            return b""

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
        data = self.read(index * BLOCK, BLOCK)
        ends = array("I", [m.start() for m in re.finditer(b"\n", data)])
        self._blocks[index] = (data, ends)
        while len(self._blocks) > _CACHED_BLOCKS:
            self._blocks.popitem(last=False)
        return data, ends

    def _take(self, data: bytes) -> None:
        if not data:
            return
        self._blocks.pop(self.size // BLOCK, None)
        position = 0
        while position < len(data):
            room = BLOCK - self.size % BLOCK
            part = data[position : position + room]
            self._newlines += part.count(b"\n")
            self.size += len(part)
            position += len(part)
            if self.size % BLOCK == 0:
                self._starts.append(self._newlines)
        self._ends_open = not data.endswith(b"\n")

    def _forget(self) -> None:
        self.size = 0
        self._newlines = 0
        self._ends_open = False
        self._starts = array("Q", [0])
        self._blocks.clear()

    def _reopen_if_replaced(self) -> bool:
        try:
            status = self.path.stat()
        except OSError:
            return False
        inode = (status.st_dev, status.st_ino)
        if inode == self._inode:
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


class LogSearch:
    """Where a text occurs in a log, found in slices so that nobody waits for it.

    The search is literal and does not tell upper from lower case. It looks at what is seen: colours
    in the middle of a word do not hide it.

    Args:
        log: What to search; what is appended later is searched by later calls of ``advance``.
        text: What to look for; not empty.
    """

    def __init__(self, log: LogFile, text: str) -> None:
        self.text = text
        self.lines = array("Q")
        """Numbers of the lines with a hit, ascending."""
        self.count = 0
        """Hits in all, also those in one line."""
        self._log = log
        self._needle = text.encode().lower()
        self._line = 0
        self._offset = 0

    @property
    def full(self) -> bool:
        """Whether there are more lines with a hit than are remembered."""
        return len(self.lines) >= MAX_HITS

    def advance(self, limit: int = SLICE) -> bool:
        """Search at most ``limit`` further bytes; return whether there is more to search now."""
        if self.full:
            return False
        data = self._log.read(self._offset, limit)
        end = data.rfind(b"\n") + 1
        if end == 0:
            if len(data) < limit:  # the last line is not finished yet
                return False
            end = len(data)  # a very long line: one slice of it is searched at a time
        self._scan(plain_bytes(data[:end]).lower())
        self._offset += end
        return self._offset < self._log.size

    def _scan(self, text: bytes) -> None:
        found = text.find(self._needle)
        position = 0
        while found >= 0:
            self._line += text.count(b"\n", position, found)
            self.count += 1
            if not self.lines or self.lines[-1] != self._line:
                self.lines.append(self._line)
            position = found
            found = text.find(self._needle, found + len(self._needle))
        self._line += text.count(b"\n", position)

    def after(self, line: int) -> int | None:
        """Return the next line with a hit below ``line``, from the top again at the end."""
        if not self.lines:
            return None
        position = bisect_right(self.lines, line)
        return self.lines[position % len(self.lines)]

    def before(self, line: int) -> int | None:
        """Return the line with a hit above ``line``, from the end again at the top."""
        if not self.lines:
            return None
        position = bisect_left(self.lines, line)
        return self.lines[position - 1]
