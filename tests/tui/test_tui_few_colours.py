"""Where shades cannot be told apart, what is under the cursor is told by reversed and underlined text."""

from __future__ import annotations

import pytest

from app.tui import demo, theme
from app.tui.app import Workbench
from app.tui.replay import ReplayEngine
from app.tui.screenshots import until


@pytest.mark.parametrize(("term", "no_color"), [("xterm", ""), ("xterm-256color", "1")])
async def test_the_cursor_the_marks_and_the_results_without_colours(monkeypatch, term, no_color) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("COLORTERM")
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    app = Workbench(ReplayEngine(demo.registry(), results=demo.results()))
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        assert app.has_class(theme.FEW_COLOURS)
        await pilot.press("space")
        rows = app.tests_screen.test_list

        def looks(index: int) -> tuple[set[bool], set[bool]]:
            styles = [s.style for s in rows.render_line(index) if s.style is not None]
            return {bool(s.reverse) for s in styles}, {bool(s.underline) for s in styles}

        await pilot.press("down")
        here = rows.cursor
        assert looks(here) == ({True}, {False}) and looks(here + 1) == ({False}, {False})
        text = "".join(rows.render_line(y).text for y in range(12))
        assert "●" in text and "○" in text and "✗" in text and "✓" in text
        await pilot.press("tab")
        await until(pilot, lambda: not rows.has_focus)
        assert looks(here) == ({False}, {True}), "the list that has not the focus"


def test_which_terminals_have_few() -> None:
    assert theme.few("standard", no_color=False) and theme.few(None, no_color=False)
    assert theme.few("truecolor", no_color=True)
    assert not theme.few("256", no_color=False) and not theme.few("truecolor", no_color=False)
