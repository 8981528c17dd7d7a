"""The cells of a terminal: rows in a scroll region, a cursor that moves over them, what scrolled away."""

from __future__ import annotations

from collections import deque

import pyte

from app.tui.terminal.cells import Cell, Pens, Row
from app.tui.terminal.packed import PackedRow, unpack
from app.tui.terminal.rewrap import Moves, rewrap, used


class Grid(pyte.Screen):
    """Rows of cells, changed at the cursor and inside the margins; knows neither text nor modes.

    Its rows are lists, so that runs of text and scrolling are slices; the cursor and the tab stops are
    pyte's. A cursor whose ``x`` equals ``columns`` waits to wrap.

    Args:
        columns: Width in cells.
        lines: Height in cells.
        history: Lines of scrollback to keep.
    """

    def __init__(self, columns: int, lines: int, *, history: int) -> None:
        self.history: deque[Row | PackedRow] = deque(maxlen=history)
        self.pushed = 0
        """Lines that ever went into the scrollback."""
        self.pens = Pens()
        self.pen = self.pens.plain
        self.rows: list[Row] = []
        self._main: list[Row] | None = None
        """The main screen's rows while the alternate screen is shown."""
        self.all_dirty = True
        super().__init__(columns, lines)

    @property
    def alternate(self) -> bool:
        """Whether the alternate screen is shown."""
        return self._main is not None

    def _whole_margins(self) -> None:
        self.top, self.bottom = 0, self.lines - 1

    def _blank_row(self) -> Row:
        return Row([self.pen.blank] * self.columns)

    def _blank_rows(self, count: int) -> list[Row]:
        return [self._blank_row() for _ in range(count)]

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
            if not scrolls and len(row) != columns:
                row.wrapped = row.short = False  # the alternate screen's rows are cut
            if len(row) > columns:
                if row[columns].data == "":
                    row[columns - 1] = Cell(" ", row[columns - 1].style)
                del row[columns:]
            elif len(row) < columns:
                row.extend([plain] * (columns - len(row)))
        return y

    def _wrap_anew(self, rows: list[Row], x: int, y: int, columns: int) -> tuple[int, int, Moves]:
        """Wrap the main screen's rows and the scrollback for a width; return where the cursor and all is now.

        Where there are more rows than before, blank ones below the cursor give way first; then the upper
        ones become scrollback. Where there are less, scrollback comes back, if the screen was full.
        """
        kept, lines = len(self.history), len(rows)
        found = rewrap([*self.history, *rows], columns, x, kept + y, first=self.pushed - kept)
        made, at = found.rows, found.y
        last = len(made)
        while last - 1 > at and not _used(made[last - 1]):
            last -= 1
        blank, before = len(made) - last, found.moves.to(self.pushed, 0)[0] - self.pushed + kept
        top = len(made) - lines
        if top > before:
            top -= min(blank, top - before)
        elif blank:
            top = before
        top = max(0, min(top, at))
        rows[:] = [unpack(row) if isinstance(row, PackedRow) else row for row in made[top : top + lines]]
        plain = self.pens.plain.blank
        rows += [Row([plain] * columns) for _ in range(lines - len(rows))]
        self.history.clear()
        self.history.extend(made[:top])
        self.pushed += top - kept
        return found.x, at - top, found.moves

    # lines

    def index(self) -> None:
        """Move down, scrolling at the bottom margin."""
        cursor = self.cursor
        if cursor.y == self.bottom:
            self.scroll_up(1)
        elif cursor.y < self.lines - 1:
            cursor.y += 1

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
            split_wide(row, x, x)
            split_wide(row, self.columns - count, self.columns)
        row[x:] = [self.pen.blank] * count + row[x : self.columns - count]

    def delete_characters(self, count: int | None = None) -> None:
        """Delete characters from the cursor on (DCH)."""
        row, x = self._row_at_cursor()
        count = min(count or 1, self.columns - x)
        if row.wide:
            split_wide(row, x, x + count)
        row[x:] = row[x + count :] + [self.pen.blank] * count

    def erase_characters(self, count: int | None = None) -> None:
        """Blank characters from the cursor on (ECH)."""
        row, x = self._row_at_cursor()
        self._erase(row, x, min(x + (count or 1), self.columns))

    def _erase(self, row: Row, start: int, end: int) -> None:
        if row.wide:
            split_wide(row, start, end)
        row[start:end] = [self.pen.blank] * (end - start)
        if end == self.columns:
            row.wrapped = row.short = False

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

    # the cursor

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


def _used(row: Row | PackedRow) -> bool:
    return row.wrapped or bool(used(unpack(row) if isinstance(row, PackedRow) else row))


def split_wide(row: Row, start: int, end: int) -> None:
    """Blank the halves of wide characters that are cut by taking ``start`` to ``end``."""
    if 0 < start < len(row) and row[start].data == "":
        row[start - 1] = Cell(" ", row[start - 1].style)
        row[start] = Cell(" ", row[start].style)
    if end < len(row) and row[end].data == "":
        row[end] = Cell(" ", row[end].style)
        if end and end > start:
            row[end - 1] = Cell(" ", row[end - 1].style)
