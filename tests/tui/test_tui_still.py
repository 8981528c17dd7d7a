"""What a key costs on each place, counted: no layout of the screen, and few rows drawn."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from textual.screen import Screen

from app.tui import demo, demo_host, demo_machines, demo_runs, places
from app.tui.app import Workbench
from app.tui.clock import Clock
from app.tui.replay import ReplayEngine
from app.tui.screens.polled import PolledScreen
from app.tui.screenshots import NARROW, WIDE, until
from app.tui.widgets.line_list import LineList
from app.tui.widgets.still import StillScroll, TextPane

PLACES = {name: digit for digit, name, _ in places.titles() if name not in ("terminals", "latency")}
"""The places with lists long enough to go up and down in."""


@pytest.fixture
def drawn(monkeypatch) -> Counter[str]:
    """Count layouts, and the rows that lists draw."""
    counts: Counter[str] = Counter()
    lay_out, draw = Screen._refresh_layout, LineList.render_line

    def laid_out(self, *args, **options):
        counts["layouts"] += 1
        return lay_out(self, *args, **options)

    def row_drawn(self, y):
        counts[self.id] += 1
        return draw(self, y)

    monkeypatch.setattr(Screen, "_refresh_layout", laid_out)
    monkeypatch.setattr(LineList, "render_line", row_drawn)
    # What is looked at again and again would be counted too.
    monkeypatch.setattr(PolledScreen, "_poll", lambda self: None)
    return counts


def beside(app: Workbench) -> list[object]:
    """Return what takes other room when it changes: the keys below, the scroll bars."""
    keys = [(binding.action, enabled) for _, binding, enabled, _ in app.screen.active_bindings.values()]
    return [*keys, *(pane.show_vertical_scrollbar for pane in app.screen.query(StillScroll))]


def looked(app: Workbench) -> bool:
    """Whether everything was looked at that a place shows: what arrives later is drawn then."""
    return all(worker.is_finished or worker.group == "themes" for worker in app.workers)


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x45"])
async def test_a_move_of_the_cursor_lays_nothing_out_and_draws_two_rows(tmp_path, drawn, size) -> None:
    made = demo_machines.house()
    house = dataclasses.replace(
        demo.house(),
        machines=made.machines,
        snapshots=made.snapshots,
        runs=demo_runs.past_runs(tmp_path / "past"),
        images=demo_host.DemoImages(),
        doctor=demo_host.DemoDoctor(),
    )
    engine = ReplayEngine(
        demo.registry(), results=demo.results(), record=demo.record(tmp_path), folder=tmp_path, released=None
    )
    app = Workbench(engine, house=house, clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        await pilot.press("R")
        await until(pilot, lambda: app.session is not None and not app.session.active and app.place == "run")
        app.clear_notifications()
        for place, digit in PLACES.items():
            await pilot.press(digit)
            await until(pilot, lambda: isinstance(app.focused, LineList) and app.focused.count > 2)
            await until(pilot, lambda: not app.runs.redraw_due and looked(app))
            moved = app.focused
            assert isinstance(moved, LineList)
            calm = 0
            for key in ("down", "down", "up", "down"):
                around = beside(app)
                drawn.clear()
                before = moved.cursor
                await pilot.press(key)
                await until(pilot, lambda: not app.screen._dirty_widgets)
                assert moved.cursor != before, (place, key)
                if around == beside(app):
                    calm += 1
                    assert drawn["layouts"] == 0, (place, key)
                assert drawn[moved.id] <= 2, (place, key, drawn)
            assert calm or place == "run", "there, each test has other keys and scroll bars"


class Panes(App[None]):
    CSS = "TextPane { width: 20; height: 4; padding: 0 1; scrollbar-size-vertical: 1; }"

    def compose(self) -> ComposeResult:
        yield TextPane()


async def test_a_text_pane_breaks_scrolls_and_is_selected_from_without_a_layout(drawn) -> None:
    async with Panes().run_test(size=(30, 10)) as pilot:
        pane = pilot.app.query_one(TextPane)

        def lines() -> list[str]:
            return [pane.render_line(y).text.rstrip() for y in range(pane.size.height)]

        pane.put(Text("one two three four five\nsix"))
        await pilot.pause()
        assert lines() == ["one two three four", "five", "six", ""]
        drawn.clear()
        pane.put(Text("one\ntwo"))
        await pilot.pause()
        assert lines() == ["one", "two", "", ""] and drawn["layouts"] == 0
        pane.put("\n".join(f"line {n} as it is" for n in range(30)))
        await until(pilot, lambda: pane.show_vertical_scrollbar)
        drawn.clear()
        pane.focus()
        await pilot.press("end")
        await until(pilot, lambda: lines()[-1] == "line 29 as it is")
        pane.put("\n".join(f"line {n}" for n in range(28)))
        await until(pilot, lambda: lines()[-1] == "line 27")
        assert drawn["layouts"] == 0, "other lines, the same scroll bar"
        pilot.app.screen.text_select_all()
        await pilot.pause()
        assert pilot.app.screen.get_selected_text() == pane.text
        plain = Text("red")
        pane.put(plain)
        await pilot.pause()
        before = pane.render_line(0)
        pane.put(Text("red", style="red"))
        await pilot.pause()
        assert pane.render_line(0) != before, "other colours are another text"
        await pilot.resize_terminal(12, 10)
        pane.styles.width = 6
        pane.put("wide words")
        await until(pilot, lambda: lines()[:2] == ["wide", "word"])
