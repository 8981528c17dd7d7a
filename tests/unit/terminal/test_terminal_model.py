"""What control sequences do to a terminal, one by one."""

from __future__ import annotations

import base64

import pytest
from terminal_emulators import emulator, known_difference  # noqa: F401 -- fixtures of every test here

from app.tui.terminal.cells import DEFAULT, RGB
from app.tui.terminal.model import LARGEST_COPY, Place, TerminalModel


def made(data: str | bytes, columns: int = 10, lines: int = 4, **options) -> TerminalModel:
    model = TerminalModel(columns, lines, **options)
    model.feed(data.encode() if isinstance(data, str) else data)
    return model


def rows(model: TerminalModel) -> list[str]:
    return [model.line(number).text() for number in range(model.top, model.end)]


SCREENS = {
    "text and new lines": ("ab\r\ncd", ["ab", "cd", "", ""]),
    "wraps": ("0123456789ab", ["0123456789", "ab", "", ""]),
    "waits to wrap": ("0123456789\rX", ["X123456789", "", "", ""]),
    "no wrap": ("\x1b[?7l0123456789abc", ["012345678c", "", "", ""]),
    "backspace from the edge": ("0123456789\bX", ["01234567X9", "", "", ""]),
    "scrolls": ("a\r\nb\r\nc\r\nd\r\ne", ["b", "c", "d", "e"]),
    "line feed alone": ("ab\ncd", ["ab", "  cd", "", ""]),
    "line feed as new line": ("\x1b[20hab\ncd", ["ab", "cd", "", ""]),
    "cursor position": ("\x1b[2;3Hx\x1b[Hy\x1b[99;99Hz", ["y", "  x", "", "         z"]),
    "extra cursor arguments": ("\x1b[2;3;4;5Hx", ["", "  x", "", ""]),
    "HVP": ("\x1b[3;2fx", ["", "", " x", ""]),
    "moves": ("\x1b[2;5H\x1b[Aa\x1b[2Bb\x1b[4Dc\x1b[2Cd", ["    a", "", "  c  d", ""]),
    "next and previous line": ("abc\x1b[Ed\x1b[Fe", ["ebc", "d", "", ""]),
    "column and line": ("\x1b[4Ga\x1b[3db\x1b[2`c", ["   a", "", " c  b", ""]),
    "tabs": ("\x1b[3g\x1b[3G\x1bH\x1b[6G\x1bH\r\ta\tb\x1b[Zc", ["  a  c", "", "", ""]),
    "tab forward": ("\x1b[2Ix", ["         x", "", "", ""]),
    "insert lines": ("a\r\nb\r\nc\r\nd\x1b[2;1H\x1b[2L", ["a", "", "", "b"]),
    "delete lines": ("a\r\nb\r\nc\r\nd\x1b[2;1H\x1b[2M", ["a", "d", "", ""]),
    "insert lines in a region": ("a\r\nb\r\nc\r\nd\x1b[1;3r\x1b[2H\x1b[L", ["a", "", "b", "d"]),
    "delete lines outside of it": ("a\r\nb\r\nc\r\nd\x1b[1;2r\x1b[4H\x1b[M", ["a", "b", "c", "d"]),
    "insert characters": ("abcdef\x1b[3G\x1b[2@", ["ab  cdef", "", "", ""]),
    "delete characters": ("abcdef\x1b[3G\x1b[2P", ["abef", "", "", ""]),
    "erase characters": ("abcdef\x1b[3G\x1b[2X", ["ab  ef", "", "", ""]),
    "insert mode": ("abc\x1b[2G\x1b[4hXY\x1b[4lZ", ["aXYZc", "", "", ""]),
    "erase to the end": ("abcdef\x1b[3G\x1b[K", ["ab", "", "", ""]),
    "erase from the start": ("abcdef\x1b[3G\x1b[1K", ["   def", "", "", ""]),
    "erase below": ("a\r\nbcd\r\ne\x1b[2;2H\x1b[J", ["a", "b", "", ""]),
    "erase above": ("a\r\nbcd\r\ne\x1b[2;2H\x1b[1J", ["", "  d", "e", ""]),
    "erase all": ("a\r\nbcd\x1b[2J", ["", "", "", ""]),
    "erase what is not known": ("abc\x1b[9J\x1b[7Kd", ["abcd", "", "", ""]),
    "region scrolls": ("a\r\nb\r\nc\r\nd\x1b[2;3r\x1b[3;1H\nx", ["a", "c", "x", "d"]),
    "reverse index": ("a\r\nb\x1b[H\x1bMx", ["x", "a", "b", ""]),
    "SU": ("a\r\nb\r\nc\r\nd\x1b[2S", ["c", "d", "", ""]),
    "SD": ("a\r\nb\r\nc\r\nd\x1b[T", ["", "a", "b", "c"]),
    "five numbers do not scroll": ("a\x1b[1;2;3;4;5T", ["a", "", "", ""]),
    "origin mode": ("\x1b[2;3r\x1b[?6h\x1b[Ha\x1b[9;1Hb", ["", "a", "b", ""]),
    "index and next line": ("a\x1bDb\x1bEc", ["a", " b", "c", ""]),
    "save and restore": ("ab\x1b7\x1b[3;3Hx\x1b8c", ["abc", "", "  x", ""]),
    "save and restore by CSI": ("ab\x1b[s\x1b[3;3Hx\x1b[uc", ["abc", "", "  x", ""]),
    "restore without save": ("ab\x1b8c", ["cb", "", "", ""]),
    "restore twice": ("\x1b[2;2H\x1b7\x1b[H\x1b8a\x1b8b", ["", " b", "", ""]),
    "repeat": ("ab\x1b[3b", ["abbbb", "", "", ""]),
    "repeat wraps": ("\x1b[8Gab\x1b[3b", ["       abb", "bb", "", ""]),
    "line drawing": ("\x1b(0lqk\x1b(Blqk", ["┌─┐lqk", "", "", ""]),
    "line drawing by shift": ("\x1b)0a\x0eqx\x0fq", ["a─│q", "", "", ""]),
    "repeat of line drawing": ("\x1b(0q\x1b[2b", ["───", "", "", ""]),
    "alignment": ("\x1b#8", ["E" * 10] * 4),
    "alternate screen and back": ("main\x1b[?1049h\x1b[Halt\x1b[?1049lX", ["mainX", "", "", ""]),
    "alternate screen": ("main\x1b[?1049h\x1b[Halt", ["alt", "", "", ""]),
    "alternate twice": ("main\x1b[?1049h\x1b[?1049hx\x1b[?1049ly", ["mainy", "", "", ""]),
    "mode 47": ("main\x1b[?47hx\x1b[?47ly", ["main y", "", "", ""]),
    "wide": ("漢字x", ["漢字x", "", "", ""]),
    "wide at the edge": ("012345678漢", ["012345678", "漢", "", ""]),
    "half of a wide one overwritten": ("漢字\x1b[2Gx", [" x字", "", "", ""]),
    "first half overwritten": ("漢字\x1b[3Gx", ["漢x", "", "", ""]),
    "wide pushed over the edge": ("01234567漢\x1b[G\x1b[@", [" 01234567", "", "", ""]),
    "combining": ("e\u0301x", ["e\u0301x", "", "", ""]),
    "combining at the edge": ("012345678e\u0301", ["012345678e\u0301", "", "", ""]),
    "combining with nothing": ("\u0301x", ["x", "", "", ""]),
    "joined emoji": ("👩\u200d💻x", ["👩\u200d💻x", "", "", ""]),
    "joiner ends with the cursor's move": ("👩\u200d\x1b[2;1H💻", ["👩\u200d", "💻", "", ""]),
    "skin tone": ("👍🏽x", ["👍🏽x", "", "", ""]),
    "variation selector": ("❤\ufe0fx", ["❤\ufe0fx", "", "", ""]),
    "zero width space": ("a\u200bb", ["ab", "", "", ""]),
    "broken UTF-8": (b"a\xffb\xe6\xbcc", ["a\ufffdb\ufffdc", "", "", ""]),
    "reset": ("\x1b[31mabc\x1b[2;3r\x1bcx", ["x", "", "", ""]),
    "soft reset": ("\x1b[4h\x1b[2;3r\x1b[!pab\rX", ["Xb", "", "", ""]),
    "control inside a sequence": ("ab\x1b[\r1Cx", ["ax", "", "", ""]),
    "cancelled sequence": ("a\x1b[31\x18mb", ["amb", "", "", ""]),
    "escape inside a sequence": ("a\x1b[3\x1b[2Cb", ["a  b", "", "", ""]),
    "8-bit controls": ("a\x9b2Cb", ["a  b", "", "", ""]),
}

