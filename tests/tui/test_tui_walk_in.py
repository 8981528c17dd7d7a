"""Walking into machines from the run screen, over recorded events and a machine without a guest."""

from __future__ import annotations

import dataclasses
from contextlib import asynccontextmanager

import pytest
from textual.app import App
from textual.widgets import Static

from app.engine.events import CheckpointSaved, MachineKept, Outcome, TestFinished
from app.engine.rewind import Rewound
from app.tui import demo
from app.tui.app import Workbench
from app.tui.clock import Clock
from app.tui.replay import ReplayEngine
from app.tui.screens.run import RunScreen
from app.tui.screenshots import WIDE, until
from app.tui.walk_in import lent_screen
from backends.base import BackendError, MachineRequest
from tests.fakes import FakeBackend, FakeMachine
from tests.tui.real_outer import on_real_outer
from tests.waiting import until as until_so


def failed_test(record) -> str:
    return next(
        s.event.test
        for s in record
        if isinstance(s.event, TestFinished) and s.event.outcome is Outcome.FAILED
    )


def with_checkpoint(record, test: str):
    """The record with a checkpoint before the second step of a test."""
    events = []
    for stamped in record:
        if isinstance(stamped.event, TestFinished) and stamped.event.test == test:
            saved = CheckpointSaved(test=test, index=1, snapshot="ck", duration=0.1, size=1)
            events.append(dataclasses.replace(stamped, event=saved))
        events.append(stamped)
    return [dataclasses.replace(s, seq=n) for n, s in enumerate(events, 1)]


@asynccontextmanager
async def finished_run(tmp_path):
    record = demo.record(tmp_path)
    test = failed_test(record)
    record = with_checkpoint(record, test)
    engine = ReplayEngine(
        demo.registry(), results=demo.results(), record=record, folder=tmp_path, released=None
    )
    machine = await FakeBackend(tmp_path / "machines").create(MachineRequest(label=test))
    kept = next(s.event for s in record if isinstance(s.event, MachineKept) and s.event.test == test)
    engine.machines[kept.machine] = machine
    engine.rewound[test] = Rewound(
        test=test,
        run="run",
        index=1,
        action="shell",
        name="fails",
        command="false",
        typed="sh /tmp/vmbench-step-2.sh",
        message="exited with 1",
        snapshot="ck",
        machine=machine,
    )
    app = Workbench(engine, clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH))
    walked: list[tuple[FakeMachine, str]] = []

    async def walk(_, machine, typed):
        walked.append((machine, typed))

    app.walk = walk
    heard: list[str] = []
    async with app.run_test(size=WIDE, message_hook=lambda m: heard.append(type(m).__name__)) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        await pilot.press("R")
        await until(pilot, lambda: "RunEnded" in heard and isinstance(app.screen, RunScreen))
        # The failure is listed first, so it is the selected one.
        await until(pilot, lambda: app.screen.run_list.current.name == test)
        yield app, engine, pilot, walked, machine


async def test_a_kept_machine_is_walked_into(tmp_path) -> None:
    async with finished_run(tmp_path) as (_, _, pilot, walked, machine):
        await pilot.press("a")
        await until(pilot, lambda: machine.released)
        assert walked == [(machine, "")]


async def test_a_failed_test_is_rewound_with_its_command_typed(tmp_path) -> None:
    async with finished_run(tmp_path) as (app, _, pilot, walked, machine):
        await pilot.press("b")
        await until(pilot, lambda: machine.released and len(app._notifications))
        assert walked == [(machine, "sh /tmp/vmbench-step-2.sh")]
        (told,) = [n for n in app._notifications if n.title == "Rewound"]
        assert f"vmbench rm {machine.id}" in told.message


async def test_what_cannot_be_rewound_is_told(tmp_path) -> None:
    async with finished_run(tmp_path) as (app, engine, pilot, walked, _):
        engine.rewound.clear()
        await pilot.press("b")
        await until(pilot, lambda: any(n.title == "Not rewound" for n in app._notifications))
        assert walked == []


async def test_a_test_without_machine_and_checkpoints_offers_neither(tmp_path) -> None:
    async with finished_run(tmp_path) as (app, _, pilot, walked, _):
        await pilot.press("end")
        test = app.screen.run_list.current
        assert test.kept is None and not test.checkpoints
        assert not app.screen.check_action("attach", ())
        assert not app.screen.check_action("rewind", ())
        await pilot.press("a", "b")
        assert walked == []


async def test_what_failed_is_run_again_with_checkpoints(tmp_path) -> None:
    async with finished_run(tmp_path) as (_, engine, pilot, _, _):
        await pilot.press("f")
        await until(pilot, lambda: len(engine.started) == 2)
        assert [options.checkpoints for options in engine.started] == [False, True]


async def test_a_screen_that_was_lent_comes_back_when_what_had_it_fails(monkeypatch) -> None:
    class Bare(App):
        def compose(self):
            yield Static("before")

    async with on_real_outer(Bare(), monkeypatch) as outer:
        shown = outer.app.query_one(Static)
        with pytest.raises(BackendError, match="broke"):
            async with lent_screen(outer.app):
                raise BackendError("the connection broke")
        shown.update("after")
        await until_so(lambda: "after" in "".join(c.data for c in outer.cells()[0]), "what is drawn then")
