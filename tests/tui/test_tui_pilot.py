"""The workbench by its keys and its mouse, over a feed of recorded events."""

from __future__ import annotations

import dataclasses
from contextlib import asynccontextmanager

import pytest
from textual.widgets import Input

from app.engine.events import Notice, Outcome, StepFinished, TestFinished, TestStarted
from app.tui import demo
from app.tui.app import Workbench
from app.tui.clock import Clock
from app.tui.replay import ReplayEngine
from app.tui.screens.dialogs import Confirm, Help, Report
from app.tui.screens.output import OutputScreen
from app.tui.screens.run import RunScreen
from app.tui.screens.tests import TestsScreen
from app.tui.screenshots import NARROW, WIDE, until
from app.tui.widgets.details import Details
from registry.model import Registry

ALL = tuple(test.name for test in demo.registry().tests)


class HostNotReady(Exception):
    def __init__(self) -> None:
        super().__init__("no backend can work on this host")
        self.message = "no backend can work on this host"
        self.remedy = "install qemu-system-x86"


@asynccontextmanager
async def opened(tmp_path, *, registry=None, record=None, size=WIDE, **options):
    engine = ReplayEngine(
        demo.registry() if registry is None else registry,
        results=demo.results(),
        record=demo.record(tmp_path) if record is None else record,
        folder=tmp_path,
        **options,
    )
    app = Workbench(engine, clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH))
    heard: list[str] = []
    async with app.run_test(size=size, message_hook=lambda m: heard.append(type(m).__name__)) as pilot:
        if not isinstance(engine.registry, Exception):
            await until(pilot, lambda: app.rows.registry is not None)
        yield app, engine, pilot, heard


def names(engine: ReplayEngine) -> list[tuple[str, ...] | None]:
    return [options.names for options in engine.started]


async def started(app, engine, pilot, count=1):
    await until(pilot, lambda: len(engine.runs) == count and isinstance(app.screen, RunScreen))
    run = engine.runs[-1]
    await until(pilot, lambda: app.session is not None and app.session.handle is run)
    return run


async def caught_up(app, pilot):
    await until(
        pilot,
        lambda: app.session.state.seq == app.session.handle.released and not app.runs.redraw_due,
    )


# marking


async def test_marked_tests_run_in_the_registrys_order(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot, _):
        await pilot.press("end", "space", "home", "down", "space", "r")
        await started(app, engine, pilot)
        assert names(engine) == [("cache-evicts-oldest", "memory-pressure")]


async def test_without_marks_the_test_under_the_cursor_runs(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot, _):
        await pilot.press("down", "down", "r")
        await started(app, engine, pilot)
        assert names(engine) == [("cache-survives-restart",)]


async def test_a_group_is_marked_at_once(tmp_path) -> None:
    async with opened(tmp_path) as (app, _engine, pilot, _):
        await pilot.press("space")
        assert app.rows.marked == {"cache-evicts-oldest", "cache-survives-restart"}
        await pilot.press("space")
        assert not app.rows.marked


async def test_everything_shown_is_marked_and_unmarked(tmp_path) -> None:
    async with opened(tmp_path) as (app, _engine, pilot, _):
        await pilot.press("a")
        assert app.rows.marked == set(ALL)
        await pilot.press("u")
        assert not app.rows.marked
        await pilot.press("a", "escape")
        assert not app.rows.marked


async def test_everything_shown_runs(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot, _):
        await pilot.press("R")
        await started(app, engine, pilot)
        assert names(engine) == [ALL]


async def test_what_failed_runs_again(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot, _):
        await pilot.press("f")
        await started(app, engine, pilot)
        assert names(engine) == [("gateway-rejects-bad-token", "copy-round-trip")]


async def test_marks_by_the_mouse(tmp_path) -> None:
    async with opened(tmp_path) as (app, _engine, pilot, _):
        await pilot.click("#tests", offset=(2, 1))  # the columns' names
        assert not app.rows.marked and app.tests_screen.test_list.cursor == 0
        await pilot.click("#tests", offset=(2, 3))
        assert app.rows.marked == {"cache-evicts-oldest"}
        await pilot.click("#tests", offset=(20, 4))
        assert app.rows.marked == {"cache-evicts-oldest"}
        assert app.tests_screen.test_list.current_test.name == "cache-survives-restart"


