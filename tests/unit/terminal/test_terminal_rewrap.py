"""Lines wrapped anew when the width changes: beside a model of text alone, and beside tmux."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from terminal_tmux import Tmux, needs_tmux

from app.tui.terminal.model import Place, TerminalModel

WORDS = st.sampled_from(["a", "bc ", "  ", "0123456789", "漢字", "e\u0301", "\x1b[31mred\x1b[m", "x漢", " "])
LINES = st.lists(st.one_of(WORDS, st.just("\r\n")), max_size=25).map("".join)
SIZES = st.tuples(st.integers(2, 30), st.integers(1, 8))


def text_of(model: TerminalModel) -> list[str]:
    """What it shows, line by line as it was printed; blanks at the end of lines and of all left out."""
    lines = model.text(Place(model.first, 0), Place(model.end, 0)).split("\n")
    lines = [line.rstrip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def printed(stream: str) -> list[str]:
    lines = [line.rstrip() for line in re.sub(r"\x1b\[\d*m", "", stream).split("\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def before_cursor(model: TerminalModel) -> str:
    """The text from the beginning of the cursor's line up to it."""
    line = model.top + model.cursor.y
    begin = line
    while begin > model.first and model.line(begin - 1).wrapped:
        begin -= 1
    x = model.emulator.screen.cursor.x
    return model.text(Place(begin, 0), Place(line, x))


def check_rows(model: TerminalModel) -> None:
    for number in range(model.first, model.end):
        row = model.line(number)
        assert number < model.top or len(row) == model.columns
        for x, cell in enumerate(row):
            half = x + 1 < len(row) and row[x + 1].data == ""
            assert cell.data != "" or row[x - 1].data == "漢" or row[x - 1].data == "字"
            assert cell.data not in ("漢", "字") or half


@settings(max_examples=250, deadline=None)
@given(st.lists(st.tuples(LINES, SIZES), min_size=1, max_size=6), st.integers(0, 3))
def test_text_cursor_and_places_stay_whatever_the_sizes(parts, alternate: int) -> None:
    model = TerminalModel(20, 5, history=10_000)
    stream = ""
    for number, (text, (columns, lines)) in enumerate(parts):
        model.feed(text.encode())
        stream += text
        places = {
            Place(line, x): cell
            for line in range(model.first, model.end)
            for x, cell in enumerate(model.line(line))
            if cell.data not in ("", " ")
        }
        if number and number == alternate:  # behind the alternate screen all is as in front of it
            model.feed(b"\x1b[?1049hthe other screen")
            model.resize(columns, lines)
            model.feed(b"\x1b[?1049l")
        else:
            moving = model.resize(columns, lines)
            for place, cell in places.items():
                now = moving(place)
                assert model.line(now.line)[now.column] == cell
        assert text_of(model) == printed(stream)
        line = re.sub(r"\x1b\[\d*m", "", stream).rpartition("\r\n")[2]
        assert before_cursor(model).rstrip() == line.rstrip()
        assert model.first >= 0
        check_rows(model)


def shown(model: TerminalModel) -> list[str]:
    return [model.line(n).text() for n in range(model.top, model.end)]


def test_the_scrollback_comes_back_with_its_lines_as_they_were() -> None:
    model = TerminalModel(10, 3)
    model.feed(b"0123456789abcdefghij\r\nnext\r\nlast")
    assert (model.top, shown(model)) == (1, ["abcdefghij", "next", "last"])
    moving = model.resize(5, 3)
    assert (model.top, shown(model)) == (3, ["fghij", "next", "last"])
    assert [model.line(n).text() for n in range(3)] == ["01234", "56789", "abcde"]
    assert (moving(Place(1, 7)), moving(Place(2, 1))) == (Place(3, 2), Place(4, 1))
    model.resize(20, 3)
    assert shown(model) == ["0123456789abcdefghij", "next", "last"]
    assert model.first == model.top == 0


def test_what_is_blank_gives_way_first_and_comes_back() -> None:
    model = TerminalModel(10, 4)
    model.feed(b"old\r\n" * 6 + b"\x1b[H\x1b[2J0123456789abcde")
    model.resize(5, 4)
    assert shown(model) == ["01234", "56789", "abcde", ""]
    assert model.line(model.top - 1).text() == "old"
    model.resize(30, 4)
    assert shown(model) == ["0123456789abcde", "", "", ""]


