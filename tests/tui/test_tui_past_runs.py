"""The place of the runs, a past run with its slider, and the comparison, by keys and mouse."""

from __future__ import annotations

from contextlib import asynccontextmanager
from itertools import pairwise

from junitparser import JUnitXml
from rich.style import Style
from textual.widgets import Input

from app.engine.api import LastResult
from app.engine.events import Outcome, TestStarted
from app.engine.house import House
from app.engine.log import LOG_NAME, EventLog
from app.engine.offload import Writer
from app.engine.past import PastRuns
from app.logs.match import Pattern
from app.tui import demo
from app.tui.app import Workbench
from app.tui.clock import Clock
from app.tui.demo_runs import IDS, past_runs
from app.tui.replay import ReplayEngine
from app.tui.screens.ask import AskReport
from app.tui.screens.compare import CompareScreen
from app.tui.screens.consoles import ConsolesScreen
from app.tui.screens.dialogs import Confirm
from app.tui.screens.past_run import PastRunScreen
from app.tui.screens.run import RunScreen
from app.tui.screens.runs import RunsScreen
from app.tui.screenshots import NARROW, WIDE, until
from app.tui.widgets.details import Details
from app.tui.widgets.line_list import LineList
from app.tui.widgets.time_slider import TimeSlider

ALL = demo.registry().tests


@asynccontextmanager
async def opened(tmp_path, runs=None, *, size=WIDE, watching=None):
    engine = ReplayEngine(
        demo.registry(),
        results=demo.results(),
        record=demo.record(tmp_path / "live"),
        folder=tmp_path / "live",
    )
    runs = past_runs(tmp_path) if runs is None else runs
    app = Workbench(
        engine,
        clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH),
        house=House(runs=runs),
        watching=watching,
    )
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        if watching is None:
            await pilot.press("6")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.loaded)
        yield app, engine, pilot


def told(app) -> str:
    return " ".join(str(n.message) for n in app._notifications)


async def past(app, pilot) -> PastRunScreen:
    await until(pilot, lambda: isinstance(app.screen, PastRunScreen) and app.screen.past.over)
    await until(pilot, lambda: app.screen.query(TimeSlider).first().has_class("-shown"))
    return app.screen


