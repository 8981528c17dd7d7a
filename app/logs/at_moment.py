"""As much of a log as had come by a moment, told by the times that are written beside it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from pathlib import Path

from app.logs.log_file import LogFile
from app.logs.source import SLICE, Change, Piece


class LogAtMoment(LogFile):
    """A log file cut off at a moment that can be moved.

    A log whose times nobody wrote is shown whole: ``timeless`` says so.

    Args:
        path: The file to read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.moment: float | None = None
        """Seconds since the epoch; ``None`` for all there is."""
        self._shown: int | None = None
        """Complete lines that are shown; ``None`` for all."""

    @property
    def timeless(self) -> bool:
        """Whether it cannot be told when its lines came."""
        return not len(self.times.times)

    @property
    def newlines(self) -> int:
        """How many complete lines had come."""
        return super().newlines if self._shown is None else min(self._shown, super().newlines)

    @property
    def line_count(self) -> int:
        """The same; with the unfinished last line where nothing is cut off."""
        return super().line_count if self._shown is None else self.newlines

    def poll(self, limit: int = SLICE) -> Change:
        """Look for new bytes, and whether the moment was moved."""
        change = super().poll(limit)
        before, after = self._shown, self._lines()
        if before == after:
            return change
        self._shown = after
        if before is None or (after is not None and after < before):
            return replace(change, reset=True)
        return replace(change, grown=True)

    def _lines(self) -> int | None:
        if self.moment is None or self.timeless:
            return None
        times = self.times.times
        found = bisect_right(times.moments, int(self.moment * 1e6))
        return times.lines[found - 1] if found else 0

    def piece(self, place: int, first: int, limit: int) -> Piece | None:
        """Return complete lines; see ``LogSource``."""
        if self._shown is None:
            return super().piece(place, first, limit)
        if first >= self.newlines:
            return None
        return super().piece(place, first, min(limit, self.place_of(self.newlines) - place))

    def again(self) -> LogFile:
        """Return the same file, cut off at the same moment, to be read from its beginning."""
        other = LogAtMoment(self.path)
        other.moment = self.moment
        return other
