"""Rows of a terminal as the control sequences that draw them in another one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from operator import attrgetter

from app.tui.terminal.cells import DEFAULT, PLAIN, RGB, Cell, Style
from app.tui.terminal.model import TerminalModel

_FLAGS = (
    ("bold", "1"),
    ("faint", "2"),
    ("italics", "3"),
    ("blink", "5"),
    ("reverse", "7"),
    ("conceal", "8"),
    ("strike", "9"),
    ("overline", "53"),
)
_style = attrgetter("style")


@lru_cache(4096)
def sgr(style: Style) -> str:
    """Return the sequence that sets a style, whatever was set before; links are left out."""
    codes = ["0", *(code for name, code in _FLAGS if getattr(style, name))]
    if style.underline:
        codes.append("4" if style.underline == 1 else f"4:{style.underline}")
    codes += _colour(style.fg, 30, 38) + _colour(style.bg, 40, 48)
    return f"\x1b[{';'.join(codes)}m"


def _colour(colour: int, base: int, extended: int) -> list[str]:
    if colour == DEFAULT:
        return []
    if colour >= RGB:
        value = colour - RGB
        return [f"{extended};2;{value >> 16};{value >> 8 & 255};{value & 255}"]
    if colour < 8:
        return [str(base + colour)]
    if colour < 16:
        return [str(base + 60 + colour - 8)]
    return [f"{extended};5;{colour}"]


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
