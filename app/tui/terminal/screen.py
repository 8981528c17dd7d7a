"""The screen that control sequences act on: pyte's, with what pyte lacks, and quick."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyte
import pyte.charsets

from app.tui.terminal.cells import Pen, Pens
from app.tui.terminal.packed import pack, unpack
from app.tui.terminal.rewrap import Moves
from app.tui.terminal.sgr import apply
from app.tui.terminal.text_grid import TextGrid, is_narrow

GRAPHICS = {code: pyte.charsets.VT100_MAP[code] for code in range(0x5F, 0x7F)} | {0x5F: " ", 0x68: "␤"}
_BRITISH = {0x23: "£"}
_CHARSETS: dict[str, dict[int, str] | None] = {"0": GRAPHICS, "2": GRAPHICS, "A": _BRITISH}

_TITLES = 10
_LONGEST_TITLE = 512

_MOUSE = frozenset({9, 1000, 1002, 1003})
_KNOWN_MODES = _MOUSE | {1, 3, 5, 6, 7, 12, 25, 40, 47, 66, 1004, 1006, 1007, 1047, 1049, 2004, 2026}
_FIRST_MODES = frozenset({7, 12, 25, 1007})


@dataclass(slots=True)
class _Saved:
    x: int = 0
    y: int = 0
    pen: Pen | None = None
    charsets: tuple[str, str, str, str] = ("B", "B", "B", "B")
    shift: int = 0
    origin: bool = False


class Screen(TextGrid):
    """A screen of cells with two buffers, scrollback and an answer to what programs ask.

    Args:
        columns: Width in cells.
        lines: Height in cells.
        history: Lines of scrollback to keep.
    """

    def __init__(self, columns: int, lines: int, *, history: int = 5000) -> None:
        self.on_reply: Callable[[bytes], None] = lambda data: None
        self.on_bell: Callable[[], None] = lambda: None
        self.on_copy: Callable[[str], None] = lambda data: None
        """Called with the base64 text of an OSC 52 copy."""
        self.private: set[int] = set()
        super().__init__(columns, lines, history=history)
        self.reset()

    # state

    def __getstate__(self) -> dict[str, object]:
        """Return all but the scrollback, the callbacks and what can be made anew."""
        left_out = {"history", "buffer", "pens", "on_reply", "on_bell", "on_copy"}
        state = {name: value for name, value in vars(self).items() if name not in left_out}
        state["pen"] = self.pen.style
        state["_saved"] = [
            (saved.x, saved.y, saved.pen and saved.pen.style, saved.charsets, saved.shift, saved.origin)
            for saved in self._saved
        ]
        state["rows"] = [pack(row) for row in self.rows]
        state["_main"] = None if self._main is None else [pack(row) for row in self._main]
        state["history"] = self.history.maxlen
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become what was stored."""
        main = state["_main"]
        vars(self).update(state, _main=None if main is None else [unpack(row) for row in main])
        self.pens = Pens()
        self.pen = self.pens.of(state["pen"])
        self._saved = [
            _Saved(x, y, pen and self.pens.of(pen), charsets, shift, origin)
            for x, y, pen, charsets, shift, origin in state["_saved"]
        ]
        self.rows = [unpack(row) for row in state["rows"]]
        self.history = deque(maxlen=state["history"])
        self.on_reply = lambda data: None
        self.on_bell = lambda: None
        self.on_copy = lambda data: None

    def reset(self) -> None:
        """Begin anew (RIS); the scrollback stays."""
        self.pen = self.pens.plain
        self.rows = self._blank_rows(self.lines)
        self._main = None
        self._saved = [_Saved(), _Saved()]
        self.cursor = pyte.screens.Cursor(0, 0)
        self.cursor_shape = 0
        self.tabstops = set(range(8, self.columns, 8))
        self.private = set(_FIRST_MODES)
        self._kept_modes: dict[int, bool] = {}
        self.keypad = False
        self.insert = False
        self.newline = False
        self.autowrap = True
        self.mouse = 0
        self.title = ""
        self._titles: list[str] = []
        self._charsets = ["B", "B", "B", "B"]
        self._shift = 0
        self._translation: dict[int, str] | None = None
        self._last = ""
        self._whole_margins()
        self.all_dirty = True

    def soft_reset(self) -> None:
        """Forget modes, margins, style and charsets; the text stays (DECSTR)."""
        self.private -= {1, 6, 66}
        self.private |= {7, 25}
        self.cursor.hidden = False
        self.keypad = self.insert = False
        self.autowrap = True
        self.pen = self.pens.plain
        self._charsets, self._shift = ["B", "B", "B", "B"], 0
        self._translate()
        self._saved[self.alternate] = _Saved()
        self._whole_margins()

    @property
    def display(self) -> list[str]:
        """The rows as text, as wide as the screen."""
        return ["".join([cell.data for cell in row]) for row in self.rows]

    def resize(  # type: ignore[override]  # pyte's returns nothing
        self, lines: int | None = None, columns: int | None = None
    ) -> Moves:
        """Change the size, and return where lines are then.

        Rows at the cursor stay. Lines of the main screen and of the scrollback are wrapped anew; on the
        alternate screen text is cut or padded at the right.
        """
        lines, columns = max(1, lines or self.lines), max(1, columns or self.columns)
        moves = Moves()
        if (lines, columns) == (self.lines, self.columns):
            return moves
        before, top = self.columns, self.pushed
        if columns > 1 and columns != before:
            if self._main is not None:
                saved = self._saved[False]
                saved.x, saved.y, moves = self._wrap_anew(self._main, saved.x, saved.y, columns)
            else:
                self.cursor.x, self.cursor.y, moves = self._wrap_anew(
                    self.rows, self.cursor.x, self.cursor.y, columns
                )
        self.cursor.y = self._refit(self.rows, self.cursor.y, lines, columns, scrolls=not self.alternate)
        if self._main is not None:
            saved = self._saved[False]
            saved.y = self._refit(self._main, saved.y, lines, columns, scrolls=True)
        self.lines, self.columns = lines, columns
        self.cursor.x = min(self.cursor.x, columns if self.autowrap and not self.alternate else columns - 1)
        if columns > before:
            self.tabstops.update(stop for stop in range(8, columns, 8) if stop >= before)
        self._whole_margins()
        self.all_dirty = True
        return moves if self._main is None else moves.with_screen(top, self.pushed)

    # text

    def draw(self, data: str) -> None:
        """Put printable text at the cursor, in the active character set."""
        if self._translation is not None:
            data = data.translate(self._translation)
        self.put(data, narrow=data.isascii() or is_narrow(data))

    def linefeed(self) -> None:
        """Move down, and to the first column where line feed means a new line."""
        self.index()
        if self.newline:
            self.cursor.x = 0

    # cursor

    def cursor_position(self, line: int | None = None, column: int | None = None) -> None:
        """Go to a line and column counted from 1, from the top margin in origin mode (CUP)."""
        self.cursor_to_line(line)
        self.cursor.x = min((column or 1) - 1, self.columns - 1)

    def cursor_to_line(self, line: int | None = None) -> None:
        """Go to a line (VPA)."""
        y = (line or 1) - 1
        if 6 in self.private:
            self.cursor.y = min(y + self.top, self.bottom)
        else:
            self.cursor.y = min(y, self.lines - 1)
        self.cursor.x = min(self.cursor.x, self.columns - 1)

    def cursor_to_column(self, column: int | None = None) -> None:
        """Go to a column (CHA)."""
        self.cursor.x = min((column or 1) - 1, self.columns - 1)

    def set_margins(self, top: int | None = None, bottom: int | None = None) -> None:
        """Set the scroll region, lines counted from 1 (DECSTBM)."""
        first = max((top or 1) - 1, 0)
        last = min((bottom or self.lines) - 1, self.lines - 1)
        if first < last:
            self.top, self.bottom = first, last
            self.cursor.x = 0
            self.cursor_to_line(1)

    def save_cursor(self) -> None:
        """Remember position, style, charsets and origin mode (DECSC)."""
        charsets = (self._charsets[0], self._charsets[1], self._charsets[2], self._charsets[3])
        self._saved[self.alternate] = _Saved(
            self.cursor.x, self.cursor.y, self.pen, charsets, self._shift, 6 in self.private
        )

    def restore_cursor(self) -> None:
        """Return to what was remembered, or to the beginning (DECRC)."""
        saved = self._saved[self.alternate]
        self.cursor.x = min(saved.x, self.columns)
        self.cursor.y = min(saved.y, self.lines - 1)
        self.pen = saved.pen or self.pens.plain
        self._charsets, self._shift = list(saved.charsets), saved.shift
        self._translate()
        if saved.origin:
            self.private.add(6)
            self.cursor.y = min(max(self.cursor.y, self.top), self.bottom)
        else:
            self.private.discard(6)

    # modes, styles, character sets

    def designate(self, slot: int, name: str) -> None:
        """Make a character set G0 to G3."""
        self._charsets[slot] = name
        self._translate()

    def shift(self, slot: int) -> None:
        """Use G0 to G3 from now on."""
        self._shift = slot
        self._translate()

    def _translate(self) -> None:
        self._translation = _CHARSETS.get(self._charsets[self._shift])

    def style(self, parameters: str) -> None:
        """Take other colours and attributes (SGR)."""
        pen = self.pen.next.get(parameters)
        if pen is None:
            pen = self.pens.of(apply(self.pen.style, parameters))
            if len(self.pen.next) < 1024:
                self.pen.next[parameters] = pen
        self.pen = pen

    def link(self, address: str) -> None:
        """Draw a hyperlink from now on, or none (OSC 8)."""
        self.pen = self.pens.of(self.pen.style._replace(link=address))

    def ansi_mode(self, mode: int, on: bool) -> None:
        """Switch an ANSI mode."""
        if mode == 4:
            self.insert = on
        elif mode == 20:
            self.newline = on

    def private_mode(self, mode: int, on: bool) -> None:
        """Switch a private mode; one that is not known does nothing."""
        if mode == 1048:
            (self.save_cursor if on else self.restore_cursor)()
        if mode not in _KNOWN_MODES:
            return
        if mode == 3 and 40 not in self.private:
            return  # as in xterm: whoever means it says 40 first
        (self.private.add if on else self.private.discard)(mode)
        if mode in _MOUSE:
            self.private -= _MOUSE - {mode}
            self.mouse = mode if on else 0
            if not on:
                self.private -= _MOUSE
        elif mode == 3:
            self._change_width()
        elif mode == 5:
            self.all_dirty = True
        elif mode == 6:
            self.cursor_position()
        elif mode == 7:
            self.autowrap = on
        elif mode == 25:
            self.cursor.hidden = not on
        elif mode in (47, 1047, 1049):
            self.private -= {47, 1047, 1049}
            self._switch(mode, on)

    def _change_width(self) -> None:
        """Do what 80 or 132 columns bring about, but for the width, which is the pane's (DECCOLM)."""
        self._whole_margins()
        self.cursor.x = self.cursor.y = 0
        self.erase_in_display(2)

    def _switch(self, mode: int, on: bool) -> None:
        if on and self._main is None:
            if mode == 1049:
                self.save_cursor()
            else:
                self._saved[False].y = self.cursor.y
            self._main, self.rows = self.rows, self._blank_rows(self.lines)
        elif not on and self._main is not None:
            self.rows, self._main = self._main, None
            if mode == 1049:
                self.restore_cursor()
        if on:
            self.private.add(mode)
        self.all_dirty = True

    def mode_value(self, mode: int, *, private: bool) -> int:
        """Tell a mode's setting: 0 not known, 1 set, 2 reset (DECRQM)."""
        if private:
            return 0 if mode not in _KNOWN_MODES else 1 if mode in self.private else 2
        known = {4: self.insert, 20: self.newline}
        return 0 if mode not in known else 1 if known[mode] else 2

    def keep_modes(self, modes: tuple[int, ...]) -> None:
        """Remember private modes (XTSAVE)."""
        self._kept_modes.update({mode: mode in self.private for mode in modes if mode in _KNOWN_MODES})

    def return_modes(self, modes: tuple[int, ...]) -> None:
        """Set private modes as they were remembered (XTRESTORE)."""
        for mode in modes:
            if mode in self._kept_modes:
                self.private_mode(mode, self._kept_modes[mode])

    def set_title(self, param: str) -> None:
        """Take a title."""
        self.title = param[:_LONGEST_TITLE]

    def push_title(self) -> None:
        """Remember the title."""
        self._titles = [*self._titles[1 - _TITLES :], self.title]

    def pop_title(self) -> None:
        """Return to the title remembered last."""
        if self._titles:
            self.title = self._titles.pop()
