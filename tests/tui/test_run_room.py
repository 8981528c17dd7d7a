"""Terminals and consoles beside each other in the place of the run."""

from __future__ import annotations

import json

import pytest
from textual.content import Content

from app.engine.house import House
from app.tui import demo, kept_room
from app.tui.app import Workbench
from app.tui.demo_runs import past_runs
from app.tui.memory import Memory, Spot, write_memory
from app.tui.replay import ReplayEngine
from app.tui.screens.choices import Ask
from app.tui.screens.dialogs import Confirm
from app.tui.screens.jump import Jump
from app.tui.screens.past_run import PastRunScreen
from app.tui.screens.run import RunScreen
from app.tui.screens.terminal import TerminalScreen
from app.tui.screenshots import WIDE, until
from app.tui.widgets.log_view import LogView
from app.tui.widgets.time_slider import TimeSlider
from tests import waiting
from tests.tui.local_guest import Guest, text


def titles(run) -> list[str]:
    return [Content.from_markup(pane.border_title or "").plain for pane in run.panes]


async def select(pilot, run, wanted) -> None:
    run.set_focus(run.run_list)
    await pilot.press("home")
    for _ in range(40):
        if run.run_list.current is not None and wanted(run.run_list.current):
            return
        await pilot.press("down")
    raise AssertionError("no such test")


def workbench(tmp_path, place: str, *, run: str = "", memory, house=None, machines=()) -> Workbench:
    engine = ReplayEngine(demo.registry(), record=demo.record(tmp_path), folder=tmp_path, released=None)
    engine.machines.update({name: Guest() for name in machines})
    if not memory.exists():
        left = Memory(spots={str(demo.registry().root): Spot(place=place, run=run)})
        write_memory(memory, left.dump())
    return Workbench(engine, memory=memory, house=house)


async def test_the_last_run_is_shown_again(tmp_path, monkeypatch) -> None:
    noted: list[bool] = []
    compose = PastRunScreen.compose

    def noting(self):
        # Where the person is, is written down at any time, also while the screen is made.
        noted.append(bool(self.workbench.remembering._noted()))
        yield from compose(self)

    monkeypatch.setattr(PastRunScreen, "compose", noting)
    runs = past_runs(tmp_path / "house")
    house = House(runs=runs)
    app = workbench(tmp_path, "run", run=runs.ids()[0], memory=tmp_path / "memory.json", house=house)
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, PastRunScreen) and app.place == "run")
        await until(pilot, lambda: app.screen.run_list.count > 0)
        assert noted == [True]
        past = app.screen
        await pilot.press("escape")
        await until(pilot, lambda: app.place == "tests")
        await pilot.press("v")
        await until(pilot, lambda: app.screen is past)
        # A new run takes its place.
        await pilot.press("1", "R")
        await until(pilot, lambda: app.place == "run" and type(app.screen) is RunScreen)
    app = workbench(tmp_path, "run", run="gone", memory=tmp_path / "other.json", house=house)
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: any("not there" in n.title for n in app._notifications))
        await pilot.press("1")
        await until(pilot, lambda: app.place == "tests")


async def test_terminals_are_opened_again_as_they_were(tmp_path) -> None:
    memory = tmp_path / "memory.json"
    app = workbench(tmp_path, "tests", memory=memory, machines=["calm-otter"])
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        app.doors.open_terminal("calm-otter")
        await waiting.until(lambda: isinstance(app.screen, TerminalScreen), "a terminal")
        await waiting.until(lambda: "guest#" in text(app.screen.panes[0]), "a prompt")
        await pilot.press("ctrl+g", "quotation_mark")
        await until(pilot, lambda: len(app.screen.panes) == 2 and app.screen.current is app.screen.panes[1])
        await pilot.press("ctrl+g", "left_curly_bracket", "ctrl+g", "left_curly_bracket")
        heights = [pane.outer_size.height for pane in app.screen.panes]
        assert heights[0] > heights[1]
        await waiting.until(lambda: app.screen.panes[1].source is not None, "a program")
        app.leave("")
        await waiting.until(lambda: app._exit, "the end")
    app = workbench(tmp_path, "", memory=memory, machines=["calm-otter"])
    async with app.run_test(size=WIDE) as pilot:
        await waiting.until(lambda: isinstance(app.screen, TerminalScreen), "the terminals")
        screen = app.screen
        await waiting.until(lambda: all("guest#" in text(pane) for pane in screen.panes), "prompts")
        await until(pilot, lambda: [pane.outer_size.height for pane in screen.panes] == heights)
        app.leave("")
        await waiting.until(lambda: app._exit, "the end")
    # The machine is gone meanwhile: its panes say so.
    app = workbench(tmp_path, "", memory=memory)
    async with app.run_test(size=WIDE):
        await waiting.until(lambda: isinstance(app.screen, TerminalScreen), "the terminals")
        await waiting.until(lambda: all("enter: again" in pane.told for pane in app.screen.panes), "the end")


