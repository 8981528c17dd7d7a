"""Scenes of places that wait for something, or could not get it: what the other scenes do not show."""

from __future__ import annotations

import asyncio
import dataclasses
import fcntl
import os
import threading
from collections.abc import Awaitable, Callable, Hashable
from pathlib import Path
from typing import cast

from textual.pilot import Pilot
from textual.widgets import Static

from app.engine.doctor import Status
from app.engine.house import House
from app.engine.latency.lab import Entry, Request
from app.engine.latency.measure import OnProgress, Progress
from app.engine.log import LOG_NAME
from app.engine.past import PastRuns
from app.settings import Settings
from app.settings_desk import SettingsDesk
from app.tui import demo, demo_machines
from app.tui.app import Workbench
from app.tui.demo_host import DemoDoctor, DemoImages
from app.tui.demo_latency import DemoLab
from app.tui.demo_machines import DemoMachines, DemoSnapshots
from app.tui.demo_runs import IDS, past_runs
from app.tui.demo_terminals import ClosedGuest
from app.tui.replay import ReplayEngine
from app.tui.screens.doctor import DoctorScreen
from app.tui.screens.images import ImagesScreen
from app.tui.screens.latency import LatencyScreen
from app.tui.screens.machines import MachinesScreen
from app.tui.screens.runs import RunsScreen
from app.tui.screens.settings import SettingsScreen
from app.tui.screens.snapshots import SnapshotsScreen
from app.tui.screens.terminal import TerminalScreen
from app.tui.screenshots import SCENES as EARLIER
from app.tui.screenshots import Scene, until, workbench_of
from app.tui.widgets.still import StillText, TextPane
from backends.base import BackendError, Machine
from registry.location import RegistryError
from registry.model import Problem, Severity

Prepare = Callable[[Pilot[int], ReplayEngine], Awaitable[None]]
DENIED = BackendError(
    "/home/ada/.local/state/vmbench cannot be read: Permission denied",
    remedy="see who owns it: ls -ld /home/ada/.local/state/vmbench",
)


def _at_the_end(app: Workbench, do: Callable[[], None]) -> None:
    """Do something when the app ends."""

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            do()

    app.run_worker(wait())


