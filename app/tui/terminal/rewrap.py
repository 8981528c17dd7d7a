"""Lines of a terminal wrapped anew for another width, and where their cells are then."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.tui.terminal.cells import BLANK, PLAIN, Cell, Row, Style
from app.tui.terminal.packed import PackedRow, unpack

_RUN = 16
"""Blanks that are counted at once."""


class _Moved(NamedTuple):
    """Rows that were one line of text, and those that are now; how many cells of each are text."""

    old: int
    old_counts: tuple[int, ...]
    new: int
    new_counts: tuple[int, ...]


class Moves:
    """Where lines are after they were wrapped anew; lines are numbered, see ``TerminalModel``.

    Args:
        moved: What changed, from above. After each, lines moved on by as many as it has more.
    """

    def __init__(self, moved: Sequence[_Moved] = ()) -> None:
        self._moved = moved
        self._olds = [each.old for each in moved]

    def to(self, line: int, column: int) -> tuple[int, int]:
        """Return the line and column of what was in others."""
        at = bisect_right(self._olds, line) - 1
        if at < 0:
            return line, column
        moved = self._moved[at]
        inside = line - moved.old
        if inside >= len(moved.old_counts):
            return line - moved.old - len(moved.old_counts) + moved.new + len(moved.new_counts), column
        offset = sum(moved.old_counts[:inside]) + min(column, moved.old_counts[inside])
        below, column = _placed(moved.new_counts, offset)
        return moved.new + below, column

    def with_screen(self, old: int, new: int) -> Moves:
        """Return these for the lines before ``old``, which is at ``new`` then, as all after it."""
        kept = [each for each in self._moved if each.old < old]
        return Moves([*kept, _Moved(old, (), new, ())])


@dataclass(frozen=True, slots=True)
class Wrapped:
    """Lines after they were wrapped anew."""

    rows: list[Row | PackedRow]
    x: int
    """Column of the cursor; as many as there are where it waits to wrap."""
    y: int
    """Where its row is among them."""
    moves: Moves


def rewrap(rows: Sequence[Row | PackedRow], columns: int, x: int, y: int, *, first: int = 0) -> Wrapped:
    """Wrap lines anew. Rows that were not wrapped and still fit are left as they are, wider or narrower.

    Args:
        rows: The scrollback and the screen.
        columns: The new width, at least 2.
        x: Column of the cursor.
        y: Where its row is among them.
        first: The first row's number.
    """
    made: list[Row | PackedRow] = []
    moved: list[_Moved] = []
    cursor = (x, y)
    at, count = 0, len(rows)
    while at < count:
        row = rows[at]
        if not row.wrapped and _fits(row, columns) and (at != y or x <= columns):
            if at == y:
                cursor = x, len(made)
            made.append(row)
            at += 1
            continue
        end = at
        while end + 1 < count and rows[end].wrapped:
            end += 1
        whole = [_row(each) for each in rows[at : end + 1]]
        parts: list[Sequence[Cell]] = [each[: each.whole()] if each.short else each for each in whole[:-1]]
        parts.append(whole[-1][: max(used(whole[-1]), x if end == y else 0)])
        counts = tuple([len(part) for part in parts])
        cells: list[Cell] = []
        for part in parts:
            cells += part
        fresh, now = _split(cells, columns, any(each.wide for each in whole))
        if at <= y <= end:
            below, column = _placed(now, sum(counts[: y - at]) + min(x, counts[y - at]))
            cursor = column, len(made) + below
        if len(fresh) != len(whole) or now != counts:
            moved.append(_Moved(first + at, counts, first + len(made), now))
        made += fresh
        at = end + 1
    return Wrapped(made, *cursor, Moves(moved))


def used(row: Row) -> int:
    """Return how many cells a row has up to its last one that is not erased."""
    count = len(row)
    while count >= _RUN and row[count - _RUN : count].count(BLANK) == _RUN:
        count -= _RUN
    while count and _erased(row[count - 1]):
        count -= 1
    return count


def _erased(cell: Cell) -> bool:
    return cell.data == " " and (cell.style is PLAIN or cell.style == Style(bg=cell.style.bg))


def _row(row: Row | PackedRow) -> Row:
    return unpack(row) if isinstance(row, PackedRow) else row


def _fits(row: Row | PackedRow, columns: int) -> bool:
    if isinstance(row, PackedRow):
        if row.parts is None and len(row.text) <= columns:
            return True
        row = unpack(row)
    over = len(row) - columns
    return over <= 0 or row[columns:].count(BLANK) == over or used(row) <= columns


def _placed(counts: Sequence[int], offset: int) -> tuple[int, int]:
    """Return in which of the rows a cell of a text is, and where; at the end, after the last one's text."""
    for below, count in enumerate(counts[:-1]):
        if offset < count:
            return below, offset
        offset -= count
    return len(counts) - 1, min(offset, counts[-1])


def _split(cells: list[Cell], columns: int, wide: bool) -> tuple[list[Row], tuple[int, ...]]:
    """Return a text as rows, with how many cells of each are text."""
    rows: list[Row] = []
    counts: list[int] = []
    at = 0
    while True:
        end = min(at + columns, len(cells))
        last = end == len(cells)
        short = wide and not last and cells[end].data == ""
        row = Row(cells[at : end - short])
        count = len(row)
        counts.append(count)
        at += count
        if count < columns:
            row.extend([BLANK] * (columns - count))
        if wide:
            row.wide = True
        rows.append(row)
        if last:
            return rows, tuple(counts)
        row.wrapped = True
        if short:
            row.short = True
