"""Acting on tests by keys: editing, retesting, running from a step, shaking, keeping, copying, undoing."""

from __future__ import annotations

import dataclasses
from contextlib import asynccontextmanager

from textual.command import CommandList, CommandPalette
from textual.widgets import Input

from app.engine.events import MachinePhase, Notice, Phase, ShakeFinished
from app.engine.usage import Usage
from app.tui import demo
from app.tui.app import Workbench
from app.tui.clock import Clock
from app.tui.replay import ReplayEngine
from app.tui.screens.choices import Ask
from app.tui.screens.run import RunScreen
from app.tui.screenshots import WIDE, until
from app.tui.test_rows import Grouping, GroupRow, Sort, TestRow
from app.tui.widgets.details import Details
from app.tui.widgets.key_footer import KeyLine
from app.tui.widgets.run_header import RunHeader
from app.tui.widgets.timeline import Timeline
from backends.base import MachineRequest
from registry.model import Problem, Severity
from tests.fakes import FakeBackend

BAD = "gateway-rejects-bad-token"


@asynccontextmanager
async def opened(tmp_path, **options):
    engine = ReplayEngine(
        demo.registry(), results=demo.results(), record=demo.record(tmp_path), folder=tmp_path, **options
    )
    app = Workbench(engine, clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH))
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        yield app, engine, pilot


async def finished(app, pilot):
    await pilot.press("R")
    await until(
        pilot,
        lambda: app.session is not None and not app.session.active and isinstance(app.screen, RunScreen),
    )
    # The failure is listed first, so it is the selected one.
    await until(
        pilot, lambda: app.screen.run_list.current is not None and app.screen.run_list.current.name == BAD
    )
    return app.screen


def told(app) -> list[str]:
    return [n.message for n in app._notifications]


async def test_tests_are_acted_on_by_keys(tmp_path) -> None:
    async with opened(tmp_path, released=None) as (app, engine, pilot):
        edited = []
        app.edit_with = lambda file, line: edited.append((file, line))
        await pilot.press("down", "Y")
        assert app.clipboard == "vmbench run cache-evicts-oldest"
        await pilot.press("e")
        await until(pilot, lambda: engine.loads == 2 and bool(edited))
        assert edited == [(app.tests_screen.chosen_test().file, 1)]
        # Marks: taken away, and put back by the same key.
        await pilot.press("a", "u")
        assert not app.rows.marked
        await pilot.press("u")
        assert app.rows.marked == {test.name for test in engine.registry.tests}
        await pilot.press("u")
        # A filter that was taken away comes back the same way.
        await pilot.press("slash", *"net", "escape")
        assert not app.rows.filter
        await pilot.press("u")
        await until(pilot, lambda: app.rows.filter == "net")
        await pilot.press("slash", "escape", "home", "down", "S")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        app.screen.query_one(Input).value = "x"
        await pilot.press("enter")
        await until(pilot, lambda: any("no number from 1" in text for text in told(app)))
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        app.screen.query_one(Input).value = "7"
        await pilot.press("enter")
        await until(pilot, lambda: len(engine.started) == 1)
        await until(pilot, lambda: app.session is not None and not app.session.active)
        await pilot.press("1", "W")
        await until(pilot, lambda: len(engine.started) == 2)
        assert [(o.names, o.shake, o.retest) for o in engine.started] == [
            (("cache-evicts-oldest",), 7, False),
            (("cache-evicts-oldest",), None, True),
        ]


async def test_tests_are_listed_by_tag_and_flat_and_in_other_orders(tmp_path) -> None:
    async with opened(tmp_path) as (app, _engine, pilot):
        list_ = app.tests_screen.test_list
        await pilot.press("down")
        here = list_.current_test
        await pilot.press("T")
        assert app.rows.grouping is Grouping.TAG and list_.current_test == here
        tags = [row.key for row in app.rows.rows if isinstance(row, GroupRow)]
        assert tags == sorted(tags, key=lambda tag: (tag == "no tag", tag)) and len(tags) > 2
        await pilot.press("T", "o")
        assert "flat · by name" in str(list_.border_title)
        names = [row.test.name for row in app.rows.rows if isinstance(row, TestRow)]
        assert names == sorted(names) and len(names) == len(app.rows.rows)
        assert list_.current_test == here
        await pilot.press("o")
        first = app.rows.rows[0].test.name
        assert app.rows.sort is Sort.RESULT and first in app.rows.failed()
        await pilot.press("o")
        times = [app.rows.results[t.name].duration for t in app.rows.shown if t.name in app.rows.results]
        assert times == sorted(times, reverse=True)
        await pilot.press("o", "T")
        assert (app.rows.sort, app.rows.grouping) == (Sort.REGISTRY, Grouping.SERVICE)


async def test_steps_catch_up_with_the_cursor_before_they_are_asked_for(tmp_path) -> None:
    async with opened(tmp_path, released=None) as (app, _engine, pilot):
        screen = await finished(app, pilot)
        shown = screen.query_one(Timeline)
        before, run_list = shown.test, screen.run_list
        run_list.cursor = 0 if run_list.cursor else 1
        screen._moved()  # as its message does
        assert shown.test is before, "the cursor's own line is painted first"
        assert screen.timeline.test is run_list.current is not before
        await pilot.press("end")
        await until(pilot, lambda: shown.test is run_list.current)


