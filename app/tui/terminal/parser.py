"""Bytes to actions on a screen: a state machine with a quick way for what is common.

The quick way takes whole tokens by one regular expression and only between sequences; everything else,
and every sequence that a chunk cuts, goes through the machine one character at a time. Both end in the
same methods, so cutting a stream anywhere changes nothing.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache
from typing import Any

from app.tui.terminal.screen import Screen
from app.tui.terminal.sgr import sgr

VERSION = "vmbench"
_TOKEN = re.compile(
    r"([^\x00-\x1f\x7f-\x9f]+)|(\r\n)|\x1b\[([0-9;:]*)([@-~])|\x1b\[([<-?])([0-9;:]*)([@-~])|(.)", re.DOTALL
)
_TEXT, _NEW_LINE, _CSI, _PREFIXED_CSI = 1, 2, 4, 7
_STRING_END = re.compile("[\x07\x18\x1a\x1b\x9c]")
_LONGEST_STRING = 1 << 20
_LONGEST_SEQUENCE = 256
DEVICES = {15: "13", 25: "21", 26: "27;1", 53: "50", 55: "50"}
"""What is answered to who asks after the printer, defined keys, the keyboard and the locator."""
_SLOTS = {"(": 0, ")": 1, "*": 2, "+": 3, "-": 1, ".": 2, "/": 3}


class _State(IntEnum):
    GROUND = 0
    ESCAPE = 1
    CSI = 2
    STRING = 3
    STRING_ESCAPE = 4


@lru_cache(2048)
def _numbers(parameters: str) -> tuple[int, ...]:
    """Return parameters as numbers, 0 for what is left out or is none; sub-parameters are dropped."""
    found = []
    for part in parameters.split(";")[:32]:
        digits = part.partition(":")[0]
        found.append(min(int(digits.lstrip("0")[:6] or 0), 9999) if digits.isdigit() else 0)
    return tuple(found)


class Parser:
    """Feeds a screen.

    Args:
        screen: What the sequences act on.
    """

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._state = _State.GROUND
        self._collected = ""
        self._kind = ""
        self._string: list[str] = []
        self._string_length = 0
        one: dict[str, Callable[[int], None]] = {
            "@": screen.insert_characters,
            "A": screen.cursor_up,
            "B": screen.cursor_down,
            "C": screen.cursor_forward,
            "D": screen.cursor_back,
            "G": screen.cursor_to_column,
            "I": lambda n: screen.tab_forward(n or 1),
            "L": screen.insert_lines,
            "M": screen.delete_lines,
            "P": screen.delete_characters,
            "S": lambda n: screen.scroll_up(n or 1),
            "X": screen.erase_characters,
            "Z": lambda n: screen.tab_back(n or 1),
            "`": screen.cursor_to_column,
            "a": screen.cursor_forward,
            "b": lambda n: screen.repeat(n or 1),
            "d": screen.cursor_to_line,
            "e": screen.cursor_down,
            "g": screen.clear_tab_stop,
            "J": screen.erase_in_display,
            "K": screen.erase_in_line,
            "?J": screen.erase_in_display,
            "?K": screen.erase_in_line,
            "E": self._next_line,
            "F": self._previous_line,
            "c": self._device_attributes,
            ">c": lambda n: self._reply("\x1b[>41;377;0c") if n == 0 else None,
            "=c": lambda n: self._reply("\x1bP!|00000000\x1b\\") if n == 0 else None,
            "n": self._status,
            "?n": self._private_status,
            ">q": lambda n: self._reply(f"\x1bP>|{VERSION}\x1b\\") if n == 0 else None,
            " q": self._cursor_shape,
            "!p": lambda n: screen.soft_reset(),
            "x": lambda n: self._reply(line_parameters(n)) if n < 2 else None,
            "$p": lambda n: self._reply(f"\x1b[{n};{screen.mode_value(n, private=False)}$y"),
            "?$p": lambda n: self._reply(f"\x1b[?{n};{screen.mode_value(n, private=True)}$y"),
            "s": lambda n: screen.save_cursor(),
            "u": lambda n: screen.restore_cursor(),
        }
        self._one = one
        self._many: dict[str, Callable[[tuple[int, ...]], None]] = {
            "H": self._position,
            "f": self._position,
            "r": self._margins,
            "T": self._scroll_down,
            "t": self._window,
            "h": lambda p: self._modes(p, True),
            "l": lambda p: self._modes(p, False),
            "?h": lambda p: self._private_modes(p, True),
            "?l": lambda p: self._private_modes(p, False),
            "?s": screen.keep_modes,
            "?r": screen.return_modes,
        }
        self._control: dict[str, Callable[[], None]] = {
            "\x07": self._bell,
            "\x08": screen.cursor_back,
            "\x09": screen.tab,
            "\x0a": screen.linefeed,
            "\x0b": screen.linefeed,
            "\x0c": screen.linefeed,
            "\x0d": screen.carriage_return,
            "\x0e": lambda: screen.shift(1),
            "\x0f": lambda: screen.shift(0),
        }
        self._escape: dict[str, Callable[[], None]] = {
            "7": screen.save_cursor,
            "8": screen.restore_cursor,
            "D": screen.index,
            "E": lambda: self._next_line(1, scroll=True),
            "H": screen.set_tab_stop,
            "M": screen.reverse_index,
            "Z": lambda: self._device_attributes(0),
            "c": screen.reset,
            "n": lambda: screen.shift(2),
            "o": lambda: screen.shift(3),
            "=": lambda: self._keypad(True),
            ">": lambda: self._keypad(False),
            "#8": screen.alignment_display,
        }

    @property
    def idle(self) -> bool:
        """Whether it is in the midst of no sequence and no character."""
        return self._state is _State.GROUND and not self._decoder.getstate()[0]

    def state(self) -> tuple[object, ...]:
        """Return what is left of the bytes so far: a sequence or a character that was cut."""
        return (
            self._decoder.getstate(),
            int(self._state),
            self._collected,
            self._kind,
            self._string,
            self._string_length,
        )

    def go_on(self, state: tuple[Any, ...]) -> None:
        """Go on from a state that was returned before."""
        decoder, number, self._collected, self._kind, self._string, self._string_length = state
        self._decoder.setstate(decoder)
        self._state = _State(number)

    def feed(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere."""
        text = self._decoder.decode(data)
        position, length = 0, len(text)
        while position < length:
            if self._state is _State.GROUND:
                position = self._quick(text, position)
            else:
                position = self._slow(text, position)

    def _quick(self, text: str, position: int) -> int:
        """Take whole tokens; return where the first one begins that is none."""
        screen = self.screen
        draw, index, style = screen.draw, screen.index, screen.style
        one, many = self._one, self._many
        for found in _TOKEN.finditer(text, position):
            kind = found.lastindex
            if kind == _TEXT:
                draw(found[1])
            elif kind == _NEW_LINE:
                screen.cursor.x = 0
                index()
            elif kind == _CSI:
                parameters, final = found[3], found[4]
                if final == "m":
                    style(parameters)
                elif final in one:
                    one[final](_numbers(parameters)[0])
                elif final in many:
                    many[final](_numbers(parameters))
            elif kind == _PREFIXED_CSI:
                self._run_csi(found[5] + found[7], found[6])
            else:
                char = found[8]
                if char == "\x1b" or char >= "\x80":
                    self._ground(char)
                    return found.end()
                action = self._control.get(char)
                if action is not None:
                    action()
        return len(text)

    def _slow(self, text: str, position: int) -> int:
        """Take one character, or one piece of a string; return where to go on."""
        state = self._state
        if state is _State.STRING:
            return self._take_string(text, position)
        char = text[position]
        if state is _State.STRING_ESCAPE:
            self._end_string()
            if char == "\\":
                return position + 1
            self._ground("\x1b")
            return position
        if char == "\x1b" or "\x80" <= char <= "\x9f":
            self._ground(char)
        elif char in "\x18\x1a":
            self._state = _State.GROUND
        elif char < " " or char == "\x7f":
            action = self._control.get(char)
            if action is not None:
                action()
        elif state is _State.ESCAPE:
            self._in_escape(char)
        else:
            self._in_csi(char)
        return position + 1

    def _ground(self, char: str) -> None:
        """Begin a sequence with an escape or an 8-bit control; other controls end one."""
        self._collected = ""
        if char == "\x1b":
            self._state = _State.ESCAPE
        else:
            self._state = _State.GROUND
            self._in_escape(chr(ord(char) - 0x40))

    def _in_escape(self, char: str) -> None:
        if char <= "/":
            self._state = _State.ESCAPE
            self._collected = (self._collected + char)[:4]
            return
        self._state = _State.GROUND
        if self._collected in _SLOTS:
            self.screen.designate(_SLOTS[self._collected], char)
        elif self._collected == "" and char == "[":
            self._state = _State.CSI
        elif self._collected == "" and char in "]P_^Xk":
            self._state = _State.STRING
            self._kind, self._string, self._string_length = char, [], 0
        else:
            action = self._escape.get(self._collected + char)
            if action is not None:
                action()

    def _in_csi(self, char: str) -> None:
        if char < "@":
            if len(self._collected) < _LONGEST_SEQUENCE:
                self._collected += char
            else:
                self._collected = "!" * _LONGEST_SEQUENCE  # too long to mean anything
            return
        self._state = _State.GROUND
        if char > "~":
            return
        collected = self._collected
        prefix = collected[:1] if collected[:1] and collected[0] in "<=>?" else ""
        parameters = collected[len(prefix) :]
        rest = parameters.lstrip("0123456789;:")
        parameters = parameters[: len(parameters) - len(rest)]
        if rest.strip(" !\"#$%&'()*+,-./"):
            return  # a marker where none may be
        self._run_csi(prefix + rest + char, parameters)

    def _run_csi(self, name: str, parameters: str) -> None:
        if name == "m":
            self.screen.style(parameters)
        elif name in self._one:
            self._one[name](_numbers(parameters)[0])
        elif name in self._many:
            self._many[name](_numbers(parameters))

    # strings: OSC, DCS, APC, PM, SOS and the title of screen(1)

    def _take_string(self, text: str, position: int) -> int:
        if self._kind == "]" and (end := self._palette_end(text, position)) is not None:
            return end
        found = _STRING_END.search(text, position)
        end = found.start() if found else len(text)
        if self._string_length <= _LONGEST_STRING:
            self._string.append(text[position:end])
            self._string_length += end - position
        if found is None:
            return end
        char = found[0]
        if char == "\x1b":
            self._state = _State.STRING_ESCAPE
        elif char == "\x9c" or (char == "\x07" and self._kind in "]k"):
            self._end_string()
        elif char != "\x07":
            self._state = _State.GROUND
            self._string = []
        return end + 1

    def _palette_end(self, text: str, position: int) -> int | None:
        """Swallow the Linux console's palette sequences, which nothing ends."""
        sofar = "".join(self._string) if self._string_length < 8 else ""
        if self._string_length >= 8 or (sofar or text[position])[0] not in "RP":
            return None
        if (sofar or text[position])[0] == "R":
            self._state = _State.GROUND
            return position + 1
        if sofar and text[position] not in "0123456789abcdefABCDEF":
            return None
        self._string.append(text[position])
        self._string_length += 1
        if self._string_length == 8:
            self._state = _State.GROUND
        return position + 1

    def _end_string(self) -> None:
        self._state = _State.GROUND
        text, self._string = "".join(self._string), []
        if self._string_length > _LONGEST_STRING:
            return
        if self._kind == "]":
            self._run_osc(text)
        elif self._kind == "P":
            self._run_dcs(text)
        elif self._kind == "k":
            self.screen.set_title(_printable(text))

    def _run_osc(self, text: str) -> None:
        number, _, rest = text.partition(";")
        if number in ("0", "2"):
            self.screen.set_title(_printable(rest))
        elif number == "8":
            address = rest.partition(";")[2]
            self.screen.link(_printable(address) if len(address) <= 2048 else "")
        elif number == "52":
            data = rest.partition(";")[2]
            if data and data != "?":  # what the person copied is not told to guests
                self.screen.on_copy(data)

    def _run_dcs(self, text: str) -> None:
        screen = self.screen
        if text.startswith("$q"):
            known = {
                " q": f"{screen.cursor_shape} q",
                "r": f"{screen.top + 1};{screen.bottom + 1}r",
                "m": sgr(screen.pen.style)[2:],
            }.get(text[2:])
            self._reply(f"\x1bP1$r{known}\x1b\\" if known else "\x1bP0$r\x1b\\")
        elif text.startswith("+q"):
            self._reply("\x1bP0+r\x1b\\")

    # sequences that are more than a method of the screen

    def _reply(self, text: str) -> None:
        self.screen.on_reply(text.encode())

    def _bell(self) -> None:
        self.screen.on_bell()

    def _keypad(self, on: bool) -> None:
        self.screen.keypad = on

    def _position(self, numbers: tuple[int, ...]) -> None:
        self.screen.cursor_position(numbers[0], numbers[1] if len(numbers) > 1 else 1)

    def _margins(self, numbers: tuple[int, ...]) -> None:
        self.screen.set_margins(numbers[0], numbers[1] if len(numbers) > 1 else 0)

    def _next_line(self, count: int, *, scroll: bool = False) -> None:
        self.screen.cursor.x = 0
        if scroll:
            self.screen.index()
        else:
            self.screen.cursor_down(count)

    def _previous_line(self, count: int) -> None:
        self.screen.cursor.x = 0
        self.screen.cursor_up(count)

    def _scroll_down(self, numbers: tuple[int, ...]) -> None:
        if len(numbers) == 1:  # with five it would track the mouse
            self.screen.scroll_down(numbers[0] or 1)

    def _modes(self, numbers: tuple[int, ...], on: bool) -> None:
        for number in numbers:
            self.screen.ansi_mode(number, on)

    def _private_modes(self, numbers: tuple[int, ...], on: bool) -> None:
        for number in numbers:
            self.screen.private_mode(number, on)

    def _cursor_shape(self, shape: int) -> None:
        if shape <= 6:
            self.screen.cursor_shape = shape

    def _window(self, numbers: tuple[int, ...]) -> None:
        screen = self.screen
        if numbers[0] == 18:
            self._reply(f"\x1b[8;{screen.lines};{screen.columns}t")
        elif numbers[0] == 22:
            screen.push_title()
        elif numbers[0] == 23:
            screen.pop_title()

    def _device_attributes(self, number: int) -> None:
        if number == 0:
            self._reply("\x1b[?62;22c")

    def _status(self, number: int) -> None:
        if number == 5:
            self._reply("\x1b[0n")
        elif number == 6:
            self._reply(f"\x1b[{self._where()}R")

    def _private_status(self, number: int) -> None:
        if number == 6:
            self._reply(f"\x1b[?{self._where()}R")
        elif number in DEVICES:
            self._reply(f"\x1b[?{DEVICES[number]}n")

    def _where(self) -> str:
        screen = self.screen
        y = screen.cursor.y - (screen.top if 6 in screen.private else 0)
        return f"{y + 1};{min(screen.cursor.x, screen.columns - 1) + 1}"


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())


def line_parameters(kind: int) -> str:
    """Return what a serial terminal would say of its line: 8 bits, no parity, 38400 baud (DECREPTPARM)."""
    return f"\x1b[{kind + 2};1;1;128;128;1;0x"
