"""Selecting by keys."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.tui.terminal.model import Place, TerminalModel
from app.tui.terminal.picking import Picking

KEYS = "h l j k w b 0 dollar_sign g G v V space pageup pagedown home end left right up down".split()


@given(st.lists(st.sampled_from([*KEYS, "print", "resize"]), max_size=60))
def test_the_cursor_is_always_on_text_that_is_there(keys: list[str]) -> None:
    model = TerminalModel(20, 5, history=10)
    model.feed("one two 日本語\r\n\r\n  three\r\n".encode() * 4)
    picking = Picking(model, Place(model.top, 0))
    for key in keys:
        if key == "print":
            model.feed("日本 more\r\n".encode() * 9)
        elif key == "resize":
            model.resize(7 if model.columns == 20 else 20, 3 if model.lines == 5 else 5)
        else:
            assert picking.take_key(key, model.lines)
            assert model.first <= picking.place.line < model.end
            assert 0 <= picking.place.column < model.columns
        start, stop = picking.selection
        assert start < stop
        model.text(start, stop)


def test_what_means_nothing_is_not_taken() -> None:
    picking = Picking(TerminalModel(20, 5), Place(0, 0))
    assert not any(picking.take_key(key, 5) for key in ("y", "q", "escape", "enter", "f1"))


def test_words_lead_over_lines_and_wide_characters_are_taken_whole() -> None:
    model = TerminalModel(20, 5)
    model.feed("one 日本\r\n\r\n  three".encode())
    picking = Picking(model, Place(0, 0))
    for key in ("w", "v", "l"):
        picking.take_key(key, 5)
    assert model.text(*picking.selection) == "日本"
    picking.take_key("w", 5)
    assert picking.place == Place(2, 2)
    picking.take_key("b", 5)
    assert picking.place == Place(0, 4)