SWALLOWED = {
    "modifyOtherKeys": "\x1b[>4;2m",
    "query of modifyOtherKeys": "\x1b[?4m",
    "kitty keyboard push": "\x1b[>1u",
    "kitty keyboard pop": "\x1b[<u",
    "kitty keyboard query": "\x1b[?u",
    "kitty keyboard set": "\x1b[=5;1u",
    "bad margins": "\x1b[?1r",
    "colour colon": "\x1b[38:2::1:2:3m\x1b[4:3m\x1b[m",
    "unknown SGR": "\x1b[999;38;7;123m\x1b[m",
    "DCS": "\x1bPq#0;2;0;0;0#0~~@@vv\x1b\\",
    "APC": "\x1b_Gf=24,s=10;AAAA\x1b\\",
    "PM": "\x1b^private\x1b\\",
    "SOS": "\x1bXstring\x1b\\",
    "unknown OSC": "\x1b]1337;File=inline=1:AAAA\x07",
    "OSC 133": "\x1b]133;A\x1b\\",
    "OSC 7": "\x1b]7;file://h/\x1b\\",
    "colour query": "\x1b]11;?\x07",
    "Linux palette": "\x1b]P1aabbcc",
    "Linux palette reset": "\x1b]R",
    "synchronized": "\x1b[?2026h\x1b[?2026l",
    "private marker inside": "\x1b[1?2h",
    "intermediates": "\x1b[1;2$r\x1b[3'}",
    "long sequence": "\x1b[" + "1;" * 3000 + "m\x1b[m",
    "huge number": "\x1b[" + "9" * 500 + "m",
    "UTF-8 selected": "\x1b%G\x1b F",
    "screen title": "\x1bktitle\x1b\\",
    "column mode": "\x1b[?3l",
    "unknown modes": "\x1b[?9999h\x1b[?5522$p\x1b[99h",
    "OSC ended by an escape": "\x1b]0;t\x1b[m",
}


