from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from app.logs.match import plain_bytes
from app.tui import ansi


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m end", "red end"),
        ("\x1b[2J\x1b[Hcleared", "cleared"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r0m\x1b\\after", "after"),
        ("a\x07b\x08c\x00d", "abcd"),
        ("10%\r50%\r100%", "100%"),
        ("done\r", "done"),
        ("\t|", "        |"),
        ("cut off \x1b[3", "cut off "),
        ("\x1b(Bascii", "ascii"),
        ("\x1b[38:2:1:2:3mcolon", "colon"),
        ("\x1b[8mhidden is shown", "hidden is shown"),
        ("\x1b[>4;2mprivate", "private"),
    ],
)
def test_only_text_is_seen(line: str, seen: str) -> None:
    assert ansi.plain(line) == seen


def test_colours_are_kept() -> None:
    parts = ansi.styled("\x1b[1;31mbad\x1b[0m ok \x1b[38;5;208morange")
    assert [text for text, _ in parts] == ["bad", " ok ", "orange"]
    assert parts[0][1].bold and parts[0][1].color is not None and parts[0][1].color.number == 1
    assert parts[1][1].color is None
    assert parts[2][1].color is not None and parts[2][1].color.number == 208


def test_every_segment_has_the_background_of_the_pane() -> None:
    base = Style(color="#ffffff", bgcolor="#101010")
    for segment in ansi.segments("a \x1b[31mb\x1b[39;49m c", base):
        assert segment.style is not None
        assert segment.style.bgcolor == base.bgcolor
    assert ansi.segments("\x1b[39mx", base)[0].style.color == base.color


@given(
    st.text(alphabet=st.sampled_from("ab \t\r\x1b[]()PX;:?>0123456789mHJK\x07\\²\x9b\x00ü漢"), max_size=80)
)
def test_nothing_a_guest_prints_breaks_a_line(line: str) -> None:
    seen = ansi.plain(line)
    assert "\x1b" not in seen
    assert all(c >= " " and not "\x7f" <= c < "\xa0" for c in seen)


@given(st.binary(max_size=200))
def test_cleaned_bytes_keep_their_lines(data: bytes) -> None:
    assert plain_bytes(data).count(b"\n") == data.count(b"\n")
