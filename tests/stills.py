"""Pictures of a terminal's screen, as the program in it drew it."""

from __future__ import annotations

import io
import re
from itertools import groupby

import pyte
from rich.color import Color, ColorParseError
from rich.console import Console
from rich.style import Style
from rich.text import Text


def svg(screen: pyte.Screen, title: str) -> str:
    """Return a screen as SVG.

    Args:
        screen: The screen.
        title: What its window is called.
    """
    console = Console(record=True, width=screen.columns, file=io.StringIO(), force_terminal=True)
    text = Text(no_wrap=True)
    for row in range(screen.lines):
        cells = [screen.buffer[row][column] for column in range(screen.columns)]
        for look, run in groupby(cells, key=lambda cell: cell._replace(data="")):
            text.append("".join(cell.data for cell in run), _style(look))
        text.append("\n")
    console.print(text, end="", soft_wrap=True)
    return re.sub(r"terminal-\d+", "terminal", console.export_svg(title=title, unique_id="terminal"))


def _style(cell: pyte.screens.Char) -> Style:
    return Style(
        color=_color(cell.fg),
        bgcolor=_color(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


def _color(name: str) -> Color | None:
    if name == "default":
        return None
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return Color.parse(f"#{name}")
    found = re.fullmatch(r"(bright)?(\w+)", name)
    assert found is not None
    plain = {"brown": "yellow"}.get(found[2], found[2])
    try:
        return Color.parse(f"bright_{plain}" if found[1] else plain)
    except ColorParseError:
        return None