@pytest.mark.parametrize("name", SCREENS)
def test_screen(name) -> None:
    data, expected = SCREENS[name]
    assert rows(made(data)) == expected


@pytest.mark.parametrize("name", SCREENS)
def test_cut_at_every_byte_it_is_the_same(name) -> None:
    data, _ = SCREENS[name]
    raw = data.encode() if isinstance(data, str) else data
    model = TerminalModel(10, 4)
    for position in range(len(raw)):
        model.feed(raw[position : position + 1])
    whole = made(raw)
    assert [model.line(n) for n in range(model.first, model.end)] == [
        whole.line(n) for n in range(whole.first, whole.end)
    ]
    assert model.cursor == whole.cursor


@pytest.mark.parametrize("name", SWALLOWED)
def test_swallowed_without_rubbish(name) -> None:
    model = made(f"ab{SWALLOWED[name]}cd", 20)
    assert rows(model) == ["abcd", "", "", ""]
    assert model.line(0)[2].style == model.line(0)[0].style


STYLES = {
    "bold": ("1", {"bold": True}),
    "faint": ("2", {"faint": True}),
    "neither": ("1;2;22", {}),
    "italics": ("3", {"italics": True}),
    "underline": ("4", {"underline": 1}),
    "curly": ("4:3", {"underline": 3}),
    "double": ("21", {"underline": 2}),
    "no underline": ("4;4:0", {}),
    "blink": ("5", {"blink": True}),
    "reverse": ("7", {"reverse": True}),
    "conceal": ("8", {"conceal": True}),
    "strike": ("9", {"strike": True}),
    "overline": ("53", {"overline": True}),
    "palette": ("31;42", {"fg": 1, "bg": 2}),
    "bright": ("91;102", {"fg": 9, "bg": 10}),
    "256": ("38;5;208;48;5;17", {"fg": 208, "bg": 17}),
    "256 by colon": ("38:5:208", {"fg": 208}),
    "true colour": ("38;2;1;2;3", {"fg": RGB | 0x010203}),
    "true colour by colon": ("48:2::255:0:16", {"bg": RGB | 0xFF0010}),
    "true colour by colon, short": ("48:2:255:0:16", {"bg": RGB | 0xFF0010}),
    "underline colour": ("4;58:5:9;59", {"underline": 1}),
    "underline colour, semicolons": ("58;2;4;4;4;1", {"bold": True}),
    "default colours": ("31;42;39;49", {}),
    "what follows a broken colour": ("38;5;999;1", {"bold": True}),
    "cut colour": ("1;38;2;5", {"bold": True}),
    "reset inside": ("1;31;0;4", {"underline": 1}),
    "nothing": ("", {}),
}