async def test_a_group_folds_by_enter_and_by_a_click(tmp_path) -> None:
    async with opened(tmp_path) as (app, _engine, pilot, _):
        rows = len(app.rows.rows)
        await pilot.press("enter")
        assert len(app.rows.rows) == rows - 2
        await pilot.click("#tests", offset=(10, 2))
        assert len(app.rows.rows) == rows
        await pilot.press("left_square_bracket")
        assert len(app.rows.rows) == 3
        await pilot.press("right_square_bracket")
        assert len(app.rows.rows) == rows


# filtering


async def test_the_filter_narrows_as_it_is_typed(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot, _):
        await pilot.press("slash", *"tag:smoke")
        assert {t.name for t in app.rows.shown} == {
            "gateway-answers",
            "boot-reaches-login",
            "devices-are-there",
        }
        await pilot.press(*" -net", "enter")
        assert isinstance(app.focused, type(app.tests_screen.test_list))
        await pilot.press("R")
        await started(app, engine, pilot)
        assert names(engine) == [("gateway-answers", "boot-reaches-login", "devices-are-there")]


async def test_escape_clears_the_filter_and_keeps_the_marks(tmp_path) -> None:
    async with opened(tmp_path) as (app, _engine, pilot, _):
        await pilot.press("a", "slash", *"nothing")
        assert app.rows.shown == []
        assert app.tests_screen.query_one("#empty").display
        await pilot.press("escape")
        assert len(app.rows.shown) == len(ALL)
        assert app.tests_screen.query_one("#filter", Input).value == ""
        assert app.rows.marked == set(ALL)


async def test_keys_of_the_screen_are_letters_in_the_filter(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot, _):
        await pilot.press("slash", *"qrRtv?z")
        assert app.tests_screen.query_one("#filter", Input).value == "qrRtv?z"
        assert not engine.started and app.is_running


async def test_the_cursor_stays_on_its_test(tmp_path) -> None:
    async with opened(tmp_path) as (app, _engine, pilot, _):
        await pilot.press("end", "up")
        await pilot.press("slash", *"devices", "escape")
        assert app.tests_screen.test_list.current_test.name == "devices-are-there"


async def test_ten_thousand_tests_are_listed_and_filtered(tmp_path) -> None:
    one = demo.registry().tests[0]
    tests = tuple(
        dataclasses.replace(one, name=f"test-{n:05}", group=f"g{n // 50:03}") for n in range(10_000)
    )
    registry = dataclasses.replace(demo.registry(), tests=tests)
    async with opened(tmp_path, registry=registry) as (app, _engine, pilot, _):
        await pilot.press("end")
        assert app.tests_screen.test_list.current_test.name == "test-09999"
        await pilot.press("slash", *"4242")
        assert [t.name for t in app.rows.shown] == ["test-04242"]


# what cannot be read


async def test_broken_files_are_listed_with_their_remedy(tmp_path) -> None:
    async with opened(tmp_path, registry=demo.registry(broken=True)) as (app, engine, pilot, _):
        await pilot.press("down")
        text = app.tests_screen.query_one(Details).text
        assert "mailer/test.toml:7" in text and "close the quote in line 6" in text
        await pilot.press("r")
        assert not engine.started
        await pilot.press("R")
        await started(app, engine, pilot)
        assert names(engine) == [ALL]


async def test_an_unreadable_registry_says_what_to_do(tmp_path) -> None:
    async with opened(tmp_path, registry=HostNotReady()) as (app, engine, pilot, _):
        empty = app.tests_screen.query_one("#empty")
        await until(pilot, lambda: "cannot be read" in str(empty.content))
        assert "install qemu" in str(empty.content)
        engine.registry = demo.registry()
        await pilot.press("L")
        await until(pilot, lambda: app.rows.registry is not None and not empty.display)


