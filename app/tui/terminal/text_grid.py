"""Text on a terminal's cells: wide characters, characters that join, the end of a row."""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import category

from wcwidth import wcwidth

from app.tui.terminal.cells import Cell
from app.tui.terminal.grid import Grid, split_wide

# What takes one column for certain, so that it need not be looked up character by character.
_NARROW = re.compile(
    "[\u0020-\u007e\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2190-\u21ff\u2500-\u25fc]+"
).fullmatch
ZWJ = "\u200d"
_LONGEST_CLUSTER = 24


def is_narrow(text: str) -> bool:
    """Whether every character takes one column for certain."""
    return _NARROW(text) is not None


@lru_cache(16384)
def width_of(char: str) -> int:
    """Return columns: 0 joins the character before, -1 is not shown at all."""
    if category(char) == "Cf" and char != ZWJ and not "\U000e0020" <= char <= "\U000e007f":
        return -1
    return wcwidth(char)


class TextGrid(Grid):
    """A grid that text is put on.

    Args:
        columns: Width in cells.
        lines: Height in cells.
        history: Lines of scrollback to keep.
    """

    def __init__(self, columns: int, lines: int, *, history: int) -> None:
        self.insert = False
        """Whether text moves what is right of it on."""
        self.autowrap = True
        self._last = ""
        """The character put last, to which others join."""
        super().__init__(columns, lines, history=history)

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
                split_wide(row, x, end)
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
                split_wide(row, x, end)
            row[x:end] = map(self.pen.cell, part)
            self.dirty.add(cursor.y)
            cursor.x = end
            if end == self.columns and not self.autowrap:
                cursor.x -= 1
                text = text[-1:]

    def _put_each(self, text: str) -> None:
        cursor = self.cursor
        for char in text:
            width = width_of(char)
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
                    self._wrap(short=cursor.x < self.columns)
                else:
                    cursor.x = self.columns - width
            row = self.rows[cursor.y]
            x, end = cursor.x, cursor.x + width
            if self.insert:
                self.insert_characters(width)
            if row.wide:
                split_wide(row, x, end)
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
        if self._last and width_of(self._last) > 0:
            count = min(count, self.columns * self.lines)
            self.put(self._last * count, narrow=width_of(self._last) == 1)
            self._last = ""  # what is repeated is what was printed right before

    def _wrap(self, *, short: bool = False) -> None:
        row = self.rows[self.cursor.y]
        row.wrapped = True
        if short or row.short:
            row.short = short and row[-1].data == " "
        self.cursor.x = 0
        self.index()