@pytest.mark.parametrize("name", STYLES)
def test_style(name) -> None:
    parameters, expected = STYLES[name]
    style = made(f"\x1b[{parameters}mx").line(0)[0].style
    changed = {
        field: value for field, value in style._asdict().items() if value not in (False, DEFAULT, 0, "")
    }
    changed |= {field: getattr(style, field) for field in expected}
    assert changed == expected


def test_erased_cells_take_the_background_only() -> None:
    row = made("\x1b[1;4;31;44m\x1b[K").line(0)
    assert {cell.style.bg for cell in row} == {4}
    assert not any(cell.style.bold or cell.style.underline or cell.style.fg != DEFAULT for cell in row)


def test_scrolled_in_lines_take_the_background() -> None:
    model = made("\x1b[44m\x1b[4;1H\n")
    assert {cell.style.bg for cell in model.line(model.end - 1)} == {4}


REPLIES = {
    "status": ("\x1b[5n", "\x1b[0n"),
    "cursor": ("\x1b[2;3H\x1b[6n", "\x1b[2;3R"),
    "cursor waiting to wrap": ("0123456789\x1b[6n", "\x1b[1;10R"),
    "cursor, private": ("\x1b[2;3H\x1b[?6n", "\x1b[?2;3R"),
    "cursor in origin mode": ("\x1b[2;4r\x1b[?6h\x1b[2;2H\x1b[6n", "\x1b[2;2R"),
    "attributes": ("\x1b[c", "\x1b[?62;22c"),
    "DECID": ("\x1bZ", "\x1b[?62;22c"),
    "secondary attributes": ("\x1b[>c", "\x1b[>41;377;0c"),
    "size": ("\x1b[18t", "\x1b[8;4;10t"),
    "mode set": ("\x1b[?2004h\x1b[?2004$p", "\x1b[?2004;1$y"),
    "mode reset": ("\x1b[?2026$p", "\x1b[?2026;2$y"),
    "mode not known": ("\x1b[?4242$p", "\x1b[?4242;0$y"),
    "cursor shape": ("\x1b[4 q\x1bP$q q\x1b\\", "\x1bP1$r4 q\x1b\\"),
    "setting not known": ("\x1bP$qz\x1b\\", "\x1bP0$r\x1b\\"),
    "termcap": ("\x1bP+q544e\x1b\\", "\x1bP0+r\x1b\\"),
    "title is not told": ("\x1b]2;evil\x07\x1b[21t", ""),
    "clipboard is not told": ("\x1b]52;c;?\x07", ""),
}


@pytest.mark.parametrize("name", REPLIES)
def test_reply(name) -> None:
    data, expected = REPLIES[name]
    model, got = TerminalModel(10, 4), bytearray()
    model.on_reply = got.extend
    model.feed(data.encode())
    assert got.decode() == expected


def test_titles() -> None:
    assert made("\x1b]0;one\x07").title == "one"
    assert made("\x1b]2;t\u00eft\x1b\\").title == "tït"
    assert made("\x1b]2;one\x07\x1b[22;0t\x1b]2;two\x07\x1b[23;0t").title == "one"
    assert made("\x1b]2;a\x01b\x07").title == "ab"


def test_links() -> None:
    row = made("\x1b]8;id=1;https://example.org\x1b\\ab\x1b]8;;\x1b\\c").line(0)
    assert [cell.style.link for cell in row[:3]] == ["https://example.org", "https://example.org", ""]


def test_copy_is_asked_for() -> None:
    asked: list[str] = []
    model = TerminalModel(10, 4)
    model.on_copy = asked.append
    model.feed(b"\x1b]52;c;" + base64.b64encode("grüß".encode()) + b"\x07")
    model.feed(b"\x1b]52;c;!!!\x07")
    model.feed(b"\x1b]52;c;" + base64.b64encode(b"x" * (LARGEST_COPY + 9)) + b"\x07")
    assert asked == ["grüß"]


def test_bell() -> None:
    rung: list[int] = []
    model = TerminalModel(10, 4)
    model.on_bell = lambda: rung.append(1)
    model.feed(b"a\x07b\x1b]0;t\x07")
    assert rung == [1]


MODES = {
    "application_cursor": "?1",
    "bracketed_paste": "?2004",
    "focus_events": "?1004",
    "mouse_sgr": "?1006",
    "reverse": "?5",
    "synchronized": "?2026",
    "alternate": "?1049",
    "newline": "20",
}


@pytest.mark.parametrize("field", MODES)
def test_mode(field) -> None:
    model = made(f"\x1b[{MODES[field]}h")
    assert getattr(model.modes, field) is True
    model.feed(f"\x1b[{MODES[field]}l".encode())
    assert getattr(model.modes, field) is False


