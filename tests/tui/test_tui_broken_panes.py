"""A pane that cannot be made or drawn says so in its place, and everything else goes on."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps

import pytest
from textual.css.query import NoMatches
from textual.screen import ModalScreen
from textual.widget import Widget

from app.settings import Settings, UiSettings
from app.tui import demo, demo_machines, places
from app.tui.app import Workbench
from app.tui.broken import broken_on, fault_of
from app.tui.clock import Clock
from app.tui.replay import ReplayEngine
from app.tui.screens.dialogs import Help, Report
from app.tui.screens.machines import MachinesScreen
from app.tui.screens.settings import SettingsScreen
from app.tui.screenshots import WIDE, until
from app.tui.widgets.key_footer import KeyLine
from app.tui.widgets.keys_text import KeysText
from app.tui.widgets.line_list import LineList
from app.tui.widgets.places_bar import PlacesBar
from app.tui.widgets.still import TextPane

pytestmark = pytest.mark.reports


@pytest.fixture
def app(tmp_path):
    engine = ReplayEngine(
        demo.registry(), results=demo.results(), record=demo.record(tmp_path), folder=tmp_path, released=None
    )
    made = demo_machines.house()
    return Workbench(
        engine,
        clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH),
        house=replace(demo.house(), machines=made.machines, snapshots=made.snapshots),
        settings=Settings(ui=UiSettings(gauge=False)),
    )


def drawn(app) -> str:
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


class Failing:
    """Stands in for a method of a class, and fails as often as it is called."""

    def __init__(self, patch, owner, name: str) -> None:
        self.calls, self.fails = 0, True
        own = getattr(owner, name)

        @wraps(own)
        def stand_in(pane, *args):
            if not self.fails:
                return own(pane, *args)
            self.calls += 1
            raise NoMatches(f"{name} of {owner.__name__} fails")

        patch.setattr(owner, name, stand_in)


async def ready(app, pilot) -> None:
    await until(pilot, lambda: app.rows.registry is not None)
    await pilot.pause()


async def tried_again(app, pilot, failing, shown=True) -> None:
    """The block is there, once; what it says holds; the next try goes well."""
    await until(pilot, lambda: bool(broken_on(app.screen)))
    await until(pilot, lambda: not shown or "Everything else goes on." in drawn(app))
    assert not isinstance(app.screen, Report)
    raised = failing.calls
    screen = app.screen
    for _ in range(3):
        for widget in screen.query("*"):
            widget.refresh()
        await pilot.pause()
    assert failing.calls == raised
    await pilot.press("f8")
    assert "fails" in app.clipboard and "vmbench 0" in app.clipboard and "Traceback" in app.clipboard
    # It fails once more, and is told of once more.
    await pilot.press("f9")
    await until(pilot, lambda: failing.calls > raised and bool(broken_on(app.screen)))
    failing.fails = False
    await pilot.press("f9")
    await until(pilot, lambda: not broken_on(app.screen) and "Everything else goes on." not in drawn(app))


async def test_a_pane_whose_lines_cannot_be_drawn(app, monkeypatch) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await ready(app, pilot)
        before = drawn(app)
        failing = Failing(monkeypatch, TextPane, "render_line")
        details = app.tests_screen.query_one("#details")
        details.notify_style_update()
        details.refresh()
        await until(pilot, lambda: "This cannot be drawn" in drawn(app))
        assert "F9 tries again, F8 copies the report." in drawn(app)
        assert fault_of(details) is not None and fault_of(app.tests_screen.test_list) is None
        # The list beside it goes on; its rows are as they were.
        at = app.tests_screen.test_list.cursor
        await pilot.press("down", "space")
        assert app.tests_screen.test_list.cursor > at and app.rows.marked
        await pilot.press("space", "up", "up", "u")
        # A click shows the report.
        await pilot.click(details)
        await until(pilot, lambda: isinstance(app.screen, Report))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.tests_screen)
        await tried_again(app, pilot, failing)
        app.tests_screen.test_list.cursor = at
        await until(pilot, lambda: drawn(app).splitlines()[5:-3] == before.splitlines()[5:-3])
        # Without a fault, the keys are nothing's.
        assert "F9" not in drawn(app) and app.check_action("try_again", ()) is False


@pytest.mark.parametrize(
    ("owner", "name", "shown"),
    [(PlacesBar, "render", False), (KeyLine, "render", False), (LineList, "render_line", True)],
)
async def test_a_place_with_a_part_that_cannot_be_drawn(app, monkeypatch, owner, name, shown) -> None:
    failing = Failing(monkeypatch, owner, name)
    async with app.run_test(size=WIDE) as pilot:
        await ready(app, pilot)
        await app.go("machines")
        await until(pilot, lambda: app.place == "machines")
        await tried_again(app, pilot, failing, shown)
        await pilot.press("1")
        await until(pilot, lambda: app.place == places.TESTS)
        failing.fails = False
        await pilot.press("f9")
        await until(pilot, lambda: not broken_on(app.screen))
        assert app.fault is None


@pytest.mark.parametrize("owner", [MachinesScreen, SettingsScreen, LineList])
@pytest.mark.parametrize("name", ["compose", "on_mount"])
async def test_a_place_that_cannot_be_made(app, monkeypatch, owner, name) -> None:
    if owner is LineList and name == "on_mount":
        monkeypatch.setattr(LineList, "on_mount", lambda _self: None, raising=False)
    async with app.run_test(size=WIDE) as pilot:
        await ready(app, pilot)
        failing = Failing(monkeypatch, owner, name)
        place = "settings" if owner is SettingsScreen else "machines"
        await app.go(place)
        await until(pilot, lambda: app.place == place and bool(broken_on(app.screen)))
        await until(pilot, lambda: "This could not be made" in drawn(app))
        # The other places are there.
        await pilot.press("1")
        await until(pilot, lambda: app.place == places.TESTS and not broken_on(app.screen))
        await app.go(place)
        await until(pilot, lambda: app.place == place)
        await tried_again(app, pilot, failing)
        screen = app.screen
        await until(pilot, lambda: bool(screen.query(LineList)) and screen.query(LineList).first().count > 0)
        screen.set_focus(screen.query(LineList).first())
        await pilot.press("end", "home")
        assert screen.query(LineList).first().cursor == 0 and app.fault is None


@pytest.mark.parametrize("name", ["render_line", "compose"])
async def test_a_dialog_that_cannot_be_shown_is_left_by_its_key(app, monkeypatch, name) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await ready(app, pilot)
        failing = Failing(monkeypatch, KeysText if name == "render_line" else Help, name)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, ModalScreen))
        await tried_again(app, pilot, failing)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.tests_screen)


async def test_a_fault_in_the_layout_and_in_a_widget_of_the_framework(app, monkeypatch) -> None:
    async with app.run_test(size=WIDE) as pilot:
        await ready(app, pilot)

        class Odd(Widget):
            """A widget that is none of the workbench's."""

        failing = Failing(monkeypatch, Odd, "render_lines")
        await app.tests_screen.mount(odd := Odd())
        odd.styles.height = 8
        await tried_again(app, pilot, failing, shown=False)
        await odd.remove()
        assert app.tests_screen.test_list.count
