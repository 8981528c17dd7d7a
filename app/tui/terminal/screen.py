"""The screen that control sequences act on: pyte's, with what pyte lacks, and quick."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from unicodedata import category

import pyte
import pyte.charsets
from pyte.screens import Margins
from wcwidth import wcwidth

from app.tui.terminal.cells import Cell, Pen, Pens, Row
from app.tui.terminal.packed import PackedRow, pack, unpack
from app.tui.terminal.sgr import apply

GRAPHICS = {code: pyte.charsets.VT100_MAP[code] for code in range(0x5F, 0x7F)} | {0x5F: " ", 0x68: "␤"}
_BRITISH = {0x23: "£"}
_CHARSETS: dict[str, dict[int, str] | None] = {"0": GRAPHICS, "2": GRAPHICS, "A": _BRITISH}

# What takes one column for certain, so that it need not be looked up character by character.
_NARROW = re.compile(
    "[\u0020-\u007e\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2190-\u21ff\u2500-\u25fc]+"
).fullmatch
ZWJ = "\u200d"
_LONGEST_CLUSTER = 24
_TITLES = 10
_LONGEST_TITLE = 512

_MOUSE = frozenset({9, 1000, 1002, 1003})
_KNOWN_MODES = _MOUSE | {1, 3, 5, 6, 7, 12, 25, 40, 47, 66, 1004, 1006, 1007, 1047, 1049, 2004, 2026}
_FIRST_MODES = frozenset({7, 12, 25, 1007})


@lru_cache(16384)
def _width(char: str) -> int:
    """Return columns: 0 joins the character before, -1 is not shown at all."""
    if category(char) == "Cf" and char != ZWJ and not "\U000e0020" <= char <= "\U000e007f":
        return -1
    return wcwidth(char)


@dataclass(slots=True)
class _Saved:
    x: int = 0
    y: int = 0
    pen: Pen | None = None
    charsets: tuple[str, str, str, str] = ("B", "B", "B", "B")
    shift: int = 0
    origin: bool = False


class Screen(pyte.Screen):
    """A screen of cells with two buffers, scrollback and an answer to what programs ask.

    Its rows are lists, so that runs of text and scrolling are slices; the cursor, the tab stops and the
    margins are pyte's. A cursor whose ``x`` equals ``columns`` waits to wrap.

    Args:
        columns: Width in cells.
        lines: Height in cells.
        history: Lines of scrollback to keep.
    """

    def __init__(self, columns: int, lines: int, *, history: int = 5000) -> None:
        self.history: deque[Row | PackedRow] = deque(maxlen=history)
        self.pushed = 0
        """Lines that ever went into the scrollback."""
        self.on_reply: Callable[[bytes], None] = lambda data: None
        self.on_bell: Callable[[], None] = lambda: None
        self.on_copy: Callable[[str], None] = lambda data: None
        """Called with the base64 text of an OSC 52 copy."""
        self.pens = Pens()
        self.pen = self.pens.plain
        self.rows: list[Row] = []
        self.all_dirty = True
        self.private: set[int] = set()
        super().__init__(columns, lines)
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
        self._main: list[Row] | None = None
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
        self.icon_name = ""
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
    def alternate(self) -> bool:
        """Whether the alternate screen is shown."""
        return self._main is not None

    @property
    def display(self) -> list[str]:
        """The rows as text, as wide as the screen."""
        return ["".join([cell.data for cell in row]) for row in self.rows]

    def _whole_margins(self) -> None:
        self.top, self.bottom = 0, self.lines - 1
        self.margins = Margins(0, self.lines - 1)

    def _blank_row(self) -> Row:
        return Row([self.pen.blank] * self.columns)

    def _blank_rows(self, count: int) -> list[Row]:
        return [self._blank_row() for _ in range(count)]

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Change the size; rows at the cursor stay, text is cut or padded at the right."""
        lines, columns = max(1, lines or self.lines), max(1, columns or self.columns)
        if (lines, columns) == (self.lines, self.columns):
            return
        before = self.columns
        self.cursor.y = self._refit(self.rows, self.cursor.y, lines, columns, scrolls=not self.alternate)
        if self._main is not None:
            saved = self._saved[False]
            saved.y = self._refit(self._main, saved.y, lines, columns, scrolls=True)
        self.lines, self.columns = lines, columns
        self.cursor.x = min(self.cursor.x, columns - 1)
        if columns > before:
            self.tabstops.update(stop for stop in range(8, columns, 8) if stop >= before)
        self._whole_margins()
        self.all_dirty = True

    def _refit(self, rows: list[Row], y: int, lines: int, columns: int, *, scrolls: bool) -> int:
        """Fit a buffer to a size and return where the row ``y`` is now."""
        excess = len(rows) - lines
        if excess > 0:
            below = min(excess, len(rows) - 1 - y)
            if below:
                del rows[-below:]
            for row in rows[: excess - below]:
                if scrolls:
                    self.history.append(row)
                    self.pushed += 1
            del rows[: excess - below]
            y -= excess - below
        while len(rows) < lines and scrolls and self.history:
            last = self.history.pop()
            rows.insert(0, unpack(last) if isinstance(last, PackedRow) else last)
            self.pushed -= 1
            y += 1
        plain = self.pens.plain.blank
        rows += [Row([plain] * columns) for _ in range(lines - len(rows))]
        for row in rows:
            if len(row) > columns:
                if row[columns].data == "":
                    row[columns - 1] = Cell(" ", row[columns - 1].style)
                del row[columns:]
            elif len(row) < columns:
                row.extend([plain] * (columns - len(row)))
        return y

    # text

    def draw(self, data: str) -> None:
        """Put printable text at the cursor, in the active character set."""
        if self._translation is not None:
            data = data.translate(self._translation)
        self.put(data, narrow=data.isascii() or _NARROW(data) is not None)

    def put(self, text: str, *, narrow: bool) -> None:
        """Put text at the cursor.

        Args:
            text: Characters, none of them a control.
            narrow: Whether every one of them is known to take one column.
        """
        if not narrow or (self._last == ZWJ and not text.isascii()):
            self._put_each(text)
            return
        cursor = self.cursor
        x, end = cursor.x, cursor.x + len(text)
        if end <= self.columns and not self.insert:
            row = self.rows[cursor.y]
            if row.wide:
                _split(row, x, end)
            row[x:end] = map(self.pen.cell, text)
            cursor.x = end
            self.dirty.add(cursor.y)
            self._last = text[-1]
            if end == self.columns and not self.autowrap:
                cursor.x -= 1
            return
        self._last = text[-1]
        while text:
            if cursor.x >= self.columns:
                if self.autowrap:
                    self._wrap()
                else:
                    cursor.x = self.columns - 1
                    text = text[-1]
            x = cursor.x
            part, text = text[: self.columns - x], text[self.columns - x :]
            end = x + len(part)
            row = self.rows[cursor.y]
            if self.insert:
                self.insert_characters(len(part))
            if row.wide:
                _split(row, x, end)
            row[x:end] = map(self.pen.cell, part)
            self.dirty.add(cursor.y)
            cursor.x = end
            if end == self.columns and not self.autowrap:
                cursor.x -= 1
                text = text[-1:]

    def _put_each(self, text: str) -> None:
        cursor = self.cursor
        for char in text:
            width = _width(char)
            if width < 0:
                continue
            # Letters are never joined, so that the quick way need not ask.
            if width == 0 or (self._last == ZWJ and char > "\x7f") or "\U0001f3fb" <= char <= "\U0001f3ff":
                if self._join(char, width):
                    self._last = char
                    continue
                if width == 0:
                    continue
            self._last = char
            if width > self.columns:
                continue
            if cursor.x + width > self.columns:
                if self.autowrap:
                    self._wrap()
                else:
                    cursor.x = self.columns - width
            row = self.rows[cursor.y]
            x, end = cursor.x, cursor.x + width
            if self.insert:
                self.insert_characters(width)
            if row.wide:
                _split(row, x, end)
            row[x] = self.pen.cell(char)
            if width == 2:
                row[x + 1] = self.pen.stub
                row.wide = True
            self.dirty.add(cursor.y)
            cursor.x = end
            if end == self.columns and not self.autowrap:
                cursor.x -= 1

    def _join(self, char: str, width: int) -> bool:
        """Add a character to the one before the cursor; return whether that can be."""
        row = self.rows[self.cursor.y]
        x = min(self.cursor.x, self.columns) - 1
        if x > 0 and row[x].data == "":
            x -= 1
        if x < 0:
            return False
        data, style = row[x]
        if width:
            joined = data.endswith(ZWJ)
            toned = x + 1 < self.columns and row[x + 1].data == "" and "\U0001f3fb" <= char <= "\U0001f3ff"
            if not joined and not toned:
                return False
        if len(data) < _LONGEST_CLUSTER:
            row[x] = Cell(data + char, style)
            self.dirty.add(self.cursor.y)
        return True

    def repeat(self, count: int) -> None:
        """Draw the last character again (REP)."""
        if self._last and _width(self._last) > 0:
            count = min(count, self.columns * self.lines)
            self.put(self._last * count, narrow=_width(self._last) == 1)
            self._last = ""  # what is repeated is what was printed right before

    def _wrap(self) -> None:
        self.rows[self.cursor.y].wrapped = True
        self.cursor.x = 0
        self.index()

    # lines

    def index(self) -> None:
        """Move down, scrolling at the bottom margin."""
        cursor = self.cursor
        if cursor.y == self.bottom:
            self.scroll_up(1)
        elif cursor.y < self.lines - 1:
            cursor.y += 1

    def linefeed(self) -> None:
        """Move down, and to the first column where line feed means a new line."""
        self.index()
        if self.newline:
            self.cursor.x = 0

    def reverse_index(self) -> None:
        """Move up, scrolling at the top margin."""
        if self.cursor.y == self.top:
            self.scroll_down(1)
        elif self.cursor.y > 0:
            self.cursor.y -= 1

    def scroll_up(self, count: int) -> None:
        """Scroll the region up; what leaves the top of the main screen becomes scrollback."""
        rows, top, bottom = self.rows, self.top, self.bottom
        keep = top == 0 and self._main is None
        for _ in range(min(count, bottom - top + 1)):
            row = rows.pop(top)
            if keep:
                self.history.append(row)
                self.pushed += 1
            rows.insert(bottom, Row([self.pen.blank] * self.columns))
        self._touch(top, bottom)

    def scroll_down(self, count: int) -> None:
        """Scroll the region down."""
        self._scroll_down_from(self.top, count)

    def _scroll_down_from(self, top: int, count: int) -> None:
        for _ in range(min(count, self.bottom - top + 1)):
            del self.rows[self.bottom]
            self.rows.insert(top, self._blank_row())
        self._touch(top, self.bottom)

    def _touch(self, top: int, bottom: int) -> None:
        if top == 0 and bottom == self.lines - 1:
            self.all_dirty = True
        else:
            self.dirty.update(range(top, bottom + 1))

    def insert_lines(self, count: int | None = None) -> None:
        """Insert blank lines at the cursor, inside the region (IL)."""
        if self.top <= self.cursor.y <= self.bottom:
            self._scroll_down_from(self.cursor.y, count or 1)
            self.cursor.x = 0

    def delete_lines(self, count: int | None = None) -> None:
        """Delete lines from the cursor on, inside the region (DL)."""
        y = self.cursor.y
        if self.top <= y <= self.bottom:
            for _ in range(min(count or 1, self.bottom - y + 1)):
                del self.rows[y]
                self.rows.insert(self.bottom, self._blank_row())
            self._touch(y, self.bottom)
            self.cursor.x = 0

    # characters

    def _row_at_cursor(self) -> tuple[Row, int]:
        self.cursor.x = min(self.cursor.x, self.columns - 1)
        self.dirty.add(self.cursor.y)
        return self.rows[self.cursor.y], self.cursor.x

    def insert_characters(self, count: int | None = None) -> None:
        """Insert blanks at the cursor (ICH)."""
        row, x = self._row_at_cursor()
        count = min(count or 1, self.columns - x)
        if row.wide:
            _split(row, x, x)
            _split(row, self.columns - count, self.columns)
        row[x:] = [self.pen.blank] * count + row[x : self.columns - count]

    def delete_characters(self, count: int | None = None) -> None:
        """Delete characters from the cursor on (DCH)."""
        row, x = self._row_at_cursor()
        count = min(count or 1, self.columns - x)
        if row.wide:
            _split(row, x, x + count)
        row[x:] = row[x + count :] + [self.pen.blank] * count

    def erase_characters(self, count: int | None = None) -> None:
        """Blank characters from the cursor on (ECH)."""
        row, x = self._row_at_cursor()
        self._erase(row, x, min(x + (count or 1), self.columns))

    def _erase(self, row: Row, start: int, end: int) -> None:
        if row.wide:
            _split(row, start, end)
        row[start:end] = [self.pen.blank] * (end - start)
        if end == self.columns:
            row.wrapped = False

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:
        """Erase to the end, from the beginning, or all of the cursor's line (EL)."""
        row, x = self._row_at_cursor()
        if how == 0:
            self._erase(row, x, self.columns)
        elif how == 1:
            self._erase(row, 0, x + 1)
        elif how == 2:
            self._erase(row, 0, self.columns)

    def erase_in_display(self, how: int = 0, *args: object, **kwargs: object) -> None:
        """Erase to the end, from the beginning, all of the screen, or the scrollback (ED)."""
        if how == 3:
            self.history.clear()
            self.all_dirty = True
            return
        if how not in (0, 1, 2):
            return
        y = self.cursor.y
        start, end = {0: (y + 1, self.lines), 1: (0, y), 2: (0, self.lines)}[how]
        if how < 2:
            self.erase_in_line(how)
        self.rows[start:end] = self._blank_rows(end - start)
        self.dirty.update(range(start, end))

    def alignment_display(self) -> None:
        """Fill the screen with E (DECALN)."""
        self._whole_margins()
        self.cursor.x = self.cursor.y = 0
        cell = self.pens.plain.cell("E")
        self.rows = [Row([cell] * self.columns) for _ in range(self.lines)]
        self.all_dirty = True

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

    def cursor_up(self, count: int | None = None) -> None:
        """Go up, not over the top margin from below it (CUU)."""
        y = self.cursor.y
        self.cursor.y = max(y - (count or 1), self.top if y >= self.top else 0)
        self.cursor.x = min(self.cursor.x, self.columns - 1)

    def cursor_down(self, count: int | None = None) -> None:
        """Go down, not over the bottom margin from above it (CUD)."""
        y = self.cursor.y
        self.cursor.y = min(y + (count or 1), self.bottom if y <= self.bottom else self.lines - 1)
        self.cursor.x = min(self.cursor.x, self.columns - 1)

    def cursor_forward(self, count: int | None = None) -> None:
        """Go right (CUF)."""
        self.cursor.x = min(self.cursor.x + (count or 1), self.columns - 1)

    def cursor_back(self, count: int | None = None) -> None:
        """Go left (CUB, BS)."""
        self.cursor.x = max(0, min(self.cursor.x, self.columns - 1) - (count or 1))

    def tab(self) -> None:
        """Go to the next tab stop."""
        self.tab_forward(1)

    def tab_forward(self, count: int) -> None:
        """Go to a tab stop to the right, or the last column (CHT)."""
        if self.cursor.x >= self.columns:
            return  # what waits to wrap still does
        stops = sorted(stop for stop in self.tabstops if self.cursor.x < stop < self.columns)
        self.cursor.x = stops[count - 1] if count <= len(stops) else self.columns - 1

    def tab_back(self, count: int) -> None:
        """Go to a tab stop to the left, or the first column (CBT)."""
        stops = sorted((stop for stop in self.tabstops if stop < self.cursor.x), reverse=True)
        self.cursor.x = stops[count - 1] if count <= len(stops) else 0

    def clear_tab_stop(self, how: int = 0) -> None:
        """Clear the tab stop at the cursor, or all of them (TBC)."""
        if how == 3:
            self.tabstops = set()
        elif how == 0:
            self.tabstops.discard(self.cursor.x)

    def set_margins(self, top: int | None = None, bottom: int | None = None) -> None:
        """Set the scroll region, lines counted from 1 (DECSTBM)."""
        first = max((top or 1) - 1, 0)
        last = min((bottom or self.lines) - 1, self.lines - 1)
        if first < last:
            self.top, self.bottom = first, last
            self.margins = Margins(first, last)
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


def _split(row: Row, start: int, end: int) -> None:
    """Blank the halves of wide characters that are cut by taking ``start`` to ``end``."""
    if 0 < start < len(row) and row[start].data == "":
        row[start - 1] = Cell(" ", row[start - 1].style)
        row[start] = Cell(" ", row[start].style)
    if end < len(row) and row[end].data == "":
        row[end] = Cell(" ", row[end].style)
        if end and end > start:
            row[end - 1] = Cell(" ", row[end - 1].style)