def test_mouse_modes_replace_each_other() -> None:
    model = made("\x1b[?1000h\x1b[?1003h")
    assert model.modes.mouse == 1003
    model.feed(b"\x1b[?1000l")
    assert model.modes.mouse == 0


def test_saved_modes_return() -> None:
    assert made("\x1b[?1h\x1b[?1s\x1b[?1l\x1b[?1r").modes.application_cursor


def test_cursor_shape_and_visibility() -> None:
    cursor = made("\x1b[5 q\x1b[?25l").cursor
    assert (cursor.shape, cursor.visible) == (5, False)
    assert made("\x1b[?25l\x1b[!p").cursor.visible


def test_only_what_changed_is_dirty() -> None:
    model = made("a\r\nb\r\nc")
    model.take()
    model.feed(b"\x1b[2;1Hx")
    update = model.take()
    assert (update.rows, update.cursor.x, update.cursor.y) == (frozenset({1}), 1, 1)
    assert model.take().rows == frozenset()


def test_scrollback_is_bounded_and_lines_keep_their_numbers() -> None:
    model = made("".join(f"{n}\r\n" for n in range(50)), history=20)
    assert (model.first, model.top, model.end) == (27, 47, 51)
    assert model.line(30).text() == "30"
    with pytest.raises(IndexError):
        model.line(26)


def test_scrollback_takes_nothing_from_the_alternate_screen() -> None:
    model = made("\x1b[?1049h" + "x\r\n" * 30)
    assert model.top == 0


def test_scrollback_is_cleared_on_request() -> None:
    model = made("x\r\n" * 30 + "\x1b[3J")
    assert model.first == model.top


def test_shrinking_keeps_the_rows_at_the_cursor() -> None:
    model = made("a\r\nb\r\nc\r\nd")
    model.resize(10, 2)
    assert rows(model) == ["c", "d"]
    assert model.line(0).text() == "a"
    model.resize(10, 4)
    assert rows(model) == ["a", "b", "c", "d"]


def test_shrinking_cuts_what_is_below_the_cursor_first() -> None:
    model = made("a\r\nb")
    model.resize(10, 2)
    assert rows(model) == ["a", "b"]
    assert (model.cursor.x, model.cursor.y) == (1, 1)


def test_narrowing_cuts_no_wide_character_in_half() -> None:
    model = made("漢字")
    model.resize(3, 4)
    assert rows(model)[0] == "漢"
    assert len(model.line(0)) == 3


def test_main_screen_is_resized_behind_the_alternate_one() -> None:
    model = made("a\r\nb\r\nc\r\nd\x1b[?1049h")
    model.resize(5, 2)
    model.feed(b"\x1b[?1049l")
    assert rows(model) == ["c", "d"]
    model.feed(b"!")
    assert rows(model) == ["c", "d!"]


def test_text_joins_wrapped_lines() -> None:
    model = made("0123456789abc\r\nnext  \r\nlast")
    assert model.text(Place(0, 8), Place(2, 4)) == "89abc\nnext"
    assert model.text(Place(3, 2), Place(2, 0)) == "next\nla"


def test_word_at() -> None:
    model = made("ls /usr/bin (x)", 20)
    start, stop = model.word_at(Place(0, 5))
    assert model.text(start, stop) == "/usr/bin"


def test_find_looks_into_the_scrollback() -> None:
    model = made("".join(f"Line {n}\r\n" for n in range(12)) + "漢 line")
    hits = model.find("line 1")
    assert [(place.line, place.column, length) for place, length in hits] == [
        (1, 0, 6),
        (10, 0, 6),
        (11, 0, 6),
    ]
    assert model.find("Line 1") == hits
    assert model.find("LINE") == []
    assert model.find("漢 l")[0][1] == 4


def test_many_colours_do_not_pile_up() -> None:
    model = TerminalModel(10, 4)
    for n in range(9000):
        model.feed(f"\x1b[38;2;{n >> 8};{n & 255};7mx".encode())
    screen = model.emulator.screen
    assert len(screen.pens._pens) <= 4097
    assert model.line(model.end - 1)[0].style.fg & 0xFF == 7


def test_a_string_without_end_takes_no_more_memory_than_its_cap() -> None:
    model = made("\x1b]52;c;")
    for _ in range(40):
        model.feed(b"A" * 65536)
    parser = model.emulator._parser
    assert sum(map(len, parser._string)) < (1 << 20) + 70000
    model.feed(b"\x07done")
    assert rows(model)[0] == "done"
