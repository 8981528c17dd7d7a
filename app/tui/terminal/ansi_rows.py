"""Rows of a terminal as the control sequences that draw them in another one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from app.tui.terminal.cells import PLAIN, Cell
from app.tui.terminal.model import TerminalModel
from app.tui.terminal.sgr import sgr

_style = attrgetter("style")


def row_text(row: Sequence[Cell], width: int) -> str:
    """Return what draws a row, without blanks at its end, in the plain style afterwards."""
    cells = list(row[:width])
    while cells and cells[-1] == (" ", PLAIN):
        cells.pop()
    if len(row) > width and cells and len(cells) == width and row[width].data == "":
        cells[-1] = Cell(" ", cells[-1].style)  # half of a wide character does not fit
    parts = [
        (sgr(style) if style != PLAIN else "\x1b[0m") + "".join([cell.data for cell in run])
        for style, run in groupby(cells, key=_style)
    ]
    return "".join(parts) + "\x1b[0m"


def screen_text(model: TerminalModel) -> str:
    """Return what draws the whole screen of a terminal in an empty one of the same size."""
    modes, cursor = model.modes, model.cursor
    parts = ["\x1b[?1049h" if modes.alternate else "", "\x1b[H\x1b[2J"]
    for y in range(model.lines):
        drawn = row_text(model.line(model.top + y), model.columns)
        if drawn != "\x1b[0m":
            parts.append(f"\x1b[{y + 1}H{drawn}")
    parts.append(f"\x1b[{cursor.y + 1};{cursor.x + 1}H")
    parts.append("" if cursor.visible else "\x1b[?25l")
    return "".join(parts)
