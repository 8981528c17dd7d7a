"""Rows and whole emulators in a form that goes quickly from one process to another."""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from app.tui.terminal.cells import CellTable, Row, Style

_data, _style = itemgetter(0), itemgetter(1)


class PackedRow(NamedTuple):
    """A row as runs of one style; the text of each cell is one character unless ``parts`` says otherwise."""

    text: str
    runs: tuple[tuple[Style, int], ...]
    parts: tuple[str, ...] | None
    wide: bool
    wrapped: bool
    short: bool


@lru_cache(4096)
def _cells(style: Style) -> CellTable:
    return CellTable(style)


def pack(row: Row) -> PackedRow:
    """Return a row in little space."""
    parts = [*map(_data, row)]
    text = "".join(parts)
    simple = len(text) == len(row) and "" not in parts
    styles = [*map(_style, row)]
    if styles and styles.count(styles[0]) == len(styles):
        runs: tuple[tuple[Style, int], ...] = ((styles[0], len(styles)),)
    else:
        runs = tuple([(style, len([*run])) for style, run in groupby(styles)])
    return PackedRow(text, runs, None if simple else tuple(parts), row.wide, row.wrapped, row.short)


def unpack(packed: PackedRow) -> Row:
    """Return the row again."""
    row = Row()
    parts = packed.parts if packed.parts is not None else packed.text
    position = 0
    for style, count in packed.runs:
        row.extend(map(_cells(style).__getitem__, parts[position : position + count]))
        position += count
    if packed.wide:
        row.wide = True
    if packed.wrapped:
        row.wrapped = True
    if packed.short:
        row.short = True
    return row
