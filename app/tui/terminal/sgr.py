"""Select graphic rendition: what ``CSI … m`` makes of a style, and what makes a style."""

from __future__ import annotations

from functools import lru_cache

from app.tui.terminal.cells import DEFAULT, PLAIN, RGB, Style

_FLAGS: dict[int, dict[str, bool | int]] = {
    1: {"bold": True},
    2: {"faint": True},
    3: {"italics": True},
    4: {"underline": 1},
    5: {"blink": True},
    6: {"blink": True},
    7: {"reverse": True},
    8: {"conceal": True},
    9: {"strike": True},
    21: {"underline": 2},
    22: {"bold": False, "faint": False},
    23: {"italics": False},
    24: {"underline": 0},
    25: {"blink": False},
    27: {"reverse": False},
    28: {"conceal": False},
    29: {"strike": False},
    39: {"fg": DEFAULT},
    49: {"bg": DEFAULT},
    53: {"overline": True},
    55: {"overline": False},
}
for _n in range(8):
    _FLAGS[30 + _n] = {"fg": _n}
    _FLAGS[40 + _n] = {"bg": _n}
    _FLAGS[90 + _n] = {"fg": 8 + _n}
    _FLAGS[100 + _n] = {"bg": 8 + _n}

_SET_BY = (
    ("bold", "1"),
    ("faint", "2"),
    ("italics", "3"),
    ("blink", "5"),
    ("reverse", "7"),
    ("conceal", "8"),
    ("strike", "9"),
    ("overline", "53"),
)
_CLEARED: dict[str, bool | int] = {name: value for name, value in PLAIN._asdict().items() if name != "link"}
_COLOURS = {38: "fg", 48: "bg", 58: ""}
"""What colours are for; those of underlines cannot be shown, but their numbers are theirs."""


def apply(style: Style, parameters: str) -> Style:
    """Return the style that SGR parameters make of another; what they say wrongly is passed over.

    Args:
        style: The style before.
        parameters: Numbers parted by semicolons, sub-parameters by colons.
    """
    fields: dict[str, bool | int] = {}
    items = parameters.split(";")
    position = 0
    while position < len(items):
        item = items[position]
        position += 1
        head, colon, rest = item.partition(":")
        code = _number(head)
        if code == 0 and not colon:
            fields = dict(_CLEARED)
        elif code in _COLOURS:
            if colon:
                colour = _with_colons(rest.split(":"))
            else:
                colour, taken = _with_semicolons(items[position : position + 4])
                position += taken
            if colour is not None and (name := _COLOURS[code]):
                fields[name] = colour
        elif colon:
            if code == 4 and (kind := _number(rest)) <= 5:
                fields["underline"] = kind
        elif code in _FLAGS:
            fields.update(_FLAGS[code])
    return style._replace(**fields) if fields else style  # type: ignore[arg-type]


def _number(text: str) -> int:
    return min(int(text), 99999) if text.isdigit() and len(text) < 10 else 0


def _rgb(red: int, green: int, blue: int) -> int | None:
    if max(red, green, blue) > 255:
        return None
    return RGB | red << 16 | green << 8 | blue


def _with_colons(parts: list[str]) -> int | None:
    kind, values = _number(parts[0]), [_number(part) for part in parts[1:]]
    if kind == 5 and values and values[0] <= 255:
        return values[0]
    if kind == 2 and len(values) >= 4:
        return _rgb(*values[1:4])  # the first one names a colour space
    if kind == 2 and len(values) == 3:
        return _rgb(*values)
    return None


def _with_semicolons(items: list[str]) -> tuple[int | None, int]:
    values = [_number(item) for item in items]
    if values[:1] == [5]:
        ok = len(values) > 1 and values[1] <= 255
        return (values[1] if ok else None), 2
    if values[:1] == [2]:
        return (_rgb(*values[1:4]) if len(values) == 4 else None), 4
    return None, 1


@lru_cache(4096)
def sgr(style: Style) -> str:
    """Return the sequence that sets a style, whatever was set before; links are left out."""
    codes = ["0", *(code for name, code in _SET_BY if getattr(style, name))]
    if style.underline:
        codes.append("4" if style.underline == 1 else f"4:{style.underline}")
    codes += _codes(style.fg, 30, 38) + _codes(style.bg, 40, 48)
    return f"\x1b[{';'.join(codes)}m"


def _codes(colour: int, base: int, extended: int) -> list[str]:
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
