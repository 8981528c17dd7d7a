"""Words for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.text import count, duration, harmless, size, table, tail


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0.0s"), (12.34, "12.3s"), (59.96, "1m00s"), (125, "2m05s"), (3599.7, "1h00m"), (3725, "1h02m")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_sizes_and_counts() -> None:
    assert [size(n) for n in (0, 1023, 2048, 5 << 20, 3 << 30)] == [
        "0 B",
        "1023 B",
        "2.0 KiB",
        "5.0 MiB",
        "3.0 GiB",
    ]
    assert (count(1, "test"), count(0, "test")) == ("1 test", "0 tests")


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("\x1b(Bplain\x1b=", "plain"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("bell\x07 tab\t", "bell tab\t"),
        ("c1 \x9b31mtext", "c1 31mtext"),
        ("ümlaut ✓", "ümlaut ✓"),
    ],
)
def test_output_of_guests_is_made_harmless(raw: str, kept: str) -> None:
    assert harmless(raw) == kept


@given(st.text())
def test_nothing_that_moves_a_cursor_gets_through(raw: str) -> None:
    shown = harmless(raw)
    assert not any((ord(c) < 32 and c not in "\t\n") or 127 <= ord(c) < 160 for c in shown)


def test_tail_tells_what_it_left_out() -> None:
    assert tail("a\nb\nc\n\n", 2) == ["… 1 lines before", "b", "c"]
    assert tail("", 2) == []


def test_table_is_aligned_and_has_no_blanks_at_the_end() -> None:
    assert table(("A", "B"), [("long", ""), ("x", "y")]) == "A     B\nlong\nx     y"
