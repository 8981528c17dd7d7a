"""From a run to a terminal in the machine that it kept."""

from __future__ import annotations

from app.engine.events import StepFinished, StepStarted
from app.tui import demo
from app.tui.app import Workbench
from app.tui.replay import ReplayEngine
from app.tui.screens.choices import Choose
from app.tui.screens.dialogs import Confirm
from app.tui.screens.run import RunScreen
from app.tui.screens.terminal import TerminalScreen
from app.tui.screenshots import until
from app.tui.terminals import TerminalOptions
from tests import waiting
from tests.tui.local_guest import Guest, text


async def test_a_kept_machine_is_walked_into_and_let_go(tmp_path) -> None:
    engine = ReplayEngine(demo.registry(), record=demo.record(tmp_path), folder=tmp_path, released=None)
    guest = Guest()
    app = Workbench(engine, terminals=TerminalOptions(recordings=tmp_path / "casts"))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await until(pilot, lambda: app.session is not None and app.session.state.finished is not None)
        run = app.screen
        rows = [test.name for test in app.session.state.tests.values() if test.kept is not None]
        kept = app.session.state.tests[rows[0]]
        engine.machines[kept.kept.machine] = guest
        await pilot.press("home")
        for _ in range(40):
            if run.run_list.current is not None and run.run_list.current.name == kept.name:
                break
            await pilot.press("down")
        await pilot.press("A")
        await waiting.until(lambda: isinstance(app.screen, TerminalScreen), "a terminal")
        pane = app.screen.panes[0]
        await waiting.until(lambda: "guest#" in text(pane), "a prompt")
        await pilot.press(*"echo qt?", "enter")
        await waiting.until(lambda: "\nqt?" in text(pane), "an echo")
        # What follows the prefix key also leads to the workbench's own places and recordings.
        terminals = app.screen
        await pilot.press("ctrl+g", "R")
        await waiting.until(lambda: pane.recorder is not None, "a recording")
        await pilot.press("ctrl+g", "R")
        await waiting.until(lambda: pane.recorder is None, "the end of it")
        await pilot.press("ctrl+g", "P")
        await waiting.until(lambda: isinstance(app.screen, Choose), "the recordings")
        await pilot.press("escape")
        await waiting.until(lambda: app.screen is terminals, "the terminals")
        await pilot.press("ctrl+g", "1")
        await waiting.until(lambda: app.place == "tests", "the place of tests")
        await pilot.press("3")
        await waiting.until(lambda: app.screen is terminals, "the terminals")
        await pilot.press("ctrl+g", "d")
        await waiting.until(lambda: isinstance(app.screen, Confirm), "a question")
        await pilot.press("y")
        await waiting.until(lambda: guest.released == 1, "the end")
        await until(pilot, lambda: app.screen is run)


async def test_a_machine_that_was_not_kept_is_not_walked_into(tmp_path) -> None:
    engine = ReplayEngine(demo.registry(), record=demo.record(tmp_path), folder=tmp_path, released=None)
    app = Workbench(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        await pilot.press("R")
        await until(pilot, lambda: app.session is not None and app.session.state.finished is not None)
        run = app.screen
        await pilot.press("home")
        for _ in range(40):
            if run.run_list.current is not None and run.run_list.current.kept is None:
                break
            await pilot.press("down")
        await pilot.press("A")
        await pilot.pause()
        assert app.screen is run


async def test_steps_of_a_running_test_are_marked_in_its_recordings(tmp_path) -> None:
    engine = ReplayEngine(demo.registry(), record=demo.record(tmp_path), folder=tmp_path, released=0)
    app = Workbench(engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        await pilot.press("R")
        await waiting.until(lambda: app.session is not None and engine.runs, "a run")
        (run,) = engine.runs
        begun: list[StepStarted] = []
        run.release_until(lambda event: isinstance(event, StepStarted) and not begun.append(event))
        test = begun[0].test
        await waiting.until(
            lambda: test in app.session.state.tests and app.session.state.tests[test].steps[0].running,
            "the first step",
        )
        engine.machines["busy"] = Guest()
        app.doors.open_terminal("busy", test)
        await waiting.until(lambda: app.screen_stack and app.screen.query("TerminalPane"), "a terminal")
        pane = app.screen.panes[0]
        await waiting.until(lambda: "guest#" in text(pane), "a prompt")
        await pilot.press("ctrl+g", "R")
        await waiting.until(lambda: pane.recorder is not None, "a recording")
        path = pane.recorder.path
        app.runs.refresh()  # what was before the recording is no marker of it
        run.release_until(lambda event: isinstance(event, StepFinished) and event.test == test)
        await waiting.until(lambda: '"m", "step 1 ' in path.read_text(), "a marker")
    assert path.parent == tmp_path / "recordings"
