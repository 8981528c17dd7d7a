"""What a log is to those who show or search it: numbered lines that are read when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

SLICE = 256 * 1024
"""Bytes that are read at once, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a poll found."""

    grown: bool = False
    """Lines or bytes were added since the last poll."""
    reset: bool = False
    """The log was truncated or replaced: everything known before is void."""
    more: bool = False
    """There is more to read at once: poll again soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Whole lines of a log that follow each other."""

    data: bytes
    """Their bytes, line ends included; of a line longer than the piece may be, its beginning."""
    lines: int
    """How many they are."""
    after: int
    """The place where the next piece begins."""


class LineGone(Exception):
    """A line was known but its bytes are no longer there: the file was cut while it was held."""


class LogSource(Protocol):
    """A log as numbered lines; every step of work on it is bounded."""

    held: bool
    """Set while a reader stands still: a log that is cut or replaced meanwhile stays as it was."""

    @property
    def stale(self) -> bool:
        """Whether what is held is no longer what the log is."""
        ...

    @property
    def line_count(self) -> int:
        """How many lines there are, an unfinished last one included."""
        ...

    @property
    def newlines(self) -> int:
        """How many of them are complete."""
        ...

    @property
    def tags(self) -> tuple[str, ...]:
        """The logs this one is made of, where it is made of several."""
        ...

    def poll(self, limit: int = SLICE) -> Change:
        """Look for new bytes and take in at most ``limit`` of them."""
        ...

    def line(self, number: int) -> bytes:
        """Return a line, counted from 0, without its end.

        Raises:
            IndexError: there is no such line.
            LineGone: there was one.
        """
        ...

    def piece(self, place: int, first: int, limit: int) -> Piece | None:
        """Return complete lines, ``limit`` bytes at most; ``None`` if there are none yet.

        Args:
            place: Where to begin: 0, or what another piece said comes after it.
            first: Number of the line that begins there.
            limit: Bytes, at most.
        """
        ...

    def time_of(self, number: int) -> float | None:
        """Return when a line came, in seconds since its machine booted, where that is known.

        Of several logs it is since the first of their machines did.
        """
        ...

    def tag_of(self, number: int) -> int | None:
        """Return the position among ``tags`` of the log a line is from, if it is made of several."""
        ...

    def again(self) -> LogSource:
        """Return the same log to be read from its beginning, also in another thread."""
        ...

    def close(self) -> None:
        """Let go of the files. Idempotent."""
        ...