async def test_terminals_and_consoles_share_the_place_of_the_run(tmp_path) -> None:
    engine = ReplayEngine(demo.registry(), record=demo.record(tmp_path), folder=tmp_path, released=None)
    guest = Guest()
    app = Workbench(engine)
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        await pilot.press("R")
        await until(
            pilot, lambda: isinstance(app.screen, RunScreen) and app.session.state.finished is not None
        )
        run = app.screen
        assert [title[0] for title in titles(run)] == ["1", "2", "3"]
        await select(pilot, run, lambda test: test.kept is None and test.console)
        await pilot.press("vertical_line")
        assert "was not kept" in run.why_not("split") and not run.room.panes
        # Another machine's console stays in view, whatever is selected.
        await pilot.press("p")
        await until(pilot, lambda: len(run.panes) == 4 and isinstance(app.focused, LogView))
        pinned = app.focused
        assert "pinned" in titles(run)[3] and titles(run)[3].startswith("4 ")
        await select(pilot, run, lambda test: test.kept is not None)
        kept = run.run_list.current.kept
        engine.machines[kept.machine] = guest
        await until(pilot, lambda: pinned.line_count > 0 or pinned.path is not None)
        # A terminal in the kept machine, beside the pinned console.
        run.set_focus(pinned)
        await pilot.press("vertical_line")
        await waiting.until(lambda: run.room.panes and "guest#" in text(run.room.panes[0]), "a prompt")
        pane = run.room.panes[0]
        assert app.focused is pane and pane.region.x > pinned.region.x and pane.region.y == pinned.region.y
        # Every key reaches it, those of the screen too.
        await pilot.press(*"echo q/z?", "enter")
        await waiting.until(lambda: "\nq/z?" in text(pane), "an echo")
        assert run.has_class("-typing") and not run.find.query_one("FindEntry").has_focus
        # Sizes by keys and by the mouse.
        height, width = pane.outer_size.height, pane.outer_size.width
        await pilot.press("ctrl+g", "right_curly_bracket", "ctrl+g", "less_than_sign")
        await until(pilot, lambda: pane.outer_size.height > height and pane.outer_size.width < width)
        y = pane.region.y - run.room.region.y + 2
        await pilot.mouse_down(run.room, offset=(pane.region.x - run.room.region.x - 1, y))
        await pilot.hover(run.room, offset=(30, y))
        await pilot.mouse_up(run.room, offset=(30, y))
        await until(pilot, lambda: pane.region.x == run.room.region.x + 31)
        await pilot.press("ctrl+g", "equals_sign")
        await until(pilot, lambda: abs(pane.outer_size.width - width) <= 1)
        # The whole screen, and back; numbers lead there.
        await pilot.press("ctrl+g", "z")
        await until(pilot, lambda: pane.outer_size.width == WIDE[0] and not run.run_list.region.area)
        await pilot.press("ctrl+g", "z")
        await until(pilot, lambda: run.run_list.region.area and pinned.region.area)
        await pilot.press("ctrl+g", "q")
        await until(pilot, lambda: isinstance(app.screen, Jump))
        assert set(app.screen.targets) == {"3", "4", "5"}
        await pilot.press("4")
        await until(pilot, lambda: app.focused is pinned)
        await pilot.press("alt+5")
        await until(pilot, lambda: app.focused is pane)
        await pilot.press("ctrl+g", "d")
        await until(pilot, lambda: app.focused is run.run_list)
        # A run that starts meanwhile takes the place, not the terminal.
        await pilot.press("1", "R")
        await until(pilot, lambda: app.screen is run and run.session is app.session and len(engine.runs) == 2)
        assert run.room.panes == [pane] and pane.source is not None
        # Closing.
        run.set_focus(pinned)
        await pilot.press("underscore")
        await until(pilot, lambda: len(run.panes) == 4 and not run.pinned)
        await pilot.press("alt+4")
        await until(pilot, lambda: app.focused is pane)
        await pilot.press("ctrl+g", "x")
        await waiting.until(lambda: isinstance(app.screen, Confirm), "a question")
        await pilot.press("y")
        await until(pilot, lambda: app.screen is run and not run.room.panes)
    assert guest.released == 1


def shares(run) -> list[tuple[int, int, int, int]]:
    return [tuple(pane.region) for pane in run.room.all_panes]


