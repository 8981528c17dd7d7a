"""Keys, pastes and mouse reports, as xterm sends them."""

from __future__ import annotations

import string

import pytest
from textual._xterm_parser import XTermParser
from textual.events import Key

from app.tui.terminal.emulator import Modes
from app.tui.terminal.keys import Mouse, encode_focus, encode_key, encode_mouse, encode_paste

PLAIN = Modes()
APPLICATION = Modes(application_cursor=True)

KEYS = [
    ("a", "a", b"a"),
    ("A", "A", b"A"),
    ("é", "é", "é".encode()),
    ("space", " ", b" "),
    ("exclamation_mark", "!", b"!"),
    ("enter", "\r", b"\r"),
    ("shift+enter", None, b"\r"),
    ("alt+enter", None, b"\x1b\r"),
    ("tab", "\t", b"\t"),
    ("shift+tab", None, b"\x1b[Z"),
    ("escape", "\x1b", b"\x1b"),
    ("backspace", "\x7f", b"\x7f"),
    ("ctrl+backspace", None, b"\x08"),
    ("alt+backspace", None, b"\x1b\x7f"),
    ("ctrl+a", "\x01", b"\x01"),
    ("ctrl+z", "\x1a", b"\x1a"),
    ("ctrl+shift+a", None, b"\x01"),
    ("ctrl+h", "\x08", b"\x08"),
    ("ctrl+j", "\n", b"\n"),
    ("ctrl+@", "\x00", b"\x00"),
    ("ctrl+space", None, b"\x00"),
    ("ctrl+backslash", "\x1c", b"\x1c"),
    ("ctrl+right_square_bracket", "\x1d", b"\x1d"),
    ("ctrl+circumflex_accent", "\x1e", b"\x1e"),
    ("ctrl+underscore", "\x1f", b"\x1f"),
    ("ctrl+slash", None, b"\x1f"),
    ("ctrl+9", None, b"9"),
    ("alt+a", None, b"\x1ba"),
    ("alt+A", None, b"\x1bA"),
    ("alt+full_stop", None, b"\x1b."),
    ("alt+ctrl+a", None, b"\x1b\x01"),
    ("up", None, b"\x1b[A"),
    ("left", None, b"\x1b[D"),
    ("home", None, b"\x1b[H"),
    ("end", None, b"\x1b[F"),
    ("ctrl+right", None, b"\x1b[1;5C"),
    ("shift+up", None, b"\x1b[1;2A"),
    ("alt+left", None, b"\x1b[1;3D"),
    ("ctrl+shift+end", None, b"\x1b[1;6F"),
    ("alt+ctrl+shift+home", None, b"\x1b[1;8H"),
    ("insert", None, b"\x1b[2~"),
    ("delete", "\x1b[3~", b"\x1b[3~"),
    ("pageup", None, b"\x1b[5~"),
    ("ctrl+pagedown", None, b"\x1b[6;5~"),
    ("f1", None, b"\x1bOP"),
    ("f4", None, b"\x1bOS"),
    ("f5", None, b"\x1b[15~"),
    ("f10", None, b"\x1b[21~"),
    ("f12", None, b"\x1b[24~"),
    ("f13", None, b"\x1b[1;2P"),
    ("f24", None, b"\x1b[24;2~"),
    ("shift+f5", None, b"\x1b[15;2~"),
    ("ctrl+f1", None, b"\x1b[1;5P"),
    ("super+a", None, b""),
    ("caps_lock", None, b""),
]


@pytest.mark.parametrize(("key", "character", "expected"), KEYS, ids=[key for key, _, _ in KEYS])
def test_key(key, character, expected) -> None:
    assert encode_key(key, character, PLAIN) == expected


def test_application_cursor_keys() -> None:
    assert encode_key("up", None, APPLICATION) == b"\x1bOA"
    assert encode_key("end", None, APPLICATION) == b"\x1bOF"
    assert encode_key("ctrl+up", None, APPLICATION) == b"\x1b[1;5A"


def test_enter_in_new_line_mode() -> None:
    assert encode_key("enter", "\r", Modes(newline=True)) == b"\r\n"


