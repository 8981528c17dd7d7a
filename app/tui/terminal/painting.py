"""Cells as Textual's strips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, pairwise
from operator import itemgetter

from rich.color import Color
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.strip import Strip

from app.tui.terminal.cells import BLANK, PLAIN, RGB, Cell, Style

_style = itemgetter(1)  # of a cell

_STRETCH = 16
_BLANKS = [BLANK] * _STRETCH
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
    own: bool = False
    """Whether the first 16 colours are those of the outer terminal."""


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
    drawn = min(len(row), width)
    while drawn >= _STRETCH and row[drawn - _STRETCH : drawn] == _BLANKS:
        drawn -= _STRETCH
    while drawn and row[drawn - 1] is BLANK:
        drawn -= 1
    if cursor is not None or marked:
        drawn = min(max(drawn, *(stop for _, stop, _ in marked), -1 if cursor is None else cursor + 1), width)
    cells = [*row[:drawn], *[BLANK] * (drawn - len(row))]
    cuts = [0, drawn] if cursor is None and not marked else _cuts(cells, cursor, marked)
    segments: list[Segment] = []
    for begin, end in pairwise(cuts):
        for cell_style, run in _runs(cells[begin:end]):
            style = rich_style(cell_style, palette, reverse)
            for first, last, background in marked:
                if first <= begin < last:
                    style = style + RichStyle(bgcolor=background, reverse=False)
            if cursor is not None and (begin == cursor or (begin == cursor + 1 and cells[begin].data == "")):
                style = style + _cursor_style(cursor_shape, focused, bool(style.reverse))
            text = "".join(run)
            if not text.isascii():
                # Without a selector the outer terminal keeps to the one column that the guest counted.
                text = text.replace("\ufe0f", "")
            if text:
                segments.append(Segment(text, style))
    if drawn < width:
        blanks, style = " " * (width - drawn), rich_style(PLAIN, palette, reverse)
        if segments and segments[-1].style is style:
            blanks = segments.pop().text + blanks
        segments.append(Segment(blanks, style))
    return Strip(segments, width)


def _runs(cells: Sequence[Cell]) -> list[tuple[Style, Sequence[str]]]:
    """Return styles, and the characters that follow each other in them."""
    if not cells:
        return []
    data, styles = zip(*cells, strict=True)
    if styles.count(styles[0]) == len(styles):  # as most rows are
        return [(styles[0], data)]
    return [(style, [cell[0] for cell in run]) for style, run in groupby(cells, key=_style)]


def _cuts(cells: Sequence[Cell], cursor: int | None, marked: Sequence[tuple[int, int, str]]) -> list[int]:
    """Return the columns at which the look may change beside where the styles do."""
    cuts = {0, len(cells)}
    if cursor is not None:
        wide = cursor + 1 < len(cells) and cells[cursor + 1].data == ""
        cuts |= {cursor, cursor + 1 + wide}
    for begin, end, _ in marked:
        cuts |= {begin, end}
    return sorted(cut for cut in cuts if 0 <= cut <= len(cells))


def _cursor_style(shape: int, focused: bool, reversed_already: bool) -> RichStyle:
    if not focused:
        return _WAITING
    if shape in (3, 4):
        return _UNDERLINE
    return _BLOCK_ON_REVERSE if reversed_already else _BLOCK


_WAITING = RichStyle(underline=True)
_UNDERLINE = RichStyle(underline=True, bold=True)
_BLOCK = RichStyle(reverse=True)
_BLOCK_ON_REVERSE = RichStyle(reverse=False)


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
        if palette.own:
            return Color.from_ansi(value)
        return Color.parse((_ANSI if palette.dark else _ANSI_ON_LIGHT)[value])
    if value < 232:
        red, green, blue = (value - 16) // 36, (value - 16) // 6 % 6, (value - 16) % 6
        return Color.from_rgb(*(level and level * 40 + 55 for level in (red, green, blue)))
    grey = (value - 232) * 10 + 8
    return Color.from_rgb(grey, grey, grey)
