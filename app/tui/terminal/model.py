"""A terminal without a display: what it shows, its scrollback, and text found and selected in both."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.tui.terminal.cells import Row
from app.tui.terminal.emulator import Cursor, Emulator, Modes, PyteEmulator, Update

LARGEST_COPY = 100_000
"""Bytes that a program may ask to be copied."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A cell by its line, counted since the terminal began, and its column.

    A line keeps its number when it goes into the scrollback.
    """

    line: int
    column: int


Moving = Callable[[Place], Place]
"""Returns where a place is after lines were wrapped anew."""


class TerminalModel:
    """Bytes in, dirty lines out.

    Lines are numbered since the terminal began: those from ``first`` to ``end`` are there, the last
    ``lines`` of them are the screen.

    Args:
        columns: Width in cells.
        lines: Height in cells.
        history: Lines of scrollback to keep.
        emulator: What to use instead of the default one.
    """

    def __init__(
        self, columns: int = 80, lines: int = 24, *, history: int = 5000, emulator: Emulator | None = None
    ) -> None:
        self.on_reply: Callable[[bytes], None] = lambda data: None
        """Called with what the terminal answers to the program."""
        self.on_bell: Callable[[], None] = lambda: None
        self.on_copy: Callable[[str], None] = lambda text: None
        """Called with text that the program wants copied; whoever gets it asks the person first."""
        self.use(emulator or PyteEmulator(columns, lines, history=history))

    def use(self, emulator: Emulator) -> None:
        """Go on with another emulator, which shows the same."""
        self.emulator: Emulator = emulator
        self.emulator.on_reply = lambda data: self.on_reply(data)
        self.emulator.on_bell = lambda: self.on_bell()
        self.emulator.on_copy = self._copy

    @property
    def columns(self) -> int:
        """Width in cells."""
        return self.emulator.columns

    @property
    def lines(self) -> int:
        """Height in cells."""
        return self.emulator.lines

    @property
    def modes(self) -> Modes:
        """What the program asked for."""
        return self.emulator.modes

    @property
    def cursor(self) -> Cursor:
        """Where the cursor is on the screen."""
        return self.emulator.cursor

    @property
    def title(self) -> str:
        """What the program calls itself."""
        return self.emulator.title

    @property
    def first(self) -> int:
        """Number of the oldest line that is kept."""
        return self.emulator.pushed - self.emulator.history

    @property
    def top(self) -> int:
        """Number of the line at the top of the screen."""
        return self.emulator.pushed

    @property
    def end(self) -> int:
        """Number after the last line."""
        return self.emulator.pushed + self.emulator.lines

    def feed(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere; never raises for what they say."""
        self.emulator.feed(data)

    def take(self) -> Update:
        """Return what changed since the last call."""
        return self.emulator.take()

    def resize(self, columns: int, lines: int) -> Moving | None:
        """Change the size, and return where places are then; nothing where that cannot be told."""
        moves = self.emulator.resize(max(columns, 1), max(lines, 1))
        return None if moves is None else lambda place: Place(*moves.to(place.line, place.column))

    def line(self, number: int) -> Row:
        """Return a line by its number.

        Raises:
            IndexError: it is not kept, or not there yet.
        """
        if not self.first <= number < self.end:
            raise IndexError(number)
        return self.emulator.row(number - self.top)

    def text(self, start: Place, stop: Place) -> str:
        """Return the text from ``start`` up to ``stop``; lines that were wrapped are one."""
        if stop < start:
            start, stop = stop, start
        parts: list[str] = []
        for number in range(max(start.line, self.first), min(stop.line + 1, self.end)):
            row = self.line(number)
            begin = start.column if number == start.line else 0
            end = stop.column if number == stop.line else len(row)
            if row.short:
                end = min(end, row.whole())
            chosen = "".join([cell.data for cell in row[begin:end]])
            last = number == stop.line
            parts.append(chosen if row.wrapped and not last else chosen.rstrip(" "))
            if not last and not row.wrapped:
                parts.append("\n")
        return "".join(parts)

    def word_at(self, place: Place, *, extra: str = "_-./:@%+~#?&=") -> tuple[Place, Place]:
        """Return where the word at a place begins and ends."""
        row = self.line(place.line)

        def inside(x: int) -> bool:
            data = row[x].data
            return data == "" or data.isalnum() or data in extra

        start = stop = max(0, min(place.column, len(row) - 1))
        if inside(start):
            while start > 0 and inside(start - 1):
                start -= 1
            while stop < len(row) and inside(stop):
                stop += 1
        else:
            stop += 1
        return Place(place.line, start), Place(place.line, stop)

    def find(self, words: str) -> list[tuple[Place, int]]:
        """Return where text occurs, oldest first, with how many columns it takes; small letters match any."""
        return [hit for hits in self.scan(words) for hit in hits]

    def scan(self, words: str) -> Iterator[list[tuple[Place, int]]]:
        """Find text line by line, so that something else can be done in between; see ``find``."""
        fold = words == words.lower()
        for number in range(self.first, self.end if words else self.first):
            try:
                row = self.line(number)
            except IndexError:
                continue  # it left the scrollback meanwhile
            hits: list[tuple[Place, int]] = []
            data = [cell.data.lower() if fold else cell.data for cell in row]
            text = "".join(data)
            position = text.find(words)
            if position < 0:
                yield hits
                continue
            columns = [x for x, part in enumerate(data) for _ in part]
            columns.append(len(row))
            while position >= 0:
                begin, stop = columns[position], columns[position + len(words)]
                hits.append((Place(number, begin), max(stop - begin, 1)))
                position = text.find(words, position + len(words))
            yield hits

    def _copy(self, data: str) -> None:
        if len(data) > LARGEST_COPY * 4 // 3 + 4:
            return
        try:
            text = base64.b64decode(data, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return
        self.on_copy(text)
