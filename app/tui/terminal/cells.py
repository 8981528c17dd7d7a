"""What a terminal's screen is made of: styles, cells and rows, shared wherever they are equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

DEFAULT = -1
RGB = 1 << 24
"""Added to a 24-bit number to mark a true colour."""

_MOST_PENS = 4096
_MOST_CELLS = 8192


class Style(NamedTuple):
    """How a cell looks.

    Colours are ``DEFAULT``, 0 to 255 for the palette, or ``RGB`` plus 24 bits.
    """

    fg: int = DEFAULT
    bg: int = DEFAULT
    bold: bool = False
    faint: bool = False
    italics: bool = False
    underline: int = 0
    """0 none, 1 single, 2 double, 3 curly, 4 dotted, 5 dashed."""
    blink: bool = False
    reverse: bool = False
    conceal: bool = False
    strike: bool = False
    overline: bool = False
    link: str = ""
    """Address of a hyperlink."""


class Cell(NamedTuple):
    """One column of a row; the right half of a wide character has no data."""

    data: str
    style: Style


PLAIN = Style()
BLANK = Cell(" ", PLAIN)


class Row(list[Cell]):
    """A screen's row, always as long as the screen was wide when it was made."""

    wide = False
    """Whether a wide character was ever drawn in it."""
    wrapped = False
    """Whether its text goes on in the next row."""
    short = False
    """Whether it did so before its last column, in which a wide character had no room."""

    def whole(self) -> int:
        """Return how many of its cells are of a text that goes on in the next row."""
        return len(self) - (self.short and self[-1].data == " ")

    def text(self) -> str:
        """Return its characters without the blanks at the end."""
        return "".join([cell.data for cell in self]).rstrip(" ")


class CellTable(dict[str, Cell]):
    """Cells of one style by character, made when first asked for."""

    def __init__(self, style: Style) -> None:
        super().__init__()
        self.style = style

    def __missing__(self, data: str) -> Cell:
        cell = Cell(data, self.style)
        if len(self) < _MOST_CELLS:
            self[data] = cell
        return cell


class Pen:
    """A style with everything that is drawn with it."""

    __slots__ = ("blank", "cell", "cells", "next", "stub", "style")

    def __init__(self, style: Style) -> None:
        self.style = style
        self.cells = CellTable(style)
        self.cell: Callable[[str], Cell] = self.cells.__getitem__
        self.stub = Cell("", style)
        # What is erased takes the background colour and nothing else.
        self.blank = BLANK if style.bg == DEFAULT else Cell(" ", Style(bg=style.bg))
        self.next: dict[str, Pen] = {}
        """Pens by the SGR parameters that lead to them."""


class Pens:
    """Every pen in use, one for each style."""

    def __init__(self) -> None:
        self._pens: dict[Style, Pen] = {}
        self.plain = self.of(PLAIN)

    def of(self, style: Style) -> Pen:
        """Return the pen of a style."""
        pen = self._pens.get(style)
        if pen is None:
            if len(self._pens) >= _MOST_PENS:
                for old in self._pens.values():
                    old.next.clear()
                self._pens.clear()
                self.plain = self._pens[PLAIN] = Pen(PLAIN)
                if style == PLAIN:
                    return self.plain
            pen = self._pens[style] = Pen(style)
        return pen
