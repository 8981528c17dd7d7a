"""Several logs as one, their lines in the order in which they came.

Lines that were there when the logs were opened are ordered by the times written beside each log; what
comes later is added as it is seen. Held in memory is one entry for every change from one log to another.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence

from app.logs.log_file import LogFile
from app.logs.source import SLICE, Change, Piece

MOST_RUNS = 200_000
"""Changes from one log to another that are held; with more of them, their times are told more coarsely."""


class MergedLog:
    """The complete lines of several logs, by the time they came.

    Args:
        logs: Each with the name its lines are tagged with.
    """

    def __init__(self, logs: Sequence[tuple[str, LogFile]]) -> None:
        self._tags = tuple(name for name, _log in logs)
        self.logs = tuple(log for _name, log in logs)
        self._built = False
        self._empty()

    def _empty(self) -> None:
        # Run i, of log _log[i], begins with line _first[i] of the whole, which is line _line[i] of its log.
        self._first = array("Q")
        self._log = array("H")
        self._line = array("Q")
        self._taken = [0] * len(self.logs)
        self._count = 0

    @property
    def held(self) -> bool:
        """Set while a reader stands still; see ``LogSource``."""
        return all(log.held for log in self.logs)

    @held.setter
    def held(self, value: bool) -> None:
        for log in self.logs:
            log.held = value

    @property
    def stale(self) -> bool:
        """Whether one of the logs is no longer what is held of it."""
        return any(log.stale for log in self.logs)

    @property
    def line_count(self) -> int:
        """How many lines there are; a line shows up once it is complete."""
        return self._count

    @property
    def newlines(self) -> int:
        """How many lines there are."""
        return self._count

    @property
    def tags(self) -> tuple[str, ...]:
        """The names of the logs."""
        return self._tags

    def again(self) -> MergedLog:
        """Return the same logs to be read from their beginning, also in another thread."""
        return MergedLog([(tag, log.again()) for tag, log in zip(self._tags, self.logs, strict=True)])

    def number_of(self, log: int, line: int) -> int:
        """Return the number of a line of one of the logs in the whole, or of the next that is there."""
        for run, first in enumerate(self._first):
            begin = self._line[run]
            stop = self._first[run + 1] if run + 1 < len(self._first) else self._count
            if self._log[run] == log and line < begin + stop - first:
                return first + max(0, line - begin)
        return self._count

    def close(self) -> None:
        """Let go of the files. Idempotent."""
        for log in self.logs:
            log.close()

    def poll(self, limit: int = SLICE) -> Change:
        """Look for new bytes in every log and take in at most ``limit`` of them in all."""
        changes = [log.poll(max(1, limit // len(self.logs))) for log in self.logs] if self.logs else []
        more = any(change.more for change in changes)
        reset = any(change.reset for change in changes)
        if reset and self._built:
            self._built = False
            self._empty()
        before = self._count
        if self._built:
            for index, log in enumerate(self.logs):
                self._add(index, log.newlines)
            if len(self._first) > MOST_RUNS and not self.held:
                self._build(MOST_RUNS // 2)
                reset = True
        elif not more:
            self._build(MOST_RUNS // 2)
        return Change(grown=self._count != before, reset=reset, more=more)

    def _build(self, most: int) -> None:
        """Order the lines that are there by the times of their logs, with ``most`` changes at most."""
        self._empty()
        moments: list[tuple[int, int, int]] = []
        room = max(1, most // max(1, len(self.logs)))
        for index, log in enumerate(self.logs):
            known = log.times.known()
            step = -(-len(known) // room) or 1
            moments += [(moment, index, lines) for lines, moment in known[step - 1 :: step]]
            moments.append((max(log.modified, known[-1][1] if known else 0), index, log.newlines))
        for _moment, index, lines in sorted(moments):
            self._add(index, min(lines, self.logs[index].newlines))
        self._built = True

    def _add(self, index: int, lines: int) -> None:
        """Append what came to a log until it has so many lines."""
        taken = self._taken[index]
        if lines <= taken:
            return
        if not self._log or self._log[-1] != index:
            self._first.append(self._count)
            self._log.append(index)
            self._line.append(taken)
        self._taken[index] = lines
        self._count += lines - taken

    def _where(self, number: int) -> tuple[int, int, int]:
        """Return the log of a line, its number there, and the number there after its run.

        Raises:
            IndexError: there is no such line.
        """
        if not 0 <= number < self._count:
            raise IndexError(number)
        run = bisect_right(self._first, number) - 1
        stop = self._first[run + 1] if run + 1 < len(self._first) else self._count
        first, line = self._first[run], self._line[run]
        return self._log[run], line + number - first, line + stop - first

    def line(self, number: int) -> bytes:
        """Return a line without its end; see ``LogSource``."""
        index, line, _stop = self._where(number)
        return self.logs[index].line(line)

    def piece(self, place: int, first: int, limit: int) -> Piece | None:
        """Return complete lines of one log; the place of a piece is the number of its first line."""
        if first >= self._count:
            return None
        index, line, stop = self._where(first)
        log = self.logs[index]
        begin, end = log.place_of(line), log.place_of(stop)
        piece = log.piece(begin, line, min(limit, end - begin))
        return None if piece is None else Piece(data=piece.data, lines=piece.lines, after=first + piece.lines)

    def time_of(self, number: int) -> float | None:
        """Return when a line came, in seconds since the first machine began, where that is known."""
        index, line, _stop = self._where(number)
        moment = self.logs[index].times.of_line(line)
        starts = [log.times.start for log in self.logs if log.times.start is not None]
        return None if moment is None or not starts else (moment - min(starts)) / 1e6

    def tag_of(self, number: int) -> int | None:
        """Return which of the logs a line is from."""
        return self._where(number)[0]
