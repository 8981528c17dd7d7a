"""The guide greets a person once, and comes back when asked."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Static

from app.tui import demo
from app.tui.app import Workbench
from app.tui.replay import ReplayEngine
from app.tui.screens.guide import LINES, Guide
from app.tui.screenshots import until


def workbench(guide: Path | None) -> Workbench:
    return Workbench(ReplayEngine(demo.registry()), guide=guide)


async def test_the_guide_greets_once_and_comes_back_when_asked(tmp_path) -> None:
    seen = tmp_path / "state" / "guide-seen"
    app = workbench(seen)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Guide) and seen.exists())
        texts = [widget.visual for widget in app.screen.query(Static)]
        assert len(texts) == 3
        # All of it is seen at once, also on a small terminal.
        assert app.screen.query_one("VerticalScroll").max_scroll_y == 0
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, Guide) and app.rows.registry is not None)
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, Guide))
        await pilot.press("f1", "escape")
        await until(pilot, lambda: app.screen is app.tests_screen)
        assert "Guide (F1)" in [command.title for command in app.get_system_commands(app.screen)]
        # A key that somebody changed is told as it is.
        app.apply_keys({"tests.mark": "ctrl+j"})
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, Guide))
        assert app.screen._keys("tests.mark") == "^j"

    app = workbench(seen)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        await app.workers.wait_for_complete([w for w in app.workers if w.group == "greet"])
        assert app.screen is app.tests_screen


async def test_a_guide_that_cannot_be_noted_greets_all_the_same(tmp_path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    app = workbench(tmp_path / "state" / "guide-seen")
    async with app.run_test() as pilot:
        await until(pilot, lambda: isinstance(app.screen, Guide))
        await pilot.press("q")
        await until(pilot, lambda: app.screen is app.tests_screen)
    assert len(LINES) < 14
