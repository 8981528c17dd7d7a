"""What is ghostty's own, beside all that it does like the default emulator."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest
from terminal_emulators import needs_ghostty

from app.settings import load_settings
from app.tui.terminal.emulators import NoEmulator, load
from app.tui.terminal.model import TerminalModel


def made(columns: int = 20, lines: int = 5, history: int = 500) -> TerminalModel:
    return TerminalModel(emulator=load("ghostty")(columns, lines, history))


def numbered(model: TerminalModel) -> list[tuple[int, str]]:
    return [(number, model.line(number).text()) for number in range(model.first, model.end - 1)]


@needs_ghostty
@pytest.mark.parametrize("chunk", [97, 1000, 70_000])
def test_lines_keep_their_numbers_however_much_is_printed(chunk) -> None:
    model = made()
    data = b"".join(b"line %d\r\n" % n for n in range(30_000))
    for position in range(0, len(data), chunk):
        model.feed(data[position : position + chunk])
    assert model.top - model.first == 500
    assert numbered(model) == [(n, f"line {n}") for n in range(model.first, 30_000)]


@needs_ghostty
def test_the_scrollback_comes_back_with_the_main_screen() -> None:
    model = made()
    model.feed(b"".join(b"line %d\r\n" % n for n in range(40)))
    model.feed(b"\x1b[?1049halt")
    assert (model.first, model.top) == (36, 36)
    model.feed(b"x\r\n" * 20 + b"\x1b[?1049l")
    assert numbered(model) == [(n, f"line {n}") for n in range(40)]
    model.feed(b"\x1b[3J")
    assert model.first == model.top


@needs_ghostty
def test_narrowing_wraps_anew_and_widening_joins_again() -> None:
    model = made()
    model.feed(b"0123456789abcdef\r\nend")
    model.resize(10, 5)
    assert [model.line(n).text() for n in range(model.top, model.top + 3)] == ["0123456789", "abcdef", "end"]
    assert model.line(model.top).wrapped
    model.resize(20, 5)
    assert model.line(model.top).text() == "0123456789abcdef"


@needs_ghostty
def test_nothing_is_left_of_one_that_is_not_used() -> None:
    emulator = load("ghostty")(80, 24, 100)
    emulator.feed(b"text\r\n" * 100)
    emulator.take()
    gone = weakref.ref(emulator)
    del emulator
    gc.collect()
    assert gone() is None


def test_it_is_said_what_to_do_without_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyghostty", None)
    monkeypatch.delitem(sys.modules, "app.tui.terminal.ghostty", raising=False)
    monkeypatch.delitem(sys.modules, "app.tui.terminal.ghostty_rows", raising=False)
    with pytest.raises(NoEmulator) as raised:
        load("ghostty")
    assert 'pip install "vmbench[ghostty]"' in raised.value.remedy


def test_the_setting() -> None:
    def of(value: str):
        return load_settings(project_file=None, user_file=None, environ={"VMBENCH_EMULATOR": value})

    assert of("ghostty").terminal.emulator == "ghostty"
    wrong = of("xterm")
    assert wrong.terminal.emulator == "pyte"
    assert [problem.message for problem in wrong.problems] == ['"xterm" does not fit']
