"""What a terminal model needs of an emulator, and the one that pyte's screen makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from app.tui.terminal.cells import Row
from app.tui.terminal.packed import PackedRow, unpack
from app.tui.terminal.parser import Parser
from app.tui.terminal.rewrap import Moves
from app.tui.terminal.screen import Screen


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the cursor is, in cells from the upper left corner, and how it looks."""

    x: int = 0
    y: int = 0
    visible: bool = True
    shape: int = 0
    """As in DECSCUSR: 0 to 2 block, 3 and 4 underline, 5 and 6 bar; odd ones blink."""


@dataclass(frozen=True, slots=True)
class Modes:
    """What the program asked of the terminal that matters outside of the screen."""

    application_cursor: bool = False
    application_keypad: bool = False
    newline: bool = False
    bracketed_paste: bool = False
    focus_events: bool = False
    mouse: int = 0
    """0 none, 9 presses, 1000 and releases, 1002 and drags, 1003 all movement."""
    mouse_sgr: bool = False
    alternate: bool = False
    alternate_scroll: bool = True
    """Whether the wheel becomes arrow keys on the alternate screen."""
    reverse: bool = False
    synchronized: bool = False
    """Whether the program is in the midst of a frame (mode 2026)."""


@dataclass(frozen=True, slots=True)
class Update:
    """What changed since the last one was taken."""

    rows: frozenset[int]
    """Rows of the screen to be painted again."""
    cursor: Cursor
    pushed: int
    """Lines that ever went into the scrollback."""


class Emulator(Protocol):
    """Bytes in, rows of cells out. It never raises for what a program prints."""

    on_reply: Callable[[bytes], None]
    on_bell: Callable[[], None]
    on_copy: Callable[[str], None]

    @property
    def columns(self) -> int:
        """Width in cells."""
        ...

    @property
    def lines(self) -> int:
        """Height in cells."""
        ...

    @property
    def title(self) -> str:
        """What the program calls itself."""
        ...

    @property
    def modes(self) -> Modes:
        """What the program asked for."""
        ...

    @property
    def cursor(self) -> Cursor:
        """Where the cursor is."""
        ...

    @property
    def history(self) -> int:
        """Lines of scrollback."""
        ...

    @property
    def pushed(self) -> int:
        """Lines that ever went into the scrollback, less those that came back."""
        ...

    def feed(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere."""
        ...

    def take(self) -> Update:
        """Return what changed since the last call."""
        ...

    def resize(self, columns: int, lines: int) -> Moves | None:
        """Change the size, and return where lines are then; nothing where that cannot be told."""
        ...

    def row(self, index: int) -> Row:
        """Return a row of the screen, or of the scrollback for -1 (the newest) and below.

        Raises:
            IndexError: there is none.
        """
        ...


class PyteEmulator:
    """The default emulator: pyte's screen, subclassed, behind a parser of its own.

    Args:
        columns: Width in cells.
        lines: Height in cells.
        history: Lines of scrollback to keep.
    """

    def __init__(self, columns: int, lines: int, *, history: int = 5000) -> None:
        self.on_reply: Callable[[bytes], None] = lambda data: None
        self.on_bell: Callable[[], None] = lambda: None
        self.on_copy: Callable[[str], None] = lambda data: None
        self._use(Screen(max(columns, 1), max(lines, 1), history=history))

    def _use(self, screen: Screen) -> None:
        self.screen = screen
        self._parser = Parser(screen)
        self.feed = self._parser.feed
        self.screen.on_reply = lambda data: self.on_reply(data)
        self.screen.on_bell = lambda: self.on_bell()
        self.screen.on_copy = lambda data: self.on_copy(data)

    def state(self) -> tuple[object, ...]:
        """Return all but the scrollback, to be pickled."""
        return self.screen, self._parser.state()

    @classmethod
    def from_state(cls, state: tuple[Any, ...], history: Iterable[Row | PackedRow]) -> PyteEmulator:
        """Return the emulator that a state was taken of, with its scrollback."""
        screen, parser = state
        emulator = cls(1, 1)
        screen.history.extend(history)
        screen.all_dirty = True
        emulator._use(screen)
        emulator._parser.go_on(parser)
        return emulator

    @property
    def columns(self) -> int:
        """Width in cells."""
        return self.screen.columns

    @property
    def lines(self) -> int:
        """Height in cells."""
        return self.screen.lines

    @property
    def title(self) -> str:
        """What the program calls itself."""
        return self.screen.title

    @property
    def history(self) -> int:
        """Lines of scrollback."""
        return len(self.screen.history)

    @property
    def pushed(self) -> int:
        """Lines that ever went into the scrollback, less those that came back."""
        return self.screen.pushed

    @property
    def idle(self) -> bool:
        """Whether it is in the midst of no sequence and no character."""
        return self._parser.idle

    @property
    def modes(self) -> Modes:
        """What the program asked for."""
        screen = self.screen
        return _modes(
            frozenset(screen.private), screen.keypad, screen.newline, screen.mouse, screen.alternate
        )

    @property
    def cursor(self) -> Cursor:
        """Where the cursor is."""
        screen = self.screen
        at = screen.cursor
        return _cursor(min(at.x, screen.columns - 1), at.y, not at.hidden, screen.cursor_shape)

    def take(self) -> Update:
        """Return what changed since the last call."""
        screen = self.screen
        rows = frozenset(range(screen.lines) if screen.all_dirty else screen.dirty)
        screen.dirty.clear()
        screen.all_dirty = False
        return Update(rows, self.cursor, screen.pushed)

    def resize(self, columns: int, lines: int) -> Moves:
        """Change the size, and return where lines are then."""
        return self.screen.resize(lines, columns)

    def row(self, index: int) -> Row:
        """Return a row of the screen, or of the scrollback for -1 (the newest) and below."""
        if index >= 0:
            return self.screen.rows[index]
        row = self.screen.history[index]
        if isinstance(row, PackedRow):
            row = self.screen.history[index] = unpack(row)
        return row


# Both are asked for several times with every key, and hardly ever new.
_cursor = lru_cache(4096)(Cursor)


@lru_cache(256)
def _modes(private: frozenset[int], keypad: bool, newline: bool, mouse: int, alternate: bool) -> Modes:
    return Modes(
        application_cursor=1 in private,
        application_keypad=keypad or 66 in private,
        newline=newline,
        bracketed_paste=2004 in private,
        focus_events=1004 in private,
        mouse=mouse,
        mouse_sgr=1006 in private,
        alternate=alternate,
        alternate_scroll=1007 in private,
        reverse=5 in private,
        synchronized=2026 in private,
    )