async def _tests_failed(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    empty = app.tests_screen.query_one("#empty", StillText)
    await until(pilot, lambda: "cannot be read" in str(empty.content))


async def _terminals_failed(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    engine.machines["calm-otter"] = cast(Machine, ClosedGuest("calm-otter"))
    await until(pilot, lambda: app.rows.registry is not None)
    app.doors.open_terminal("calm-otter")
    await until(pilot, lambda: isinstance(app.screen, TerminalScreen))
    screen = app.screen
    assert isinstance(screen, TerminalScreen)
    await until(pilot, lambda: bool(screen.panes[0].ended))


async def _machines_stale(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await pilot.press("4")
    await until(pilot, lambda: isinstance(app.screen, MachinesScreen) and not app.screen.looking)
    screen = app.screen
    assert isinstance(screen, MachinesScreen)
    machines = app.house.machines
    assert isinstance(machines, DemoMachines)
    machines.errors["machines"] = DENIED
    screen.read()
    await until(pilot, lambda: screen.failure is not None)


async def _snapshots_busy(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await pilot.press("5")
    await until(pilot, lambda: isinstance(app.screen, SnapshotsScreen) and not app.screen.looking)
    await pilot.press("down", "f")
    screen = app.screen
    assert isinstance(screen, SnapshotsScreen)
    await until(pilot, lambda: "booting" in str(screen.work_line.content) and not screen.looking)


async def _snapshots_failed(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await pilot.press("5")
    await until(pilot, lambda: isinstance(app.screen, SnapshotsScreen) and app.screen.failure is not None)


async def _runs_failed(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await pilot.press("6")
    await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.failure is not None)


async def _runs_busy(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    runs = app.house.runs
    assert runs is not None
    # Whoever writes a log holds a lock on it.
    log = os.open(runs.find(IDS[2]).folder / LOG_NAME, os.O_RDONLY)
    fcntl.flock(log, fcntl.LOCK_EX)
    _at_the_end(app, lambda: os.close(log))
    await pilot.press("6")
    await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.loaded)


async def _images(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await pilot.press("7")

    def read() -> bool:
        screen = app.screen
        return isinstance(screen, ImagesScreen) and (screen.loaded or screen.failure is not None)

    await until(pilot, read)


async def _measuring(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await EARLIER["latency"].prepare(pilot, engine)
    await pilot.press("n")
    await until(pilot, lambda: not isinstance(app.screen, LatencyScreen))
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, LatencyScreen))
    told = app.screen.query_one("#measuring", Static)
    await until(pilot, lambda: "66 of 200" in str(told.content))


async def _latency_failed(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await pilot.press("8")
    await until(pilot, lambda: isinstance(app.screen, LatencyScreen))
    figures = app.screen.query_one("#measured", TextPane)
    await until(pilot, lambda: "cannot be read" in figures.text)


async def _doctor(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await pilot.press("9")
    await until(pilot, lambda: isinstance(app.screen, DoctorScreen) and not app.screen.looking)


async def _looking(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    doctor = app.house.doctor
    assert isinstance(doctor, DemoDoctor) and doctor.gate is not None
    _at_the_end(app, doctor.gate.set)
    await pilot.press("9")
    await until(pilot, lambda: isinstance(app.screen, DoctorScreen) and bool(doctor.asked))


async def _settings(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await until(pilot, lambda: app.rows.registry is not None)
    await pilot.press("0")
    await until(pilot, lambda: isinstance(app.screen, SettingsScreen))


async def _no_commands(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await until(pilot, lambda: app.rows.registry is not None)
    await pilot.press("ctrl+l")


class _BusyLab(DemoLab):
    """A lab whose measurement gets a third of its keys done."""

    async def measure(self, request: Request, progress: Progress, on_progress: OnProgress) -> None:
        """Tell of them, and wait until somebody ends it."""
        progress.total = request.conditions.keys
        progress.sent = progress.total // 3
        on_progress(progress)
        await asyncio.Event().wait()


class _BrokenLab(DemoLab):
    """A lab whose measurements cannot be read."""

    def entries(self) -> list[Entry]:
        """Raise what is in the way."""
        raise DENIED


class _BrokenRuns(PastRuns):
    """Runs that cannot be read."""

    def stamp(self) -> Hashable:
        """Raise what is in the way."""
        raise DENIED


def _fault(file: Path, key: str, message: str, remedy: str) -> Problem:
    return Problem(severity=Severity.ERROR, file=file, key=key, message=message, remedy=remedy, line=7)


class _Desk(SettingsDesk):
    """Settings of which a file has faults."""

    def settings(self) -> Settings:
        """Return the settings, and what is wrong with a file."""
        file = self.paths.user_settings
        faults = (
            _fault(file, "run.parallel", "'many' is no number", "give one, such as 4"),
            _fault(file, "ui.thme", "is no setting", "did you mean ui.theme?"),
        )
        return dataclasses.replace(super().settings(), problems=faults)


def _settings_house(folder: Path) -> House:
    desk = demo.house().settings
    assert desk is not None
    return House(settings=_Desk(desk.paths, desk.location, environ={}))


def _gated() -> House:
    house = demo_machines.house()
    assert isinstance(house.machines, DemoMachines)
    house.machines.gate = asyncio.Event()
    return house


def _failing() -> House:
    house = demo_machines.house()
    assert isinstance(house.snapshots, DemoSnapshots)
    house.snapshots.errors["lineage"] = DENIED
    return house


def _broken(folder: Path) -> House:
    return House(
        runs=_BrokenRuns(folder / "none"),
        images=DemoImages(error=DENIED),
        doctor=DemoDoctor(error=DENIED),
        lab=_BrokenLab(folder / "lab"),
    )


def _fresh(folder: Path) -> House:
    """Return a host on which all is well and nothing was built."""
    doctor = DemoDoctor()
    fine = [dataclasses.replace(check, status=Status.OK, remedy="") for check in doctor.found]
    images = DemoImages()
    images.images = [image for image in images.images if not image.info.built]
    return House(images=images, doctor=DemoDoctor(found=fine[:2] + fine[4:], items=[]))


def _waiting(folder: Path) -> House:
    return House(doctor=DemoDoctor(gate=threading.Event()), lab=_BusyLab(folder / "lab"))


def _past(folder: Path) -> House:
    return House(runs=past_runs(folder / "house"))


SCENES = {
    "tests-failed": Scene(
        _tests_failed,
        failure=RegistryError("/home/ada/shop/registry is no folder", remedy="name one: vmbench -r FOLDER"),
    ),
    "terminals-failed": Scene(_terminals_failed),
    "machines-stale": Scene(_machines_stale, house=demo_machines.house),
    "snapshots-busy": Scene(_snapshots_busy, house=_gated),
    "snapshots-failed": Scene(_snapshots_failed, house=_failing),
    "runs-busy": Scene(_runs_busy, files=_past),
    "runs-failed": Scene(_runs_failed, files=_broken),
    "images-empty": Scene(_images, files=_fresh),
    "images-failed": Scene(_images, files=_broken),
    "latency-busy": Scene(_measuring, files=_waiting),
    "latency-failed": Scene(_latency_failed, files=_broken),
    "doctor-empty": Scene(_doctor, files=_fresh),
    "doctor-busy": Scene(_looking, files=_waiting),
    "doctor-failed": Scene(_doctor, files=_broken),
    "settings-failed": Scene(_settings, files=_settings_house),
    "commands-empty": Scene(_no_commands),
}