async def test_what_is_beside_a_run_is_found_again_and_outlives_the_next_run(tmp_path) -> None:
    runs = past_runs(tmp_path / "house")
    house, memory = House(runs=runs), tmp_path / "memory.json"

    def begin(*machines: str) -> Workbench:
        return workbench(
            tmp_path, "run", run=runs.ids()[0], memory=memory, house=house, machines=["m-41c9", *machines]
        )

    app = begin()
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, PastRunScreen) and app.screen.run_list.count > 0)
        run = app.screen
        await select(pilot, run, lambda test: test.kept is not None)
        await pilot.press("quotation_mark")
        await waiting.until(lambda: run.room.panes and "guest#" in text(run.room.panes[0]), "a prompt")
        await pilot.press("ctrl+g", "left_curly_bracket", "ctrl+g", "left_curly_bracket", "ctrl+g", "d")
        await select(pilot, run, lambda test: test.kept is None and test.console)
        pinned_machine = run.run_list.current.machine
        await pilot.press("p")
        await until(pilot, lambda: len(run.panes) == 5)
        left = shares(run)
        app.leave("")
        await waiting.until(lambda: app._exit, "the end")

    app = begin()
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, PastRunScreen) and len(app.screen.panes) == 5)
        run = app.screen
        await waiting.until(lambda: "guest#" in text(run.room.panes[0]), "a prompt")
        await until(pilot, lambda: shares(run) == left)
        (pinned,) = run.pinned
        title = f"console of {pinned_machine} · pinned"
        await until(pilot, lambda: any(title in shown for shown in titles(run)) and pinned.path is not None)
        # The next run takes the place; what was beside the past one goes on, and nothing leads through time.
        (pane,) = run.room.panes
        await pilot.press("1", "R")
        await until(pilot, lambda: app.screen is run and app.session is not None)
        await until(pilot, lambda: run.session is app.session and app.session.state.finished is not None)
        assert run.room.panes == [pane] and pane.source is not None and list(run.pinned) == [pinned]
        assert not run.query(TimeSlider) and run.NAME == RunScreen.NAME
        assert any("m-41c9" in shown for shown in titles(run))
        await select(pilot, run, lambda test: test.result is not None and run.chosen_test() is not None)
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await pilot.press("escape")
        # A key that led through time does nothing any more.
        await pilot.press("shift+home")
        assert run.session is app.session
        app.leave("")
        await waiting.until(lambda: app._exit, "the end")

    # Who begins a run before looking at the last one finds the same beside it.
    left_in = Memory(spots={str(demo.registry().root): Spot(place="tests", run=runs.ids()[0])})
    left_in.spots[str(demo.registry().root)].room = json.loads(memory.read_text())["registries"][
        str(demo.registry().root)
    ]["room"]
    write_memory(memory, left_in.dump())
    app = begin()
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        await pilot.press("R")
        await until(pilot, lambda: type(app.screen) is RunScreen and len(app.screen.panes) == 5)
        await waiting.until(lambda: "guest#" in text(app.screen.room.panes[0]), "a prompt")
        app.leave("")
        await waiting.until(lambda: app._exit, "the end")


async def test_a_pinned_console_goes_over_to_its_test_in_the_next_run(tmp_path) -> None:
    engine = ReplayEngine(demo.registry(), record=demo.record(tmp_path), folder=tmp_path, released=None)
    app = Workbench(engine)
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        await pilot.press("R")
        await until(
            pilot, lambda: isinstance(app.screen, RunScreen) and app.session.state.finished is not None
        )
        run, first = app.screen, app.session
        await select(pilot, run, lambda test: test.console and test.kept is None)
        name, machine = run.run_list.current.name, run.run_list.current.machine
        await pilot.press("p")
        await until(pilot, lambda: any(pin.machine == machine for pin in run.pinned.values()))
        await pilot.press("1", "R")
        await until(pilot, lambda: app.screen is run and run.session is not first)
        await until(pilot, lambda: app.session.state.finished is not None)
        (pin,) = run.pinned.values()
        await until(pilot, lambda: not pin.stale and pin.machine == run.session.state.tests[name].machine)


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"shape": None, "panes": [{"kind": "run console"}]},
        {"shape": {"direction": "right", "shares": [1, 1], "parts": ["0", "0"]}, "panes": []},
        {
            "shape": {"direction": "right", "shares": [1, 1], "parts": ["0", "0"]},
            "panes": [{"kind": "run console"}],
        },
        {
            "shape": {"direction": "right", "shares": [1, 1], "parts": ["0", "1"]},
            "panes": [{"kind": "run console"}, {"kind": "run console"}],
        },
        {
            "shape": {"direction": "right", "shares": [1, 1], "parts": ["0", "1"]},
            "panes": [{"kind": "run console"}, {"kind": "shell", "machine": 3}],
        },
        {"shape": {"direction": "right", "shares": [1, 1], "parts": ["0", "1"]}, "panes": ["x", 1]},
    ],
)
def test_a_room_that_nobody_wrote_is_none(kept) -> None:
    made: list[object] = []
    with pytest.raises(ValueError, match="no"):
        kept_room.load(kept, made.append)
    assert made == []