async def test_an_empty_registry_shows_how_to_begin(tmp_path) -> None:
    async with opened(tmp_path, registry=Registry(root=demo.ROOT)) as (app, engine, pilot, _):
        assert "[[tests]]" in str(app.tests_screen.query_one("#empty").content)
        await pilot.press("R", "r", "f", "a", "space", "enter", "down", "end")
        assert not engine.started


async def test_reloading_keeps_the_place(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot, _):
        await pilot.press("down", "down", "space", "L")
        await until(pilot, lambda: engine.loads == 2)
        await pilot.pause()
        assert app.rows.marked == {"cache-survives-restart"}


# running


async def test_messages_of_a_run_in_their_order(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot, heard):
        await pilot.press("R")
        run = await started(app, engine, pilot)
        run.release()
        await until(pilot, lambda: "RunEnded" in heard)
        told = [name for name in heard if name in ("RegistryLoaded", "RunBegan", "RunRefused", "RunEnded")]
        assert list(dict.fromkeys(told)) == ["RegistryLoaded", "RunBegan", "RunEnded"]


async def test_a_refused_run_says_why_and_leaves_the_tests(tmp_path) -> None:
    async with opened(tmp_path, record=HostNotReady()) as (app, _engine, pilot, heard):
        await pilot.press("R")
        await until(pilot, lambda: "RunRefused" in heard)
        assert isinstance(app.screen, TestsScreen)
        assert any("install qemu" in note.message for note in app._notifications)
        app.engine.record = demo.record(tmp_path)
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))


async def test_running_tests_are_on_top_and_the_first_is_selected(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot, _):
        await pilot.press("R")
        run = await started(app, engine, pilot)
        run.release_until(lambda e: isinstance(e, TestStarted) and e.test == "gateway-rejects-bad-token")
        await caught_up(app, pilot)
        screen = app.screen
        running = [t.name for t in screen.run_list.tests if t.running]
        assert [t.name for t in screen.run_list.tests][: len(running)] == running
        assert screen.run_list.current.running
        assert screen.console.path is not None


async def test_a_finished_run_shows_its_failures_first(tmp_path) -> None:
    async with opened(tmp_path, released=None) as (app, engine, pilot, heard):
        await pilot.press("R")
        await started(app, engine, pilot)
        await until(pilot, lambda: "RunEnded" in heard)
        await caught_up(app, pilot)
        screen = app.screen
        assert [t.outcome for t in screen.run_list.tests][:2] == [Outcome.FAILED, Outcome.ERROR]
        assert screen.run_list.current.name == "gateway-rejects-bad-token"
        assert screen.timeline.deciding_step() == 3
        assert "the body is not empty" in screen.timeline.step_text(3)
        assert any(note.title == "Run finished" for note in app._notifications)


async def test_results_of_a_run_are_the_last_results(tmp_path) -> None:
    async with opened(tmp_path, released=None) as (app, engine, pilot, heard):
        await pilot.press("R")
        await started(app, engine, pilot)
        await until(pilot, lambda: "RunEnded" in heard)
        await pilot.press("escape")
        assert app.rows.results["copy-round-trip"].outcome is Outcome.PASSED
        assert app.rows.results["memory-pressure"].outcome is Outcome.ERROR
        assert app.rows.failed() == ("gateway-rejects-bad-token", "memory-pressure")


async def test_the_cursor_stays_on_the_test_somebody_chose(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot, _):
        await pilot.press("R")
        run = await started(app, engine, pilot)
        run.release(1)
        await caught_up(app, pilot)
        await pilot.press("down", "down", "down")
        chosen = app.screen.run_list.current.name
        run.release()
        await until(pilot, lambda: not app.session.active)
        await caught_up(app, pilot)
        assert app.screen.run_list.current.name == chosen