async def test_a_finished_run_is_acted_on(tmp_path) -> None:
    async with opened(tmp_path, released=None) as (app, engine, pilot):
        screen = await finished(app, pilot)
        edited = []
        app.edit_with = lambda file, line: edited.append(file)
        failed = screen.run_list.current.result.step
        assert screen.why_not("keep").startswith("Its test is over")
        await pilot.press("K")
        assert screen.session.handle.wishes == []
        # A key that does nothing now says why.
        assert told(app)[-1] == screen.why_not("keep")
        assert not screen.why_not("run_failed") and screen.check_action("run_failed", ())
        await pilot.press("c")
        assert told(app)[-1] == "The run is over already."
        await pilot.press("Y")
        assert app.clipboard == screen.run_list.current.steps[failed].command != ""
        await pilot.press("e")
        await until(pilot, lambda: bool(edited))
        assert edited == [screen.chosen_test().file]
        await pilot.press("s")
        await until(pilot, lambda: len(engine.started) == 2)
        assert (engine.started[1].names, engine.started[1].from_step) == ((BAD,), failed + 1)


async def test_an_edited_file_that_cannot_run_is_explained(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot):
        await pilot.press("down")
        file = app.tests_screen.chosen_test().file

        def edit(_file, _line):
            problem = Problem(
                severity=Severity.ERROR,
                file=file,
                key="tests[0].steps",
                message="has no steps",
                line=9,
                remedy="add one",
            )
            engine.registry = dataclasses.replace(engine.registry, problems=(problem,))

        app.edit_with = edit
        await pilot.press("e")
        await until(pilot, lambda: any("has no steps\nadd one" in text for text in told(app)))
        assert app.tests_screen.chosen_test().file == file

        def mend(_file, _line):
            tests = [
                dataclasses.replace(t, summary="mended") if t.name == name else t
                for t in engine.registry.tests
            ]
            engine.registry = dataclasses.replace(engine.registry, tests=tuple(tests))

        name = app.tests_screen.chosen_test().name
        app.edit_with = mend
        await pilot.press("e")
        await until(pilot, lambda: f"{name}: summary" in told(app))
        lines = []
        app.edit_with = lambda _file, line: lines.append(line)
        await pilot.press("home", "down", "e")
        await until(pilot, lambda: lines == [9])

        def vanish(_file, _line):
            raise FileNotFoundError("there is no such file")

        app.edit_with = vanish
        await pilot.press("e")
        await until(pilot, lambda: any(n.title == "Not edited" for n in app._notifications))


async def test_a_test_that_runs_is_walked_into_and_its_machine_kept(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot):
        await pilot.press("R")
        await until(pilot, lambda: bool(engine.runs) and isinstance(app.screen, RunScreen))
        run = engine.runs[-1]
        run.release_until(lambda e: isinstance(e, MachinePhase) and e.phase is Phase.READY)
        await until(pilot, lambda: app.session.state.seq == run.released and not app.runs.redraw_due)
        screen = app.screen
        (test,) = [t for t in app.session.state.running() if t.phase is Phase.READY]
        await until(pilot, lambda: screen.run_list.current is not None)
        while screen.run_list.current.name != test.name:
            await pilot.press("down")
        # The line of keys follows the machine, without another key.
        offered = screen.query_one(KeyLine)
        await until(pilot, lambda: "attach" in [key.action for key in offered.keys])
        for wanted in (True, False, None, True):
            await pilot.press("K")
            await until(pilot, lambda wanted=wanted: test.wish is wanted)
        # Only what holds now is told.
        (notice,) = [n for n in app._notifications if n.title == f"The machine of {test.name}"]
        assert notice.message.startswith("It is kept")
        assert [w for _, w in run.wishes] == [True, False, None, True]
        machine = await FakeBackend(tmp_path / "machines").create(MachineRequest(label=test.name))
        engine.machines[test.machine] = machine
        walked = []

        async def walk(_, found, typed):
            walked.append(found)

        app.walk = walk
        await pilot.press("a")
        await until(pilot, lambda: walked == [machine])
        assert any("sees what you change" in text for text in told(app))
        assert screen.why_not("retest") == "The run is not over yet."
        waiting = next(t for t in app.session.state.tests.values() if t.started is None)
        while screen.run_list.current.name != waiting.name:
            await pilot.press("down")
        assert "does not take commands" in screen.why_not("attach")


async def test_the_details_show_the_tests_source(tmp_path) -> None:
    file = tmp_path / "test.toml"
    file.write_text('[[tests]]\nname = "other"\n\n[[tests]]\nname = "mine"  # a word of mine\n')
    engine = ReplayEngine(demo.registry(), results=demo.results(), folder=tmp_path)
    first = engine.registry.tests[0]
    mine = dataclasses.replace(first, file=file, key="tests[1]")
    engine.registry = dataclasses.replace(engine.registry, tests=(mine, *engine.registry.tests[1:]))
    app = Workbench(engine, clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH))
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        await pilot.press("down")
        details = app.screen.query_one(Details)
        await until(pilot, lambda: "# a word of mine" in details.text)
        assert 'name = "other"' not in details.text


