"""Keys, pasted text and the mouse as the bytes that a program on a terminal expects."""

from __future__ import annotations

import re
from enum import Enum

from textual.keys import REPLACED_KEYS, key_to_character

from app.tui.terminal.emulator import Modes

_LETTERS = {"up": "A", "down": "B", "right": "C", "left": "D", "end": "F", "home": "H", "begin": "E"}
_FUNCTION_LETTERS = {"f1": "P", "f2": "Q", "f3": "R", "f4": "S"}
_NUMBERS = {"insert": 2, "delete": 3, "pageup": 5, "pagedown": 6, "f5": 15, "f6": 17, "f7": 18, "f8": 19}
_NUMBERS |= {"f9": 20, "f10": 21, "f11": 23, "f12": 24}
_CONTROL = {" ": 0, "@": 0, "2": 0, "[": 27, "3": 27, "\\": 28, "4": 28, "]": 29, "5": 29, "^": 30}
_CONTROL |= {"6": 30, "~": 30, "_": 31, "7": 31, "/": 31, "-": 31, "?": 127, "8": 127}
_TYPED = {"enter": "\r", "return": "\r", "tab": "\t", "escape": "\x1b", "backspace": "\x7f", "space": " "}
_SHIFT, _ALT, _CTRL, _META = 1, 2, 4, 8
_UNSENT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def encode_key(key: str, character: str | None, modes: Modes) -> bytes:
    """Return what xterm sends for a key; nothing for one that no terminal sends.

    Args:
        key: Textual's name of it: ``ctrl+shift+left``, ``alt+a``, ``f5``.
        character: The character it makes, if any.
        modes: What the program asked for.
    """
    *names, base = key.split("+")
    held = set(names)
    if held - {"shift", "alt", "ctrl", "meta"}:
        return b""  # the window manager's
    if not held and character is not None and character.isprintable():
        return character.encode()
    base = {"backtab": "tab", "ctrl_at": "@"}.get(base, base)
    if key == "backtab":
        held = {"shift"}
    bits = _SHIFT * ("shift" in held) + _ALT * ("alt" in held) + _CTRL * ("ctrl" in held)
    bits += _META * ("meta" in held)
    if (found := re.fullmatch("f([0-9]+)", base)) and 13 <= (number := int(found[1])) <= 24:
        base, bits = f"f{number - 12}", bits | _SHIFT  # what terminfo calls them
    return _named(base, bits, modes) or _typed(base, character, bits, modes)


def _named(base: str, bits: int, modes: Modes) -> bytes:
    if letter := _LETTERS.get(base):
        if bits:
            return f"\x1b[1;{bits + 1}{letter}".encode()
        return f"\x1b{'O' if modes.application_cursor else '['}{letter}".encode()
    if letter := _FUNCTION_LETTERS.get(base):
        return (f"\x1b[1;{bits + 1}{letter}" if bits else f"\x1bO{letter}").encode()
    if number := _NUMBERS.get(base):
        return (f"\x1b[{number};{bits + 1}~" if bits else f"\x1b[{number}~").encode()
    if base == "tab" and bits & _SHIFT:
        return b"\x1b\x1b[Z" if bits & _ALT else b"\x1b[Z"
    return b""


def _typed(base: str, character: str | None, bits: int, modes: Modes) -> bytes:
    prefix = "\x1b" if bits & (_ALT | _META) else ""
    if base in _TYPED and not (base == "space" and bits & _CTRL):
        text = _TYPED[base]
        if base == "backspace" and (bits & _CTRL or character == "\x08"):
            text = "\x08"
        elif text == "\r" and modes.newline:
            text = "\r\n"
        return (prefix + text).encode()
    made: str | None
    if len(base) == 1 or base == "space":
        made = " " if base == "space" else base
    else:
        made = key_to_character(REPLACED_KEYS.get(base, base)) or (
            character if character and len(character) == 1 else None
        )
    if made is None or len(made) != 1:
        return b""
    if bits & _CTRL:
        if made.isascii() and made.isalpha():
            made = chr(ord(made) & 31)
        elif made in _CONTROL:
            made = chr(_CONTROL[made])
    elif bits & _SHIFT:
        made = character if character and character.isprintable() else made.upper()
    return (prefix + made).encode()


def encode_paste(text: str, modes: Modes) -> bytes:
    """Return pasted text; control characters that could type commands are left out."""
    data = _UNSENT.sub("", text.replace("\r\n", "\r").replace("\n", "\r")).encode()
    return b"\x1b[200~" + data + b"\x1b[201~" if modes.bracketed_paste else data


def encode_focus(focused: bool, modes: Modes) -> bytes:
    """Return what tells a program that asked for it that its terminal has or has not the focus."""
    if not modes.focus_events:
        return b""
    return b"\x1b[I" if focused else b"\x1b[O"


class Mouse(Enum):
    """What a mouse does."""

    PRESS = "press"
    RELEASE = "release"
    MOVE = "move"
    WHEEL_UP = "wheel up"
    WHEEL_DOWN = "wheel down"
    WHEEL_LEFT = "wheel left"
    WHEEL_RIGHT = "wheel right"


_WHEEL = {Mouse.WHEEL_UP: 64, Mouse.WHEEL_DOWN: 65, Mouse.WHEEL_LEFT: 66, Mouse.WHEEL_RIGHT: 67}


def encode_mouse(
    what: Mouse,
    button: int,
    x: int,
    y: int,
    modes: Modes,
    *,
    shift: bool = False,
    alt: bool = False,
    ctrl: bool = False,
) -> bytes:
    """Return a report of the mouse; nothing if the program did not ask for it.

    Args:
        what: What it does.
        button: 1 left, 2 middle, 3 right; 0 for none.
        x: Column, from 0.
        y: Row, from 0.
        modes: What the program asked for.
        shift: Whether shift is held.
        alt: Whether alt is held.
        ctrl: Whether control is held.
    """
    if not modes.mouse or (modes.mouse == 9 and what is not Mouse.PRESS):
        return b""
    if what is Mouse.MOVE and not (modes.mouse == 1003 or (modes.mouse == 1002 and button)):
        return b""
    if what in _WHEEL:
        code = _WHEEL[what]
    elif what is Mouse.RELEASE and not modes.mouse_sgr:
        code = 3
    else:
        code = button - 1 if 1 <= button <= 3 else 3
    if what is Mouse.MOVE:
        code += 32
    if modes.mouse != 9:
        code += 4 * shift + 8 * alt + 16 * ctrl
    if modes.mouse_sgr:
        return f"\x1b[<{code};{x + 1};{y + 1}{'m' if what is Mouse.RELEASE else 'M'}".encode()
    if x > 222 or y > 222:
        return b""  # does not fit
    return b"\x1b[M" + bytes((32 + code, 33 + x, 33 + y))