async def test_a_run_goes_on_in_the_background(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot, heard):
        await pilot.press("R")
        run = await started(app, engine, pilot)
        run.release(30)
        await pilot.press("escape")
        assert isinstance(app.screen, TestsScreen)
        await caught_up(app, pilot)
        assert app.tests_screen.query_one("#strip").display
        await pilot.press("r")
        assert len(engine.started) == 1, "one run at a time"
        await pilot.press("v")
        assert isinstance(app.screen, RunScreen)
        await pilot.press("escape")
        run.release()
        await until(pilot, lambda: "RunEnded" in heard)
        assert isinstance(app.screen, TestsScreen)
        await pilot.press("down", "r")
        await started(app, engine, pilot, count=2)


async def test_what_failed_in_the_run_runs_again_from_there(tmp_path) -> None:
    async with opened(tmp_path, released=None) as (app, engine, pilot, heard):
        await pilot.press("R")
        await started(app, engine, pilot)
        await until(pilot, lambda: "RunEnded" in heard)
        await pilot.press("f")
        await started(app, engine, pilot, count=2)
        assert names(engine)[-1] == ("gateway-rejects-bad-token", "memory-pressure")
        assert sum(isinstance(screen, RunScreen) for screen in app.screen_stack) == 1


# cancelling


async def test_cancelling_a_test_asks_first(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot, _):
        await pilot.press("R")
        run = await started(app, engine, pilot)
        run.release_until(lambda e: isinstance(e, TestStarted))
        await caught_up(app, pilot)
        name = app.screen.run_list.current.name
        await pilot.press("c")
        assert isinstance(app.screen, Confirm)
        await pilot.press("enter")
        assert run.cancelled == [], "enter alone loses nothing"
        await pilot.press("c", "escape")
        assert run.cancelled == []
        await pilot.press("c", "y")
        assert run.cancelled == [name]
        run.release()
        await until(pilot, lambda: not app.session.active)
        assert app.session.state.tests[name].outcome is Outcome.SKIPPED


@pytest.mark.parametrize("key", ["c", "C"])
async def test_a_question_about_what_ended_meanwhile_is_taken_back(tmp_path, key) -> None:
    async with opened(tmp_path) as (app, engine, pilot, _):
        await pilot.press("R")
        run = await started(app, engine, pilot)
        run.release_until(lambda e: isinstance(e, TestStarted))
        await caught_up(app, pilot)
        screen = app.screen
        await pilot.press(key)
        assert isinstance(app.screen, Confirm)
        run.release()
        await until(pilot, lambda: app.screen is screen and not app.session.active)
        assert run.cancelled == []
        assert any(n.message.startswith("It ended meanwhile") for n in app._notifications)


@pytest.mark.parametrize("key", ["C", "ctrl+x"])
async def test_cancelling_a_run_asks_first(tmp_path, key) -> None:
    async with opened(tmp_path) as (app, engine, pilot, heard):
        await pilot.press("R")
        run = await started(app, engine, pilot)
        run.release(40)
        await caught_up(app, pilot)
        await pilot.press(key, "n")
        assert run.cancelled == []
        await pilot.press(key, "y")
        await until(pilot, lambda: "RunEnded" in heard)
        assert run.cancelled == [None]
        assert app.session.state.finished.cancelled
        assert all(test.outcome is not None for test in app.session.state.tests.values())


async def test_what_is_over_cannot_be_cancelled(tmp_path) -> None:
    async with opened(tmp_path, released=None) as (app, engine, pilot, heard):
        await pilot.press("R")
        run = await started(app, engine, pilot)
        await until(pilot, lambda: "RunEnded" in heard)
        await pilot.press("c", "C")
        assert isinstance(app.screen, RunScreen)
        assert run.cancelled == []


# leaving


async def test_leaving_closes_the_engine(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot, _):
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running or engine.closed)
    assert engine.closed
    assert app.return_code == 0


async def test_leaving_a_run_asks_first(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot, _):
        await pilot.press("R")
        run = await started(app, engine, pilot)
        run.release(20)
        await caught_up(app, pilot)
        await pilot.press("q")
        assert isinstance(app.screen, Confirm)
        await pilot.press("n")
        assert isinstance(app.screen, RunScreen) and not engine.closed
        await pilot.press("ctrl+q", "y")
        await until(pilot, lambda: engine.closed)
        assert run.cancelled == [None]