async def test_runs_are_listed_marked_compared_and_filtered(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot):
        screen = app.screen
        shown = screen.run_list
        assert [run.id for run in shown.shown] == list(IDS)
        assert [run.word for run in shown.shown] == ["failed", "failed", "cut off", "failed"]
        await pilot.press("space", "space")
        assert set(shown.marked) == set(IDS[:2]) and "2 marked" in str(shown.border_title)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        found = app.screen.comparison
        assert (found.before, found.after) == (IDS[1], IDS[0])
        assert found.summary.startswith("1 worse, 1 better")
        await pilot.press("y")
        assert app.clipboard == found.text()
        await pilot.press("f")
        await until(pilot, lambda: len(engine.started) == 1)
        assert engine.started[0].names == ("gateway-rejects-bad-token",)
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await pilot.press("6", "escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("escape")
        assert not shown.marked
        await pilot.press("slash", *"cut", "enter")
        assert [run.id for run in shown.shown] == [IDS[2]]
        await pilot.press("slash", *" nothing")
        assert shown.shown == []
        await pilot.press("escape")
        assert len(shown.shown) == 4
        # The one under the cursor with the one before it.
        await pilot.press("home", "down", "y", "c")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        assert app.clipboard == IDS[1]
        assert app.screen.comparison.before == IDS[2]


async def test_a_past_run_opens_as_a_live_one_and_its_time_moves(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot):
        await pilot.press("enter")
        screen = await past(app, pilot)
        slider = screen.query_one(TimeSlider)
        await until(pilot, lambda: screen.run_list.count == len(ALL))
        state = screen.past.state
        assert state.finished is not None and screen.past.at_end
        assert screen.why_not("cancel_run")
        whole = state.finished.duration
        await pilot.press("left")
        await until(pilot, lambda: not screen.past.at_end)
        assert screen.past.state.finished is None
        await pilot.press("shift+home")
        await until(pilot, lambda: screen.past.state.mono == 0.0)
        assert not any(test.result for test in screen.past.state.tests.values())
        await pilot.press("right", "right")
        await until(pilot, lambda: screen.past.state.mono > 0.0)
        await pilot.press("shift+right")
        # Time goes on where nothing happens, too: by seconds, and by playing.
        gap, begin = max((late.mono - soon.mono, soon.mono) for soon, late in pairwise(screen.past.events))
        assert gap > 1
        screen.seek(begin)
        await until(pilot, lambda: screen.past.at == begin)
        await pilot.press("shift+right")
        await until(pilot, lambda: screen.past.at == begin + 1)
        assert screen.past.state.mono == begin
        await pilot.press("space")
        await until(pilot, lambda: screen.past.at > begin + gap)
        await pilot.press("space", "shift+home")
        await until(pilot, lambda: screen.past.at == 0.0)
        before = screen.past.state.mono
        await pilot.click(slider, offset=(80, 0))
        await until(pilot, lambda: screen.past.state.mono > before + 1)
        assert 0.3 * whole < screen.past.state.mono < 0.8 * whole
        await pilot.press("space")
        assert screen.playing
        await pilot.press("S", "S", "S", "S")
        assert screen.speed == 50
        await until(pilot, lambda: screen.past.at_end and not screen.playing)
        assert screen.past.state.counts()[Outcome.FAILED] == 1
        await pilot.press("f")
        await until(pilot, lambda: len(engine.started) == 1)
        await pilot.press("6")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


async def test_the_consoles_are_those_of_the_moment(tmp_path) -> None:
    runs = past_runs(tmp_path)
    # One machine is gone with its folder, as those that passed are; only what was put away is left.
    for console in (tmp_path / "runs" / IDS[0] / "machines").glob("*/console.log"):
        if "m-41c9" not in str(console):
            console.unlink()
    async with opened(tmp_path, runs) as (app, _, pilot):
        await pilot.press("enter")
        screen = await past(app, pilot)
        console = screen.console
        bad = screen.past.state.tests["gateway-rejects-bad-token"]
        assert screen.run_list.current is bad, "what failed is on top"
        await until(pilot, lambda: console.settled and console.line_count > 5)
        whole = console.line_count
        screen.seek(bad.started + 1.0)
        await until(pilot, lambda: 0 < console.line_count < whole)
        early = console.line_count
        assert console.following and "whole" not in str(console.border_title)
        console.search(Pattern("loaded"))
        screen.seek(bad.started + 1.6)
        await until(pilot, lambda: early < console.line_count < whole and console.settled)
        assert console.finder.searched == console.line_count
        screen.seek(bad.started + 0.5)
        await until(pilot, lambda: console.line_count < early and console.settled)
        assert console.finder.searched == console.line_count
        # All of them as one, cut off at the same moment.
        await pilot.press("M")
        await until(pilot, lambda: isinstance(app.screen, ConsolesScreen) and app.screen.view.settled)
        await until(pilot, lambda: app.screen.view.line_count > 0)
        merged = app.screen.view.source
        assert sum(log.newlines for log in merged.logs) == merged.line_count
        index = merged.tags.index("m-41c9")
        assert merged.logs[index].newlines == console.line_count
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        # Another test, which is over later and whose machine is gone: its console was put away.
        await pilot.press("down")
        await until(pilot, lambda: screen.run_list.current.name != bad.name)
        other = screen.run_list.current.name
        events = screen.past.events
        started = next(s.mono for s in events if isinstance(s.event, TestStarted) and s.event.test == other)
        screen.seek(started + 1.5)
        await until(pilot, lambda: console.line_count > 0)
        assert "attempt-1" in str(console.path)
        await pilot.press("shift+end")
        await until(pilot, lambda: screen.past.at_end and console.source.moment is None)
        await until(pilot, lambda: console.line_count == console.source._newlines)


async def test_a_console_without_times_is_whole_and_says_so(tmp_path) -> None:
    runs = past_runs(tmp_path)
    for times in (tmp_path / "runs" / IDS[0]).glob("**/console.times"):
        times.unlink()
    async with opened(tmp_path, runs) as (app, _, pilot):
        await pilot.press("enter")
        screen = await past(app, pilot)
        await until(pilot, lambda: screen.console.settled and screen.console.line_count > 5)
        await pilot.press("left", "left")
        await until(pilot, lambda: "whole: nobody noted its times" in str(screen.console.border_title))
        log = screen.console.source
        assert log.line_count == log.path.read_bytes().count(b"\n") > 0


def rows(view: LineList) -> str:
    return "\n".join(view.row_strip(index, 80, Style()).text for index in range(view.count))


async def test_a_run_that_was_cut_off_is_said_to_be(tmp_path) -> None:
    runs = past_runs(tmp_path)
    async with opened(tmp_path, runs, watching=runs.find(IDS[2]), size=NARROW) as (app, _engine, pilot):
        screen = await past(app, pilot)
        assert screen.past.gone and not screen.session.active
        await until(pilot, lambda: "cut off" in str(screen.query_one("#header").content))
        # What never ended is not said to go on.
        assert any(test.running for test in screen.run_list.tests)
        assert " cut off" in rows(screen.run_list) and "▶" not in rows(screen.run_list)
        assert "⚠" in rows(screen.timeline) and "▶" not in rows(screen.timeline)
        await pilot.press("left")
        await until(pilot, lambda: not screen.past.gone)
        assert "▶" in rows(screen.run_list)
        await pilot.press("shift+end")
        await until(pilot, lambda: screen.past.gone)


async def test_a_run_of_another_process_is_followed(tmp_path) -> None:
    events = demo.record(tmp_path / "live")
    log = EventLog(tmp_path / "runs" / IDS[0] / LOG_NAME, Writer())
    await log.open()
    half = len(events) // 2
    for stamped in events[:half]:
        log.append(stamped.event)
    runs = PastRuns(tmp_path / "runs")
    async with opened(tmp_path, runs, watching=runs.find("last")) as (app, _engine, pilot):
        await until(
            pilot, lambda: isinstance(app.screen, PastRunScreen) and app.screen.past.state.seq == half
        )
        screen = app.screen
        assert not screen.past.over and screen.why_not("play") and screen.why_not("cancel_run")
        assert not screen.query_one(TimeSlider).has_class("-shown")
        for stamped in events[half:]:
            log.append(stamped.event)
        await log.close()
        await past(app, pilot)
        assert screen.past.state.finished is not None


async def test_reports_are_written_and_runs_deleted_after_a_question(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot):
        shown = app.screen.run_list
        file = tmp_path / "result.xml"
        for press, wanted in (("no", "mine"), ("yes", "<?xml")):
            if press == "no":
                file.write_text("mine")
            await pilot.press("x")
            await until(pilot, lambda: isinstance(app.screen, AskReport))
            entry = app.screen.query_one(Input)
            entry.value = "result.doc"
            await pilot.press("enter")
            assert "ending" in str(app.screen.query_one("#wrong").content)
            entry.value = str(file)
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            await pilot.press(press[0])
            await until(pilot, lambda wanted=wanted: file.read_text().startswith(wanted))
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        assert sum(suite.failures for suite in JUnitXml.fromfile(str(file))) == 1
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, AskReport))
        await pilot.press("escape")

        await pilot.press("end", "space", "d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        assert (tmp_path / "runs" / IDS[3]).exists()
        await pilot.press("d", "y")
        await until(pilot, lambda: len(shown.all) == 3)
        assert not (tmp_path / "runs" / IDS[3]).exists() and "Deleted 1 run" in told(app)
        await pilot.press("home", "f")
        await until(pilot, lambda: len(engine.started) == 1)
        assert set(engine.started[0].names) == {t.name for t in demo.registry().tests} & {
            "gateway-rejects-bad-token",
            "memory-pressure",
        }


async def test_an_empty_house_says_what_to_do(tmp_path) -> None:
    async with opened(tmp_path, PastRuns(tmp_path / "none"), size=NARROW) as (app, _engine, pilot):
        await until(pilot, lambda: "Nothing has run" in str(app.screen.query_one("#no-runs").content))
        await pilot.press("space", "c", "f", "x", "d", "y", "u", "enter", "escape")
        assert isinstance(app.screen, RunsScreen)


async def test_the_tests_show_trends_where_there_is_room(tmp_path) -> None:
    engine = ReplayEngine(
        demo.registry(), results=demo.results(), record=demo.record(tmp_path), folder=tmp_path
    )
    name = "cache-survives-restart"
    engine.recent = {
        name: tuple(
            LastResult(outcome=o, duration=1.0 + n, time=float(n), run=f"run-{n}")
            for n, o in enumerate(
                [Outcome.PASSED, Outcome.FAILED, Outcome.PASSED, Outcome.PASSED, Outcome.PASSED]
            )
        )
    }
    app = Workbench(engine, clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH))
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: bool(app.rows.trends))
        shown = app.tests_screen.test_list
        index = app.rows.index_of(name)

        def text() -> str:
            return "".join(cell.text for cell in shown.draw_row(index, shown.view.width))

        assert "█" in text() and "~50%" in text()
        shown.cursor = index
        details = app.screen.query_one(Details)
        await until(pilot, lambda: "last 5 results, 2 flips (50%)" in details.text)
        assert "run-1" in details.text
        await pilot.resize_terminal(*NARROW)
        await until(pilot, lambda: "~50%" not in text())
