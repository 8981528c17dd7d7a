"""What must hurt nothing: a tiny terminal, a thousand tests, a file that is gone, a machine that dies."""

from __future__ import annotations

import dataclasses

from app.engine.events import MachineKept
from app.tui import demo, places
from app.tui.app import Workbench
from app.tui.clock import Clock
from app.tui.replay import ReplayEngine
from app.tui.screens.dialogs import Report
from app.tui.screens.run import RunScreen
from app.tui.screenshots import WIDE, until
from app.tui.test_rows import Grouping, TestRow
from backends.base import MachineDied, MachineRequest
from registry.model import Registry
from tests.fakes import FakeBackend


def thousand() -> Registry:
    few = demo.registry()
    tests = [
        dataclasses.replace(test, name=f"{test.name}-{number:03}", group=f"{test.group}-{number % 40}")
        for number in range(120)
        for test in few.tests
    ]
    return dataclasses.replace(few, tests=tuple(tests))


async def test_a_tiny_terminal_on_every_place_with_a_thousand_tests(tmp_path) -> None:
    engine = ReplayEngine(
        thousand(), results=demo.results(), record=demo.record(tmp_path), folder=tmp_path, released=None
    )
    app = Workbench(engine, clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH))
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        assert len(app.rows.shown) > 1000
        await pilot.press("T", "T", "end")
        assert app.rows.grouping is Grouping.FLAT
        assert isinstance(app.tests_screen.test_list.current, TestRow)
        await pilot.press("r")
        await until(pilot, lambda: app.session is not None and not app.session.active)
        for digit, place, _title in places.titles():
            await pilot.press(digit)
            await until(pilot, lambda place=place: app.place == place)
            for size in ((20, 5), WIDE, (80, 24)):
                await pilot.resize_terminal(*size)
                await pilot.pause()
            await pilot.press("less_than_sign", "left_curly_bracket", "semicolon", "1")
        await pilot.resize_terminal(*WIDE)
        await pilot.press("1")
        await until(pilot, lambda: app.screen is app.tests_screen)
        assert not any(isinstance(screen, Report) for screen in app.screen_stack)
        before = app.tests_screen.test_list.cursor
        app.tests_screen.set_focus(app.tests_screen.test_list)
        await pilot.press("up")
        assert app.tests_screen.test_list.cursor == before - 1


async def test_a_machine_that_dies_while_attached_and_a_file_that_is_gone(tmp_path) -> None:
    record = demo.record(tmp_path)
    engine = ReplayEngine(
        demo.registry(), results=demo.results(), record=record, folder=tmp_path, released=None
    )
    kept = next(s.event for s in record if isinstance(s.event, MachineKept))
    app = Workbench(engine, clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH))
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        machine = await FakeBackend(tmp_path / "machines").create(MachineRequest(label="t"))
        engine.machines[kept.machine] = machine

        async def walk(_app, found, _typed):
            raise MachineDied(f"{found.id}'s QEMU was killed by SIGKILL")

        app.walk = walk
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and not app.session.active)
        screen = app.screen
        await until(pilot, lambda: screen.run_list.current is not None and screen.run_list.current.kept)
        await pilot.press("a")
        await until(pilot, lambda: any("killed by SIGKILL" in n.message for n in app._notifications))
        assert machine.released and app.screen is screen
        # The demo's files were never there: the editor is not even started.
        await pilot.press("e")
        await until(pilot, lambda: any("any more" in n.message for n in app._notifications))
        engine.registry = dataclasses.replace(engine.registry, tests=())
        await pilot.press("1", "L")
        await until(pilot, lambda: not app.rows.shown)
        await pilot.press("2")
        await until(pilot, lambda: app.screen is screen)
        assert "no such test any more" in screen.why_not("edit")
        await pilot.press("e", "W", "S", "K", "Y")
        assert [s._text for s in app.screen_stack if isinstance(s, Report)] == []
