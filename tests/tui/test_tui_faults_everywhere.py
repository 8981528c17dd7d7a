"""On every place and in every dialog: a terminal too small, and faults of the workbench's own."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.css.query import NoMatches
from textual.screen import ModalScreen
from textual.timer import Timer

from app.settings import Settings, UiSettings
from app.tui import demo, demo_machines, places
from app.tui.app import Workbench
from app.tui.clock import Clock
from app.tui.demo_host import DemoDoctor, DemoImages
from app.tui.demo_latency import DemoLab
from app.tui.demo_runs import past_runs
from app.tui.replay import ReplayEngine
from app.tui.screens.base import VmScreen
from app.tui.screens.dialogs import Report
from app.tui.screenshots import WIDE, until
from app.tui.widgets.line_list import LineList

DIALOGS = {
    "tests": ("question_mark", "f1", "semicolon"),
    "run": ("X", "S"),
    "terminals": (),
    "machines": ("n", "R", "x", "e"),
    "snapshots": ("r",),
    "runs": ("d",),
    "images": (),
    "latency": ("n",),
    "doctor": (),
    "settings": ("down down down e",),
}
"""What opens a dialog on each place; every kind of dialog is among them."""


@asynccontextmanager
async def opened(tmp_path, wall=lambda: demo.EPOCH):
    engine = ReplayEngine(
        demo.registry(),
        results=demo.results(),
        record=demo.record(tmp_path / "live"),
        folder=tmp_path / "live",
        released=None,
    )
    made = demo_machines.house()
    house = replace(
        demo.house(),
        machines=made.machines,
        snapshots=made.snapshots,
        runs=past_runs(tmp_path / "past"),
        images=DemoImages(),
        doctor=DemoDoctor(),
        lab=DemoLab(tmp_path / "lab"),
    )
    app = Workbench(
        engine,
        clock=Clock(mono=lambda: 1000.0, wall=wall),
        house=house,
        settings=Settings(ui=UiSettings(gauge=False)),
    )
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        await pilot.press("down", "R")
        await until(pilot, lambda: app.place == "run" and not app.session.active and not app.runs.redraw_due)
        yield app, pilot


def drawn(app) -> list[str]:
    """Return the screen's lines as text."""
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def cursors(app) -> list[int]:
    return [found.cursor for found in app.screen.query(LineList)]


async def place(app, pilot, name) -> None:
    """Go to a place, and wait until it has read what it shows."""
    await app.go(name)
    await until(pilot, lambda: app.place == name and not isinstance(app.screen, ModalScreen))
    screen = app.screen
    if name in ("machines", "snapshots", "doctor"):
        await until(pilot, lambda: not screen.looking)
    if name in ("runs", "images"):
        await until(pilot, lambda: screen.loaded)
    if name == "latency":
        await until(pilot, lambda: screen.current is not None)
    await pilot.pause()


async def test_a_terminal_of_20_by_5_and_back_on_every_place_and_in_every_dialog(tmp_path) -> None:
    async with opened(tmp_path) as (app, pilot):
        for name, keys in DIALOGS.items():
            await place(app, pilot, name)
            for key in ("", *keys):
                here = app.screen
                if key:
                    await pilot.press(*key.split())
                    await until(pilot, lambda: isinstance(app.screen, ModalScreen))
                app.clear_notifications()
                await pilot.pause()
                stack, before, at = list(app.screen_stack), drawn(app), cursors(app)
                await pilot.resize_terminal(1, 1)
                await pilot.resize_terminal(20, 5)
                await pilot.resize_terminal(*WIDE)
                await until(pilot, lambda before=before: drawn(app) == before)
                assert (list(app.screen_stack), cursors(app)) == (stack, at), (name, key)
                if key:
                    await pilot.press("escape")
                    await until(pilot, lambda here=here: app.screen is here)
        # A dialog that there is no room for still takes its keys.
        await place(app, pilot, "machines")
        await pilot.resize_terminal(20, 5)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ModalScreen))
        await pilot.press("n")
        await until(pilot, lambda: not isinstance(app.screen, ModalScreen))
        assert {place.id for place in places.PLACES} | {places.TESTS} == set(DIALOGS)


async def test_a_clock_that_jumps_makes_no_age_negative(tmp_path) -> None:
    now = [demo.EPOCH]
    async with opened(tmp_path, wall=lambda: now[0]) as (app, pilot):
        for jump in (-90 * 86400.0, 3600.0):
            now[0] = demo.EPOCH + jump
            for name in ("tests", "run", "machines", "snapshots", "runs", "images", "doctor"):
                await place(app, pilot, name)
                if name in ("machines", "snapshots"):
                    app.screen.read()
                    await until(pilot, lambda: not app.screen.looking)
                await pilot.pause()
                text = "\n".join(drawn(app))
                assert not re.search(r"-\d+(\.\d+)?(s|m|h|d| min| h| day)\b", text), text
        now[0] = demo.EPOCH
        await pilot.press("1", "down")
        assert app.place == places.TESTS


def causes(app, screen, lists, name, patch):
    """Return what makes each kind of code of ours fail on a place: an action by a key, a timer, a handler."""

    def fault(kind):
        def fails(*_args):
            raise NoMatches(f"{kind} fails on {name}")

        fails.__module__ = "app.tui.made_up"
        return fails

    async def work() -> None:
        fault("a worker")()

    patch.setattr(type(screen), "action_fault", fault("an action"), raising=False)
    found = {
        "an action": lambda: app.call_later(screen.run_action, "fault"),
        "a timer": lambda: app.set_interval(0.01, fault("a timer")),
        "a callback": lambda: screen.call_later(fault("a callback")),
        "a worker": lambda: screen.run_worker(work(), exit_on_error=False),
    }

    def look_for_reasons() -> None:
        patch.setattr(type(screen), "why_not", fault("a reason"))
        screen.refresh_bindings()

    if type(screen).why_not is not VmScreen.why_not:
        found["a reason"] = look_for_reasons
    if lists:
        patch.setattr(LineList, "on_blur", fault("a handler"))
        found["a handler"] = lambda: screen.set_focus(None)
    return found


@pytest.mark.reports
async def test_a_fault_of_ones_own_is_reported_on_its_place_and_the_rest_lives(tmp_path, monkeypatch) -> None:
    async with opened(tmp_path) as (app, pilot):
        for name in DIALOGS:
            await place(app, pilot, name)
            screen = app.screen
            lists = list(screen.query(LineList))

            with monkeypatch.context() as patch:
                kinds = causes(app, screen, lists, name, patch)
                # All kinds on the first place, and what the person causes on every one.
                some = {"an action", "a reason", *list(kinds)[-1:]}
                for kind in [kind for kind in kinds if name == places.TESTS or kind in some]:
                    cause = kinds[kind]
                    caused = cause()
                    await until(pilot, lambda: isinstance(app.screen, Report))
                    if isinstance(caused, Timer):
                        caused.stop()
                    await pilot.press("y")
                    assert f"{kind} fails on {name}" in app.clipboard and "vmbench 0" in app.clipboard
                    await pilot.press("escape")
                    await until(pilot, lambda screen=screen: app.screen is screen)
            # The place goes on.
            if lists:
                screen.set_focus(lists[0])
                await pilot.press("end", "home")
                assert lists[0].cursor == 0
        assert app.fault is None