ROUND_TRIPS = [bytes([n]) for n in range(127) if n != 27] + [b"\x7f"]
# Of what follows an escape, Textual's parser tells the letters; alt+digit and alt+sign need a terminal that
# speaks the kitty keyboard protocol.
ROUND_TRIPS += [b"\x1b" + letter.encode() for letter in string.ascii_letters if letter != "O"]
ROUND_TRIPS += [f"\x1b[{letter}".encode() for letter in "ABCDHF"]
ROUND_TRIPS += [f"\x1b[1;{n}{letter}".encode() for n in (2, 5, 6) for letter in "ABCDHF"]
ROUND_TRIPS += [f"\x1b[{n}~".encode() for n in (2, 3, 5, 6, 15, 17, 18, 19, 20, 21, 23, 24)]
ROUND_TRIPS += [b"\x1bOP", b"\x1bOQ", b"\x1bOR", b"\x1bOS", b"\x1b[Z"]
ROUND_TRIPS += [b"\x1b[1;2P", b"\x1b[15;2~", b"\x1b[3;5~", b"\x1b[5;5~"]
ROUND_TRIPS += ["ß".encode(), "漢".encode(), "👍".encode()]
# What Textual's parser takes for something else; keys of rxvt and iTerm, mostly.
LOST = {b"\x1bf": b"\x1b[1;5C", b"\x1bb": b"\x1b[1;5D"}


@pytest.mark.parametrize("data", ROUND_TRIPS, ids=repr)
def test_what_the_outer_terminal_sends_reaches_the_guest(data) -> None:
    parser = XTermParser()
    keys = [event for event in [*parser.feed(data.decode()), *parser.feed("")] if isinstance(event, Key)]
    sent = b"".join(encode_key(event.key, event.character, PLAIN) for event in keys)
    assert sent == LOST.get(data, data), [(event.key, event.character) for event in keys]


def test_paste() -> None:
    assert encode_paste("a\nb\r\nc\td", PLAIN) == b"a\rb\rc\td"
    assert encode_paste("a\nb", Modes(bracketed_paste=True)) == b"\x1b[200~a\rb\x1b[201~"


def test_paste_cannot_end_itself() -> None:
    pasted = encode_paste("x\x1b[201~rm -rf /\n\x9b201~", Modes(bracketed_paste=True))
    assert pasted.count(b"\x1b") == 2
    assert pasted.endswith(b"\x1b[201~")


def test_large_paste_is_intact() -> None:
    text = "".join(f"{n:09d}\n" for n in range(10_000))
    assert encode_paste(text, PLAIN) == text.replace("\n", "\r").encode()


def test_focus() -> None:
    assert encode_focus(True, PLAIN) == b""
    assert encode_focus(True, Modes(focus_events=True)) == b"\x1b[I"
    assert encode_focus(False, Modes(focus_events=True)) == b"\x1b[O"


def sgr(mode: int) -> Modes:
    return Modes(mouse=mode, mouse_sgr=True)


MICE = [
    (Mouse.PRESS, 1, PLAIN, b""),
    (Mouse.PRESS, 1, sgr(1000), b"\x1b[<0;3;2M"),
    (Mouse.RELEASE, 1, sgr(1000), b"\x1b[<0;3;2m"),
    (Mouse.PRESS, 3, sgr(1000), b"\x1b[<2;3;2M"),
    (Mouse.MOVE, 1, sgr(1000), b""),
    (Mouse.MOVE, 1, sgr(1002), b"\x1b[<32;3;2M"),
    (Mouse.MOVE, 0, sgr(1002), b""),
    (Mouse.MOVE, 0, sgr(1003), b"\x1b[<35;3;2M"),
    (Mouse.WHEEL_UP, 0, sgr(1000), b"\x1b[<64;3;2M"),
    (Mouse.WHEEL_DOWN, 0, sgr(1000), b"\x1b[<65;3;2M"),
    (Mouse.PRESS, 2, Modes(mouse=1000), b"\x1b[M\x21\x23\x22"),
    (Mouse.RELEASE, 2, Modes(mouse=1000), b"\x1b[M\x23\x23\x22"),
    (Mouse.PRESS, 1, Modes(mouse=9), b"\x1b[M\x20\x23\x22"),
    (Mouse.RELEASE, 1, Modes(mouse=9), b""),
]


@pytest.mark.parametrize(("what", "button", "modes", "expected"), MICE)
def test_mouse(what, button, modes, expected) -> None:
    assert encode_mouse(what, button, 2, 1, modes) == expected


def test_mouse_modifiers_and_far_columns() -> None:
    assert encode_mouse(Mouse.PRESS, 1, 0, 0, sgr(1000), shift=True, alt=True, ctrl=True) == b"\x1b[<28;1;1M"
    assert encode_mouse(Mouse.PRESS, 1, 300, 0, Modes(mouse=1000)) == b""
    assert encode_mouse(Mouse.PRESS, 1, 300, 0, sgr(1000)) == b"\x1b[<0;301;1M"
