"""Scenes of the places of the runs, the images and this host's health."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Static

from app.engine.house import House
from app.tui.demo_host import DemoDoctor, DemoImages
from app.tui.demo_runs import past_runs
from app.tui.replay import ReplayEngine
from app.tui.screens.compare import CompareScreen
from app.tui.screens.doctor import DoctorScreen
from app.tui.screens.images import ImagesScreen
from app.tui.screens.past_run import PastRunScreen
from app.tui.screens.runs import RunsScreen
from app.tui.screenshots import Scene, until, workbench_of


def _house(folder: Path) -> House:
    return House(runs=past_runs(folder / "house"), images=DemoImages(), doctor=DemoDoctor())


async def _runs(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await until(pilot, lambda: app.rows.registry is not None)
    await pilot.press("6")
    await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.loaded)
    await pilot.press("space")


async def _past(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await _runs(pilot, engine)
    await pilot.press("home", "enter")
    await until(pilot, lambda: isinstance(app.screen, PastRunScreen) and app.screen.past.over)
    screen = app.screen
    assert isinstance(screen, PastRunScreen)
    screen.seek(screen.past.length * 0.6)
    await until(pilot, lambda: not screen.past.at_end)
    await until(pilot, lambda: screen.console.line_count > 0 and screen.console.settled)


async def _compared(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await _runs(pilot, engine)
    await pilot.press("c")
    await until(pilot, lambda: isinstance(app.screen, CompareScreen))


async def _images(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await pilot.press("7")
    await until(pilot, lambda: isinstance(app.screen, ImagesScreen) and app.screen.loaded)


async def _building(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await _images(pilot, engine)
    await pilot.press("b")
    screen = app.screen
    assert isinstance(screen, ImagesScreen)
    await until(pilot, lambda: "downloading" in str(screen.query_one("#image-facts", Static).content))


async def _doctor(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await pilot.press("9")
    await until(pilot, lambda: isinstance(app.screen, DoctorScreen) and not app.screen.looking)
    await pilot.press("down", "down")


SCENES = {
    "runs": Scene(_runs, files=_house),
    "past-run": Scene(_past, files=_house),
    "compare": Scene(_compared, files=_house),
    "images": Scene(_images, files=_house),
    "images-building": Scene(_building, files=_house),
    "doctor": Scene(_doctor, files=_house),
}
