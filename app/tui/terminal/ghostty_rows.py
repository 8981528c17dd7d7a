"""Rows as libghostty keeps them, made into rows of cells."""

from __future__ import annotations

from typing import Any, NamedTuple

from pyghostty import ffi, lib
from pyghostty.core import init_sized

from app.tui.terminal.cells import BLANK, DEFAULT, PLAIN, RGB, Cell, Row, Style

_MOST = 4096
"""Styles and cells kept for the next time."""
_MOST_KINDS = 65536
_LONGEST_LINK = 2048
_CELL_KEYS = {
    lib.GHOSTTY_CELL_DATA_CONTENT_TAG: "GhosttyCellContentTag",
    lib.GHOSTTY_CELL_DATA_CODEPOINT: "uint32_t",
    lib.GHOSTTY_CELL_DATA_WIDE: "GhosttyCellWide",
    lib.GHOSTTY_CELL_DATA_STYLE_ID: "GhosttyStyleId",
    lib.GHOSTTY_CELL_DATA_HAS_HYPERLINK: "bool",
}


class _Kind(NamedTuple):
    """What the number of a cell says by itself."""

    data: str | None
    """Its text; ``None`` where that is kept elsewhere."""
    style: int
    """Number of its style, 0 for none."""
    erased: Style | None
    """Its style where that has no number."""
    linked: bool
    plain: bool
    """Whether it is the same in every row."""


def _signature(name: str, out: str) -> Any:
    # A point is a union, which cffi cannot pass by value: it has a twin that is laid out the same.
    kind = f"GhosttyResult(*)(GhosttyTerminal, GhosttyPointS, {out}*)"
    return ffi.cast(kind, ffi.addressof(lib, name))


_REF = _signature("ghostty_terminal_grid_ref", "GhosttyGridRef")
TRACK = _signature("ghostty_terminal_grid_ref_track", "GhosttyTrackedGridRef")


def point(line: int) -> Any:
    """Return the beginning of a line as the library takes it."""
    place = ffi.new("GhosttyPointS*")
    place.tag, place.value.y = lib.GHOSTTY_POINT_TAG_SCREEN, line
    return place[0]


