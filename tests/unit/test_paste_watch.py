"""Whether pasted text is known for what it is, wherever reads cut it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.tui.driver import PasteWatch

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