class Room:
    """A room of machines that all use the same."""

    def machines(self):
        return []

    def usage(self, views):
        return {"m-3b11": Usage(cpu_percent=42.4, memory=96 << 20, disk=0, written=0)}

    async def close(self):
        pass


async def test_a_run_shows_what_its_machines_use_where_there_is_room(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot):
        app.house = dataclasses.replace(app.house, machines=Room())
        await pilot.press("R")
        await until(pilot, lambda: bool(engine.runs) and isinstance(app.screen, RunScreen))
        run = engine.runs[-1]
        run.release_until(lambda e: isinstance(e, MachinePhase) and e.phase is Phase.READY)
        await until(pilot, lambda: app.session.state.seq == run.released and not app.runs.redraw_due)
        run_list = app.screen.run_list

        def seen() -> str:
            return "".join(run_list.render_line(y).text for y in range(run_list.view.height))

        await pilot.resize_terminal(220, 50)
        app.screen._tick()
        await until(pilot, lambda: "42% 96.0 MiB" in seen() or "42% 96 MiB" in seen())


async def test_a_group_shows_how_its_tests_go(tmp_path) -> None:
    async with opened(tmp_path) as (app, engine, pilot):
        details = app.screen.query_one(Details)
        group = app.tests_screen.test_list.current
        assert isinstance(group, GroupRow)
        await pilot.press("R")
        await until(pilot, lambda: bool(engine.runs) and isinstance(app.screen, RunScreen))
        run = engine.runs[-1]
        await pilot.press("1")
        name = group.tests[0].name
        run.release(1)
        await until(pilot, lambda: f"· {name}" in details.text)
        run.release_until(lambda e: isinstance(e, MachinePhase) and e.test == name and e.phase is Phase.READY)
        await until(pilot, lambda: f"▶ {name}" in details.text)


async def test_a_shaken_test_is_judged_on_the_screen(tmp_path) -> None:
    record = demo.record(tmp_path)
    started = record[0].event
    plans = tuple(dataclasses.replace(p, shaken=BAD) if p.name == BAD else p for p in started.tests)
    verdict = ShakeFinished(
        test=BAD, forks=9, passed=6, failed=3, errors=0, skipped=0, causes=("3 times step 2: exited with 1",)
    )
    events = [dataclasses.replace(started, tests=plans), *(s.event for s in record[1:-1]), verdict]
    stamps = [*record, record[-1]]
    record = [
        dataclasses.replace(stamp, seq=seq, event=event)
        for seq, (stamp, event) in enumerate(zip(stamps, [*events, record[-1].event], strict=True), 1)
    ]
    engine = ReplayEngine(
        demo.registry(), results=demo.results(), record=record, folder=tmp_path, released=None
    )
    app = Workbench(engine, clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH))
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        screen = await finished(app, pilot)
        said = f"{BAD}: 3 of 9 failed"
        assert said in screen.query_one(RunHeader).content.plain
        assert any(said in text for text in told(app))
        steps = screen.timeline
        shown = "\n".join(steps.render_line(y).text for y in range(steps.view.height))
        assert "3 of 9 failed" in shown and "3 times step 2: exited with 1" in shown


async def test_the_palette_begins_with_what_can_be_done_here(tmp_path) -> None:
    async with opened(tmp_path, released=None) as (app, _engine, pilot):
        await finished(app, pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        listed = app.screen.query_one(CommandList)

        def names() -> list[str]:
            options = [listed.get_option_at_index(i) for i in range(listed.option_count)]
            return [str(option.hit.text) for option in options]

        await until(pilot, lambda: any(name.startswith("Tests: ") for name in names()))
        all_names = names()
        not_now = [i for i, name in enumerate(all_names) if name.endswith(": not now")]
        assert all_names.index("Edit (e)") < all_names.index("Go to Tests (1)") < min(not_now)
        assert max(not_now) < next(i for i, name in enumerate(all_names) if name.startswith("Tests: "))
        # What is typed is looked for in what an action is for, too.
        await pilot.press(*"junit")
        await until(pilot, lambda: names()[:1] == ["Report (X)"])


async def test_a_run_tells_why_tests_run_whole(tmp_path) -> None:
    record = demo.record(tmp_path)
    said = [f"test-{n} runs whole: it has no set-up" for n in range(5)]
    notices = [dataclasses.replace(record[0], event=Notice(level="info", message=text)) for text in said]
    record = [dataclasses.replace(s, seq=n) for n, s in enumerate([record[0], *notices, *record[1:]], 1)]
    engine = ReplayEngine(
        demo.registry(), results=demo.results(), record=record, folder=tmp_path, released=len(said) + 1
    )
    app = Workbench(engine, clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH))
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        await pilot.press("down", "W")
        await until(pilot, lambda: "\n".join([*said[:3], "… and 2 more"]) in told(app))