def test_what_is_typed_goes_on_in_the_line_that_was_wrapped() -> None:
    model = TerminalModel(10, 3)
    model.feed(b"$ echo 1234")
    for width in (4, 7, 11, 30):
        model.resize(width, 3)
        model.feed(b"+")
    assert shown(model)[0] == "$ echo 1234++++"


def test_a_line_whose_end_was_erased_goes_on_no_more() -> None:
    model = TerminalModel(10, 4)
    model.feed(b"0123456789abc\x1b[Hthe top\x1b[K\r\nanother")
    model.resize(20, 4)
    assert shown(model) == ["the top", "another", "", ""]


def test_what_is_written_where_a_wide_character_had_no_room_stays() -> None:
    model = TerminalModel(5, 3)
    model.feed("漢字漢".encode())
    assert model.text(Place(0, 0), Place(2, 0)) == "漢字漢\n"
    model.feed("\x1b[1;4H漢".encode())
    model.resize(12, 3)
    assert shown(model)[0] == "漢 漢漢"


def test_lines_of_the_alternate_screen_are_cut() -> None:
    model = TerminalModel(10, 3)
    model.feed(b"\x1b[?1049h0123456789abc")
    model.resize(5, 3)
    assert shown(model) == ["01234", "abc", ""]
    assert model.text(Place(model.top, 0), Place(model.end, 0)).split() == ["01234", "abc"]


CASES = {
    "long lines": b"the quick brown fox jumps over the lazy dog\r\n" * 12 + b"$ ls",
    "short lines": b"one\r\ntwo\r\nthree\r\n" * 6 + b"end",
    "exactly full": b"01234567890123456789\r\n" * 9 + b"01234567890123456789",
    "wide": "漢字かな交じり文がここで折り返す\r\n".encode() * 9 + "終わり".encode(),
    "wide at odd columns": "a漢字かな交じり文がここで折り返す\r\n".encode() * 9 + b"x",
    "spaces inside": b"a          b          c          d\r\n" * 9 + b"e",
    "blank lines between": b"first paragraph of some length\r\n\r\n" * 8 + b"x",
    "colours": b"\x1b[31mred and \x1b[44mon blue, for a while\x1b[m then not\r\n" * 9 + b"$",
    "rewritten": b"progress: 10 % of a very long job\rprogress: 20 % of a very long job\r\n" * 9 + b"$",
    "left by a line feed": b"0123456789012345678901234\x1b[A\r\nxy\r\n" * 9 + b"z",
    "one very long line": b"".join(b"%04d " % n for n in range(90)) + b"\r\nend",
    "the cursor in a long line": b"line\r\n" * 9 + b"$ a command that takes more than one row",
}


@needs_tmux
def test_as_tmux_does_it(tmp_path) -> None:
    def rows(text: str) -> list[str]:
        return [line.rstrip() for line in text.rstrip().split("\n")]

    for number, (name, data) in enumerate(CASES.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        tmux = Tmux(folder, 20, 6)
        model = TerminalModel(20, 6, history=2000)
        try:
            tmux.run("set-option", "-g", "window-size", "manual")
            tmux.play(data)
            model.feed(data)
            for width in (13, 31, 7, 20, 80, 20):
                tmux.run("resize-window", "-x", str(width), "-y", "6")
                model.resize(width, 6)
                theirs = rows(tmux.run("capture-pane", "-p", "-S", "-"))
                ours = rows("\n".join([model.line(n).text() for n in range(model.first, model.end)]))
                assert ours == theirs, (name, width)
                x, y = tmux.run("display-message", "-p", "#{cursor_x} #{cursor_y}").split()
                at = model.emulator.screen.cursor
                assert (at.x, at.y) == (int(x), int(y)), (name, width)
        finally:
            tmux.close()


@pytest.mark.parametrize("columns", [1, 2])
def test_the_narrowest(columns: int) -> None:
    model = TerminalModel(10, 3)
    model.feed("ab漢c\r\nd".encode())
    model.resize(columns, 3)
    model.resize(10, 3)
    assert "d" in "".join(shown(model))
    check_rows(model)
