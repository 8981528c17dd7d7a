"""Where a pattern occurs in a log, and the log as a filter leaves it: found in slices, held as counts.

As the log's own index does, this one holds counts per piece of the log and looks into a piece again when
its lines are asked for: it takes some 30 bytes for every 256 KiB, however many lines match.
"""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict

from app.logs.match import Pattern
from app.logs.source import SLICE, LogSource

SMALLEST = 8 * 1024
STEP = 0.002
"""Seconds that one step should take: steps of dense matches are made shorter."""
_CACHED = 16


class Matches:
    """Lines of a log that match, and those around them.

    Args:
        source: The log; what is appended later is searched by later calls of ``advance``.
        pattern: What to look for.
        context: Lines before and after each match that a filter leaves as well.
    """

    def __init__(self, source: LogSource, pattern: Pattern, context: int = 0) -> None:
        self.pattern = pattern
        self.context = context
        self._source = source
        self._limit = SLICE
        # Piece i begins with line _first[i] at _place[i]; _hits[i] lines match before it, and the filter
        # leaves _shown[i] lines before it, as far as that is known.
        self._first = array("Q", [0])
        self._place = array("Q", [0])
        self._hits = array("Q", [0])
        self._shown = array("Q", [0])
        self._open: list[int] = []
        """Matching lines of the last piece, which still grows."""
        self._open_size = 0
        self._line = 0
        self._at = 0
        self._last = (-1, b"", False)
        self._pieces: OrderedDict[int, list[int]] = OrderedDict()
        self._views: OrderedDict[int, list[int]] = OrderedDict()
        self._end_view: tuple[tuple[int, int, int], list[int]] | None = None

    # searching

    def advance(self, limit: int | None = None) -> bool:
        """Search a few further lines; return whether there is more to search now.

        Args:
            limit: Bytes to search, at most; ``None`` for as many as a step should take.
        """
        piece = self._source.piece(self._at, self._line, self._limit if limit is None else limit)
        if piece is None:
            return False
        began = time.perf_counter()
        self._open += [self._line + n for n in self.pattern.lines(piece.data)]
        took = time.perf_counter() - began
        self._limit = max(SMALLEST, self._limit // 2) if took > STEP else min(SLICE, self._limit * 2)
        self._line += piece.lines
        self._at = piece.after
        self._open_size += len(piece.data)
        if self._open_size >= SLICE:
            self._close_piece()
        self._count_shown()
        return self._line < self._source.newlines

    def _close_piece(self) -> None:
        self._keep(self._pieces, len(self._first) - 1, self._open)
        self._hits.append(self._hits[-1] + len(self._open))
        self._first.append(self._line)
        self._place.append(self._at)
        self._open = []
        self._open_size = 0

    def _count_shown(self) -> None:
        """Count what the filter leaves of the pieces of which that can no longer change."""
        while len(self._shown) < len(self._first):
            index = len(self._shown) - 1
            if self._first[index + 1] + self.context > self._line:
                return
            view = self._left(self._first[index], self._first[index + 1])
            self._keep(self._views, index, view)
            self._shown.append(self._shown[-1] + len(view))

    @staticmethod
    def _keep(cache: OrderedDict[int, list[int]], index: int, lines: list[int]) -> None:
        cache[index] = lines
        while len(cache) > _CACHED:
            cache.popitem(last=False)

    @property
    def searched(self) -> int:
        """How many lines were searched."""
        return self._line

    def _hits_of(self, index: int) -> list[int]:
        """Return the matching lines of a piece, ascending."""
        if index == len(self._first) - 1:
            return self._open
        found = self._pieces.get(index)
        if found is None:
            found = []
            line, place, end = self._first[index], self._place[index], self._first[index + 1]
            while line < end and (piece := self._source.piece(place, line, SLICE)) is not None:
                found += [line + n for n in self.pattern.lines(piece.data)]
                line, place = line + piece.lines, piece.after
            self._keep(self._pieces, index, found)
        return found

    def _last_matches(self) -> bool:
        """Whether an unfinished last line, which no piece holds, matches."""
        number = self._source.newlines
        if number >= self._source.line_count or number != self._line:
            return False
        data = self._source.line(number)
        if self._last[:2] != (number, data):
            self._last = (number, data, bool(self.pattern.lines(data)))
        return self._last[2]

    # matching lines

    @property
    def count(self) -> int:
        """How many lines match, as far as was searched."""
        return self._hits[-1] + len(self._open) + self._last_matches()

    def matches(self, line: int) -> bool:
        """Return whether a line matches."""
        if line >= self._line:
            return self._last_matches() and line == self._line
        found = self._hits_of(bisect_right(self._first, line) - 1)
        at = bisect_left(found, line)
        return at < len(found) and found[at] == line

    def rank(self, line: int) -> int:
        """Return how many matching lines are above ``line``."""
        if line > self._line:
            return self.count
        if line == self._line:
            return self._hits[-1] + len(self._open)
        index = bisect_right(self._first, line) - 1
        return self._hits[index] + bisect_left(self._hits_of(index), line)

    def match(self, rank: int) -> int:
        """Return the line that is the ``rank``-th match, from 0.

        Raises:
            IndexError: there are not so many.
        """
        if not 0 <= rank < self.count:
            raise IndexError(rank)
        if rank == self._hits[-1] + len(self._open):
            return self._line
        index = bisect_right(self._hits, rank) - 1
        found, inside = self._hits_of(index), rank - self._hits[index]
        if inside >= len(found):  # the log changed behind the counts; the next poll says so
            raise IndexError(rank)
        return found[inside]

    def after(self, line: int) -> int | None:
        """Return the next matching line below ``line``, from the top again at the end."""
        count = self.count
        return self.match(self.rank(line + 1) % count) if count else None

    def before(self, line: int) -> int | None:
        """Return the matching line above ``line``, from the end again at the top."""
        count = self.count
        return self.match((self.rank(line) - 1) % count) if count else None

    # what a filter leaves

    def _left(self, start: int, stop: int) -> list[int]:
        """Return those of the lines from ``start`` to before ``stop`` that match or stand around a match."""
        low, high = max(0, start - self.context), stop + self.context
        found: list[int] = []
        index = bisect_right(self._first, low) - 1
        while index < len(self._first) and self._first[index] < high:
            hits = self._hits_of(index)
            found += hits[bisect_left(hits, low) : bisect_left(hits, high)]
            index += 1
        if low <= self._line < high and self._last_matches():
            found.append(self._line)
        if not self.context:
            return found
        left: list[int] = []
        after = start
        for hit in found:
            begin, end = max(after, hit - self.context), min(stop, hit + self.context + 1)
            if begin < end:
                left += range(begin, end)
                after = end
        return left

    def _end(self) -> list[int]:
        """Return what the filter leaves of the lines whose pieces are not counted yet."""
        stop = min(self._source.line_count, self._line + 1)
        key = (self._line, stop, self.count)
        if self._end_view is None or self._end_view[0] != key:
            self._end_view = (key, self._left(self._first[len(self._shown) - 1], stop))
        return self._end_view[1]

    @property
    def rows(self) -> int:
        """How many lines the filter leaves, as far as was searched."""
        return self._shown[-1] + len(self._end())

    def line_of(self, row: int) -> int:
        """Return the line in a row of what the filter leaves.

        Raises:
            IndexError: there are not so many.
        """
        if not 0 <= row < self.rows:
            raise IndexError(row)
        if row >= self._shown[-1]:
            return self._end()[row - self._shown[-1]]
        index = bisect_right(self._shown, row) - 1
        view, inside = self._view(index), row - self._shown[index]
        if inside >= len(view):
            raise IndexError(row)
        return view[inside]

    def row_of(self, line: int) -> int:
        """Return the row of a line, or of the next one that the filter leaves."""
        counted = len(self._shown) - 1
        if line >= self._first[counted]:
            return self._shown[-1] + bisect_left(self._end(), line)
        index = bisect_right(self._first, line) - 1
        return self._shown[index] + bisect_left(self._view(index), line)

    def _view(self, index: int) -> list[int]:
        found = self._views.get(index)
        if found is None:
            found = self._left(self._first[index], self._first[index + 1])
            self._keep(self._views, index, found)
        return found
