"""Cells as Textual's strips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from rich.color import Color
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.strip import Strip

from app.tui.terminal.cells import RGB, Cell, Style

_ANSI = (
    "#2b303a #d0706a #8fbf8f #d8b46a #7ea6cf #b794c7 #79b8b8 #c3c9d3 "
    "#69748a #e58e88 #abd6a8 #ecd08f #a0c4ea #d2b2e0 #9ad4d3 #f2f4f8"
).split()
_ANSI_ON_LIGHT = (
    "#2a2f36 #a5312b #2c6b3c #845a10 #2c6289 #7a3f8c #1f6d70 #8d8778 "
    "#5c6675 #c24b44 #3d8550 #a37420 #3f7fae #985aad #2f8a8d #f8f6f1"
).split()


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours that a program does not name by number or value."""

    foreground: str = "#d3d8e0"
    background: str = "#15181d"
    dark: bool = True
    selection: str = "#3b5168"
    hit: str = "#5a4a22"


def strip_of(
    row: Sequence[Cell],
    width: int,
    palette: Palette,
    *,
    reverse: bool = False,
    cursor: int | None = None,
    cursor_shape: int = 0,
    focused: bool = True,
    marked: Sequence[tuple[int, int, str]] = (),
) -> Strip:
    """Return a row as a strip of exactly ``width`` columns, every segment with a background.

    Args:
        row: Its cells.
        width: Columns to fill.
        palette: Colours of the theme.
        reverse: Whether the whole screen is shown in reverse.
        cursor: Column of the cursor, if it is in this row.
        cursor_shape: As in DECSCUSR.
        focused: Whether keys go to this terminal; otherwise its cursor is only underlined.
        marked: Columns from and up to, and the background they are shown on.
    """
    cells = list(row[:width])
    plain = rich_style(Style(), palette, reverse)
    if cursor is None and not marked:
        segments = [
            Segment(_text(run), rich_style(style, palette, reverse))
            for style, run in groupby(cells, key=_style)
        ]
    else:
        cells += [Cell(" ", Style())] * (width - len(cells))
        segments = []
        kept: tuple[str, RichStyle] | None = None
        for x, cell in enumerate(cells):
            style = rich_style(cell.style, palette, reverse)
            for begin, end, background in marked:
                if begin <= x < end:
                    style = style + RichStyle(bgcolor=background, reverse=False)
            if x == cursor or (cell.data == "" and x - 1 == cursor):
                style = style + _cursor_style(cursor_shape, focused, bool(style.reverse))
            if kept is not None and kept[1] == style:
                kept = (kept[0] + _text([cell]), style)
            else:
                if kept is not None:
                    segments.append(Segment(*kept))
                kept = (_text([cell]), style)
        if kept is not None:
            segments.append(Segment(*kept))
    if len(cells) < width:
        segments.append(Segment(" " * (width - len(cells)), plain))
    return Strip(segments, width)


def _style(cell: Cell) -> Style:
    return cell.style


def _text(cells: Iterable[Cell]) -> str:
    # Without a selector the outer terminal keeps to the one column that the guest counted.
    text = "".join([cell.data for cell in cells])
    return text if text.isascii() else text.replace("\ufe0f", "")


def _cursor_style(shape: int, focused: bool, reversed_already: bool) -> RichStyle:
    if not focused:
        return RichStyle(underline=True)
    if shape in (3, 4):
        return RichStyle(underline=True, bold=True)
    return RichStyle(reverse=not reversed_already)


@lru_cache(8192)
def rich_style(style: Style, palette: Palette, reverse: bool = False) -> RichStyle:
    """Return a cell's style as Rich's, colours made true ones."""
    foreground = _colour(style.fg, palette, palette.foreground)
    background = _colour(style.bg, palette, palette.background)
    if style.reverse != reverse:
        foreground, background = background, foreground
    return RichStyle(
        color=foreground,
        bgcolor=background,
        bold=style.bold or None,
        dim=style.faint or None,
        italic=style.italics or None,
        underline=style.underline not in (0, 2) or None,
        underline2=style.underline == 2 or None,
        blink=style.blink or None,
        conceal=style.conceal or None,
        strike=style.strike or None,
        overline=style.overline or None,
        link=style.link or None,
    )


def _colour(value: int, palette: Palette, default: str) -> Color:
    if value < 0:
        return Color.parse(default)
    if value >= RGB:
        return Color.from_rgb(value >> 16 & 255, value >> 8 & 255, value & 255)
    if value < 16:
        return Color.parse((_ANSI if palette.dark else _ANSI_ON_LIGHT)[value])
    if value < 232:
        red, green, blue = (value - 16) // 36, (value - 16) // 6 % 6, (value - 16) % 6
        return Color.from_rgb(*(level and level * 40 + 55 for level in (red, green, blue)))
    grey = (value - 232) * 10 + 8
    return Color.from_rgb(grey, grey, grey)