# reading


async def test_steps_open_and_close(tmp_path) -> None:
    async with opened(tmp_path, released=None) as (app, engine, pilot, heard):
        await pilot.press("R")
        await started(app, engine, pilot)
        await until(pilot, lambda: "RunEnded" in heard)
        await caught_up(app, pilot)
        timeline = app.screen.timeline
        await pilot.press("enter")
        assert app.focused is timeline
        rows = timeline.count
        await pilot.press("enter")
        assert timeline.count < rows and timeline.current_step == 3
        await pilot.press("enter")
        assert timeline.count == rows


async def test_a_long_message_is_broken_and_never_cut(tmp_path) -> None:
    message = "expected " + " ".join(f"word-{n}" for n in range(60))
    record = [
        dataclasses.replace(s, event=dataclasses.replace(s.event, message=message))
        if isinstance(s.event, StepFinished) and s.event.outcome is Outcome.FAILED
        else s
        for s in demo.record(tmp_path)
    ]
    async with opened(tmp_path, record=record, released=None, size=NARROW) as (app, engine, pilot, heard):
        await pilot.press("R")
        await started(app, engine, pilot)
        await until(pilot, lambda: "RunEnded" in heard)
        await caught_up(app, pilot)
        timeline = app.screen.timeline

        def seen() -> str:
            return "".join(timeline._lines[row].text for row in range(timeline.count))

        assert message in seen()
        assert all(len(line.text) < 80 for line in timeline._lines)
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: timeline.view.width > 80)
        await pilot.pause()
        assert message in seen()


async def test_a_run_that_is_over_is_shown_as_soon_as_it_is_opened(tmp_path) -> None:
    async with opened(tmp_path, released=None) as (app, engine, pilot, heard):
        await pilot.press("R")
        await started(app, engine, pilot)
        await until(pilot, lambda: "RunEnded" in heard)
        again = RunScreen(app.session)
        await app.push_screen(again)
        assert len(again.run_list.tests) == len(ALL)
        assert again.timeline.test is again.run_list.current
        assert again.timeline.count > 0


async def test_a_warning_of_the_run_is_shown_once(tmp_path) -> None:
    record = demo.record(tmp_path)
    told = Notice(level="warning", message="memory is short: one machine at a time")
    record.insert(1, dataclasses.replace(record[1], event=told))
    record = [dataclasses.replace(s, seq=n) for n, s in enumerate(record, 1)]
    async with opened(tmp_path, record=record) as (app, engine, pilot, _):
        await pilot.press("R")
        run = await started(app, engine, pilot)
        for _ in range(3):
            run.release(5)
            await caught_up(app, pilot)
        assert [n.message for n in app._notifications] == [told.message]


async def test_the_whole_output_opens_and_closes(tmp_path) -> None:
    async with opened(tmp_path, released=None) as (app, engine, pilot, heard):
        await pilot.press("R")
        await started(app, engine, pilot)
        await until(pilot, lambda: "RunEnded" in heard)
        await caught_up(app, pilot)
        await pilot.press("o")
        assert isinstance(app.screen, OutputScreen)
        view = app.screen.view
        await until(pilot, lambda: view.line_count == 1)
        assert view.line_text(0) == "the body is not empty", "errors first where a step failed"
        await pilot.press("y")
        assert "the body is not empty" in app.clipboard
        await pilot.press("s")
        await until(pilot, lambda: view.line_count == 1 and "rw-r--r--" in view.line_text(0))
        await pilot.press("escape")
        assert isinstance(app.screen, RunScreen)


