"""What a terminal shows, told from its escape sequences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.engine.latency.watcher import ALPHABET, Watcher, usable

STREAM = (
    b"\x1b[?2026h\x1b[12;3H\x1b[38;5;4mX\x1b[0m\x1b(B\x1b]0;A title with K\x07Z"
    b"\x1b[K\x1bM\x1b7q\x1b\\\x1bPQ\x1b\\!"
)


def test_sequences_are_left_out() -> None:
    assert Watcher().text(STREAM) == b"XZq!"


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_cut_anywhere_it_shows_the_same(cuts: list[int]) -> None:
    watcher, shown, before = Watcher(), b"", 0
    for cut in [*sorted(cuts), len(STREAM)]:
        shown += watcher.text(STREAM[before:cut])
        before = cut
    assert shown == b"XZq!"


def test_characters_that_a_screen_shows_by_itself_are_not_typed() -> None:
    assert "Q" not in usable(b"root@QEMU")
    assert len(usable(ALPHABET.encode())) == 8
