"""Places of a log worth going to: where steps began, what a kernel complained about, the first error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.logs.match import Pattern
from app.logs.matches import Matches
from app.logs.source import LogSource

MOST = 200
"""Complaints that become marks, at most."""
ERROR = Pattern(r"\b(?:errors?|failed|failure|fatal|traceback|exception)\b", regex=True)


class MarkKind(StrEnum):
    """What is at a mark."""

    STEP = "step"
    COMPLAINT = "complaint"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Mark:
    """A line worth going to."""

    line: int
    kind: MarkKind
    label: str


class MarkFinder:
    """Looks for the marks of a log in slices.

    Args:
        source: The log.
        complaints: What a kernel complains with.
        steps: Lines at which steps began, each with what to call it, ascending.
    """

    def __init__(self, source: LogSource, complaints: Pattern, steps: Sequence[tuple[int, str]] = ()) -> None:
        self._source = source
        self._steps = steps
        self._complaints = Matches(source, complaints)
        self._errors = Matches(source, ERROR)

    def advance(self) -> bool:
        """Search a few further lines; return whether there is more to search now."""
        more = self._complaints.advance() if self._complaints.count < MOST else False
        return (self._errors.advance() if not self._errors.count else False) or more

    def marks(self) -> list[Mark]:
        """Return what was found so far, from the top to the bottom."""
        last = self._source.line_count - 1
        found = [
            Mark(max(0, min(line, last)), MarkKind.STEP, label) for line, label in self._steps if last >= 0
        ]
        found += [
            Mark(self._complaints.match(rank), MarkKind.COMPLAINT, "kernel complaint")
            for rank in range(min(self._complaints.count, MOST))
        ]
        if self._errors.count:
            found.append(Mark(self._errors.match(0), MarkKind.ERROR, "first error"))
        return sorted(found, key=lambda mark: mark.line)
