"""Whether pasted text is known for what it is, wherever reads cut it."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from textual import events
from textual._xterm_parser import XTermParser

from app.tui.driver import PasteWatch, escapes_apart
from app.tui.terminal.emulator import Modes
from app.tui.terminal.keys import encode_key

PIECES = st.lists(
    st.sampled_from(["\x1b[200~", "\x1b[201~", "a", "\x1b", "[20", "0~", "\x1b[A"]), max_size=12
)


@given(PIECES, st.lists(st.integers(1, 7), min_size=1))
def test_it_knows_wherever_reads_are_cut(pieces, steps) -> None:
    text = "".join(pieces)
    whole = PasteWatch()
    whole.heard(text)
    cut, position, number = PasteWatch(), 0, 0
    while position < len(text):
        step = steps[number % len(steps)]
        cut.heard(text[position : position + step])
        position, number = position + step, number + 1
    assert cut.pasting == whole.pasting
    begun, ended = text.rfind("\x1b[200~"), text.rfind("\x1b[201~")
    assert whole.pasting == (begun > ended)


TYPED = st.lists(
    st.sampled_from(
        ["\x1b", "\x1b[A", "\x1b[1;5A", "\x1bOP", ":wq\r", "x", "1", ".", " ", "\x7f", "\x01", "\t", "é"]
    ),
    max_size=8,
)


@given(TYPED)
@example(["\x1b", "x", ":wq\r", "\x1b"])
@example(["\x1b", *"a line that is longer than sequences are"])
def test_a_program_gets_what_was_typed_at_once(keys) -> None:
    text = "".join([*keys, "."])  # the parser waits after an escape, so that none is the last
    parser = XTermParser()
    told = [*parser.feed(escapes_apart(text))]
    if parser._timeout_time is not None:
        parser._timeout_time = 0  # a while later
        told += parser.tick()
    told = [event for event in told if isinstance(event, events.Key)]
    assert b"".join(encode_key(key.key, key.character, Modes()) for key in told) == text.encode()