class RowReader:
    """Reads the rows of one terminal; what it returns is no longer the library's.

    Args:
        terminal: The library's terminal.
    """

    def __init__(self, terminal: Any) -> None:
        self._terminal = terminal
        self._raw, self._raw_row = ffi.new("GhosttyCell*"), ffi.new("GhosttyRow*")
        self._style_data = init_sized("GhosttyStyle")
        self._out = {key: ffi.new(f"{kind}*") for key, kind in _CELL_KEYS.items()}
        self._rgb, self._palette = ffi.new("GhosttyColorRgb*"), ffi.new("GhosttyColorPaletteIndex*")
        self._size, self._wrapped = ffi.new("size_t*"), ffi.new("bool*")
        self._styles: dict[bytes, Style] = {}
        self._kinds: dict[int, _Kind] = {}
        self._plain: dict[int, Cell] = {0: BLANK}
        """Narrow cells without a style."""

    def read(self, line: int, columns: int, raw: list[int] | None = None) -> Row:
        """Return a row.

        Args:
            line: Its place among all that the library keeps, the oldest being 0.
            columns: How many cells it has.
            raw: Its cells as the library packs them, where they are known.
        """
        ref = init_sized("GhosttyGridRef")
        if _REF(self._terminal, point(line), ref) != lib.GHOSTTY_SUCCESS:
            return Row([BLANK] * columns)
        if raw is None:
            raw, out, take = [], self._raw, lib.ghostty_grid_ref_cell
            for x in range(columns):
                ref.x = x
                take(ref, out)
                raw.append(out[0])
        cells = self._plain
        if not all(map(cells.__contains__, raw)):
            cells = self._cells_of(ref, raw)
        row = Row(map(cells.__getitem__, raw))
        if cells is not self._plain:
            for x, value in enumerate(raw):
                kind = self._kinds[value]
                if kind.linked or kind.data is None:  # what is not in its number
                    ref.x = x
                    data = self._cluster(ref) if kind.data is None else kind.data
                    link = self._link(ref) if kind.linked else ""
                    row[x] = Cell(data, row[x].style._replace(link=link))
                if kind.data == "":
                    row.wide = True
        ref.x = 0
        lib.ghostty_grid_ref_row(ref, self._raw_row)
        lib.ghostty_row_get(self._raw_row[0], lib.GHOSTTY_ROW_DATA_WRAP, self._wrapped)
        if self._wrapped[0]:
            row.wrapped = True
        return row

    def _cells_of(self, ref: Any, raw: list[int]) -> dict[int, Cell]:
        """Return the cells of a row by their numbers; a style's number means the same in one row alone."""
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        cells: dict[int, Cell] = {}
        styles: dict[int, Style] = {}
        for x, value in enumerate(raw):
            if value in cells:
                continue
            kind = self._kinds.get(value)
            if kind is None:
                kind = self._kind(value)
            style = styles.get(kind.style, kind.erased)
            if style is None:
                ref.x = x
                style = styles[kind.style] = self._style(ref)
            cells[value] = cell = Cell(kind.data or "", style)
            if kind.plain and len(self._plain) < _MOST:
                self._plain[value] = cell
        return cells

    def _kind(self, raw: int) -> _Kind:
        """Return what the number of a cell says."""
        out = self._out
        for key, found in out.items():
            lib.ghostty_cell_get(raw, key, found)
        tag, code, wide, number, linked = (found[0] for found in out.values())
        erased: Style | None = None if number else PLAIN
        data: str | None = chr(code) if code else " "
        if tag == lib.GHOSTTY_CELL_CONTENT_BG_COLOR_PALETTE:
            lib.ghostty_cell_get(raw, lib.GHOSTTY_CELL_DATA_COLOR_PALETTE, self._palette)
            data, erased = " ", Style(bg=self._palette[0])
        elif tag == lib.GHOSTTY_CELL_CONTENT_BG_COLOR_RGB:
            lib.ghostty_cell_get(raw, lib.GHOSTTY_CELL_DATA_COLOR_RGB, self._rgb)
            data, erased = " ", Style(bg=_number(self._rgb))
        elif tag == lib.GHOSTTY_CELL_CONTENT_CODEPOINT_GRAPHEME:
            data = None
        if wide == lib.GHOSTTY_CELL_WIDE_SPACER_TAIL:
            data = ""
        kind = _Kind(data, number, erased, bool(linked), bool(data) and not number and not linked)
        self._kinds[raw] = kind
        return kind

    def _cluster(self, ref: Any) -> str:
        lib.ghostty_grid_ref_graphemes(ref, ffi.NULL, 0, self._size)
        codes = ffi.new("uint32_t[]", max(self._size[0], 1))
        lib.ghostty_grid_ref_graphemes(ref, codes, len(codes), self._size)
        return "".join(map(chr, ffi.unpack(codes, self._size[0]))) or " "

    def _link(self, ref: Any) -> str:
        address = ffi.new("uint8_t[]", _LONGEST_LINK)
        if lib.ghostty_grid_ref_hyperlink_uri(ref, address, _LONGEST_LINK, self._size) != lib.GHOSTTY_SUCCESS:
            return ""
        text = bytes(ffi.buffer(address, self._size[0])).decode("utf-8", "replace")
        return "".join(char for char in text if char.isprintable())

    def _style(self, ref: Any) -> Style:
        data = self._style_data
        lib.ghostty_grid_ref_style(ref, data)
        key = bytes(ffi.buffer(data))
        style = self._styles.get(key)
        if style is None:
            if len(self._styles) >= _MOST:
                self._styles.clear()
            style = self._styles[key] = Style(
                fg=_colour(data.fg_color),
                bg=_colour(data.bg_color),
                bold=data.bold,
                faint=data.faint,
                italics=data.italic,
                underline=data.underline,
                blink=data.blink,
                reverse=data.inverse,
                conceal=data.invisible,
                strike=data.strikethrough,
                overline=data.overline,
            )
        return style


def _number(colour: Any) -> int:
    return RGB | int(colour.r) << 16 | int(colour.g) << 8 | int(colour.b)


def _colour(colour: Any) -> int:
    if colour.tag == lib.GHOSTTY_STYLE_COLOR_PALETTE:
        return int(colour.value.palette)
    if colour.tag == lib.GHOSTTY_STYLE_COLOR_RGB:
        return _number(colour.value.rgb)
    return DEFAULT