async def test_copying_a_steps_output(tmp_path) -> None:
    async with opened(tmp_path, released=None) as (app, engine, pilot, heard):
        await pilot.press("R")
        await started(app, engine, pilot)
        await until(pilot, lambda: "RunEnded" in heard)
        await caught_up(app, pilot)
        await pilot.press("enter", "y")
        assert "the body is not empty" in app.clipboard
        await pilot.press("end", "y")
        assert app.clipboard == app.screen.run_list.current.kept.command


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_a_pane_takes_the_whole_screen_and_gives_it_back(tmp_path, size) -> None:
    async with opened(tmp_path, released=None, size=size) as (app, engine, pilot, heard):
        await pilot.press("R")
        await started(app, engine, pilot)
        await until(pilot, lambda: "RunEnded" in heard)
        screen = app.screen
        for pane in (screen.run_list, screen.timeline, screen.console):
            pane.focus()
            await pilot.press("z")
            assert pane.size.width >= size[0] - 2 and pane.size.height >= size[1] - 5
            await pilot.press("escape")
            assert isinstance(app.screen, RunScreen)
            assert screen.run_list.size.height < size[1] - 2 and screen.console.size.height < size[1] - 5


async def test_tab_goes_round_the_panes(tmp_path) -> None:
    async with opened(tmp_path, released=None) as (app, engine, pilot, heard):
        await pilot.press("R")
        await started(app, engine, pilot)
        await until(pilot, lambda: "RunEnded" in heard)
        seen = []
        for _ in range(3):
            seen.append(app.focused.id)
            await pilot.press("tab")
        assert seen == ["run-tests", "timeline", "console"]
        assert app.focused.id == "run-tests"


async def test_help_palette_and_theme(tmp_path) -> None:
    async with opened(tmp_path) as (app, _engine, pilot, _):
        await pilot.press("question_mark")
        assert isinstance(app.screen, Help)
        await pilot.press("escape")
        assert app.theme == "vmbench-dark"
        await pilot.press("t")
        assert app.theme == "vmbench-light"
        commands = {command.title for command in app.get_system_commands(app.screen)}
        assert {"Mark (space)", "Run (r)", "Reload (L)", "Quit (q)", "Theme (t)"} <= commands
        await pilot.press("ctrl+p")
        await pilot.press(*"mark all")
        await until(pilot, lambda: app.screen.query_one("OptionList").option_count > 0)
        await pilot.press("enter")
        await until(pilot, lambda: app.rows.marked == set(ALL))
        # What is done in another place is found here, too: it leads there.
        await pilot.press("ctrl+p")
        await pilot.press(*"settings: undo")
        await until(pilot, lambda: app.screen.query_one("OptionList").option_count > 0)
        await pilot.press("enter")
        await until(pilot, lambda: app.place == "settings" and bool(app._notifications))
        assert [notice.title for notice in app._notifications] == ["Undo: u"]


async def test_keys_can_be_remapped_by_their_ids(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot, _):
        app.set_keymap({"tests.run-shown": "x"})
        await pilot.pause()
        await pilot.press("x")
        await started(app, engine, pilot)
        assert names(engine) == [ALL]


@pytest.mark.reports
async def test_a_pane_that_cannot_draw_is_reported_and_the_rest_goes_on(tmp_path, monkeypatch) -> None:
    async with opened(tmp_path) as (app, _engine, pilot, _):
        tests = app.tests_screen.test_list

        def fails(index, width):
            raise ValueError("a fault in drawing")

        monkeypatch.setattr(tests, "draw_row", fails)
        tests.refresh()
        await until(pilot, lambda: isinstance(app.screen, Report))
        monkeypatch.undo()
        await pilot.press("y")
        assert "a fault in drawing" in app.clipboard
        await pilot.press("escape")
        assert isinstance(app.screen, TestsScreen)
        await pilot.press("a")
        assert app.rows.marked == set(ALL)


async def test_events_in_a_burst_are_one_redraw(tmp_path, monkeypatch) -> None:
    async with opened(tmp_path) as (app, engine, pilot, _):
        await pilot.press("R")
        run = await started(app, engine, pilot)
        await caught_up(app, pilot)
        drawn = []
        original = app.screen.run_changed
        monkeypatch.setattr(app.screen, "run_changed", lambda: (drawn.append(1), original()))
        run.release_until(lambda e: isinstance(e, TestFinished))
        assert run.released > 20
        await caught_up(app, pilot)
        assert len(drawn) < run.released // 5
