"""Terminals that another emulator was chosen for."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from test_terminal_pane import Host, opener, seen, started

from app.tui.terminal.emulator import PyteEmulator
from tests.waiting import until


async def test_without_the_library_the_terminal_opens_and_says_so(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyghostty", None)
    for name in ("ghostty", "ghostty_rows"):
        monkeypatch.delitem(sys.modules, f"app.tui.terminal.{name}", raising=False)
    app = Host(opener("sh", "-c", "echo here; read x"), emulator="ghostty")
    async with app.run_test(size=(80, 24)) as pilot:
        screen, pane = await started(pilot)
        await until(lambda: "here" in seen(pane), "the program's text")
        await pilot.press("ctrl+g", "-")
        await until(lambda: len(screen.panes) == 2 and "here" in seen(screen.panes[1]), "one more")
        assert isinstance(pane.model.emulator, PyteEmulator)
        (told,) = app._notifications
        assert 'pip install "vmbench[ghostty]"' in told.message


@pytest.mark.skipif(importlib.util.find_spec("pyghostty") is None, reason="vmbench[ghostty] is not installed")
async def test_a_shell_in_ghostty() -> None:
    app = Host(opener("sh"), emulator="ghostty")
    async with app.run_test(size=(80, 24)) as pilot:
        _, pane = await started(pilot)
        await until(lambda: "$" in seen(pane), "a prompt")
        assert not isinstance(pane.model.emulator, PyteEmulator)
        await pilot.press(*"stty size; seq 100", "enter")
        await until(lambda: "\n100\n" in seen(pane), "the end of what was printed")
        assert pane.model.line(pane.model.first + 1).text() == f"{pane.size.height} {pane.size.width}"
        hits = pane.model.find("42")
        assert [pane.model.line(place.line).text() for place, _ in hits] == ["42"]
        await pilot.resize_terminal(60, 20)
        await until(lambda: pane.model.columns == 60, "the new size")
        await pilot.press(*"stty size", "enter")
        await until(lambda: f"{pane.size.height} 60" in seen(pane), "the size in the program")
        await pilot.press(*"exit", "enter")
        await until(lambda: "exit code 0" in pane.ended, "the end")
