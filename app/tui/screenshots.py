"""Scenes of the workbench: the app itself over a recorded run, drawn to SVG files.

Run as ``python -m app.tui.screenshots``; ``--help`` says more.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from textual.pilot import Pilot

from app.engine.events import Event, StepOutput
from app.engine.house import House
from app.tui import demo, scenes_house, theme
from app.tui.app import Workbench
from app.tui.clock import Clock
from app.tui.replay import ReplayEngine
from app.tui.screens.consoles import ConsolesScreen
from app.tui.screens.run import RunScreen
from registry.model import Registry

WIDE = (160, 45)
SHOT = (120, 34)
NARROW = (80, 24)
DEADLINE = 120.0
"""Seconds until a scene that does not come about is given up."""


async def until(pilot: Pilot[int], true: Callable[[], bool]) -> None:
    """Wait until something is true of the app.

    Raises:
        TimeoutError: it did not come about.
    """
    async with asyncio.timeout(DEADLINE):
        while not true():
            await pilot.pause(0.01)
    await pilot.pause()


@dataclass(frozen=True, slots=True)
class Scene:
    """What a screenshot shows.

    Attributes:
        prepare: Brings the app there.
        broken: Whether the registry has files that cannot be read.
        empty: Whether the registry has no test at all.
        house: Makes what is there besides the registry.
        files: The same for what has files, which go below a folder.
        failure: Why the registry cannot be read at all.
    """

    prepare: Callable[[Pilot[int], ReplayEngine], Awaitable[None]]
    broken: bool = False
    empty: bool = False
    house: Callable[[], House] = House
    files: Callable[[Path], House] | None = None
    failure: Exception | None = None


async def _listed(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await until(pilot, lambda: app.rows.registry is not None)
    await pilot.press("down")


async def _tests(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _listed(pilot, engine)
    await pilot.press("space", "space", "down", "down", "space")


async def _filtered(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _listed(pilot, engine)
    await pilot.press("slash", *"tag:net -cache")
    await until(pilot, lambda: len(workbench_of(pilot).rows.shown) == 2)


async def _broken(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _listed(pilot, engine)
    await pilot.press("down")


async def _details(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _listed(pilot, engine)
    await pilot.press("down", "enter")


async def _nothing(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await until(pilot, lambda: app.rows.registry is not None)


def _mid_run(event: Event) -> bool:
    return isinstance(event, StepOutput) and event.test == "gateway-rejects-bad-token" and event.index == 2


async def _busy(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _listed(pilot, engine)
    await pilot.press("R")
    await until(pilot, lambda: bool(engine.runs))
    engine.runs[-1].release_until(_mid_run)
    await until(pilot, lambda: _seen(pilot, engine))
    await _drawn(pilot)


def _seen(pilot: Pilot[int], engine: ReplayEngine) -> bool:
    session = workbench_of(pilot).session
    return session is not None and session.state.seq == engine.runs[-1].released


async def _drawn(pilot: Pilot[int]) -> None:
    app = workbench_of(pilot)
    await until(pilot, lambda: isinstance(app.screen, RunScreen) and not app.runs.redraw_due)
    screen = app.screen
    assert isinstance(screen, RunScreen)
    await until(pilot, lambda: screen.console.line_count > 0 and screen.console.settled)


async def _finished(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _busy(pilot, engine)
    engine.runs[-1].release()
    session = workbench_of(pilot).session
    assert session is not None
    await until(pilot, lambda: not session.active)
    await _drawn(pilot)


async def _console(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _finished(pilot, engine)
    await pilot.press("tab", "tab", "z", "slash", *"gateway", "enter", "n")
    screen = workbench_of(pilot).screen
    assert isinstance(screen, RunScreen)
    await until(pilot, lambda: "2 of" in str(screen.console.border_title))


async def _console_filtered(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _finished(pilot, engine)
    await pilot.press("tab", "tab", "z", "T", "ampersand", *"gateway", "enter", "plus")
    screen = workbench_of(pilot).screen
    assert isinstance(screen, RunScreen)
    await until(pilot, lambda: screen.console.row_count == 6 and screen.console.settled)
    workbench_of(pilot).clear_notifications()
    await pilot.pause()


async def _consoles(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _finished(pilot, engine)
    await pilot.press("M")
    screen = workbench_of(pilot).screen
    assert isinstance(screen, ConsolesScreen)
    await until(pilot, lambda: screen.view.line_count > 0 and screen.view.settled)
    await pilot.press("T")
    workbench_of(pilot).clear_notifications()
    await pilot.pause()


async def _output(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _finished(pilot, engine)
    await pilot.press("o")
    await pilot.pause()


async def _pinned(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _finished(pilot, engine)
    screen = workbench_of(pilot).screen
    assert isinstance(screen, RunScreen)
    await pilot.press("p")
    await until(pilot, lambda: bool(screen.pinned) and all(view.line_count for view in screen.pinned))
    await pilot.press("alt+1", "down")
    await _drawn(pilot)
    await until(pilot, lambda: all(view.settled for view in screen.pinned))


async def _jump(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _finished(pilot, engine)
    workbench_of(pilot).clear_notifications()
    await pilot.pause()
    await pilot.press("semicolon")


async def _background(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _busy(pilot, engine)
    await pilot.press("escape")
    await pilot.pause()


async def _settings(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _nothing(pilot, engine)
    await pilot.press("0", *["down"] * 2)


async def _keys(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _settings(pilot, engine)
    await pilot.press("K", "down")


async def _help(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _listed(pilot, engine)
    await pilot.press("question_mark")


async def _guide(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _listed(pilot, engine)
    await pilot.press("f1")


async def _confirm(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await _busy(pilot, engine)
    await pilot.press("C")


SCENES: dict[str, Scene] = {
    "tests": Scene(_tests),
    "tests-filtered": Scene(_filtered),
    "tests-broken": Scene(_broken, broken=True),
    "tests-details": Scene(_details),
    "tests-while-running": Scene(_background),
    "empty": Scene(_nothing, empty=True),
    "run": Scene(_busy),
    "run-finished": Scene(_finished),
    "console": Scene(_console),
    "console-filtered": Scene(_console_filtered),
    "consoles": Scene(_consoles),
    "output": Scene(_output),
    "run-consoles": Scene(_pinned),
    "jump": Scene(_jump),
    "settings": Scene(_settings),
    "keys": Scene(_keys),
    "help": Scene(_help),
    "guide": Scene(_guide),
    "confirm": Scene(_confirm),
    **{name: Scene(prepare, house=house) for name, (prepare, house) in scenes_house.scenes(until).items()},
}


def _add_places() -> None:
    """Take in the scenes of the places that have modules of their own; they build on this one."""
    from app.tui import scenes_places, scenes_runs, scenes_terminals

    SCENES.update(scenes_runs.SCENES)
    SCENES.update(scenes_places.SCENES)
    SCENES.update(scenes_terminals.TERMINALS)
    from app.tui import scenes_dialogs, scenes_states  # build on all of these

    SCENES.update(scenes_states.SCENES)
    SCENES.update(scenes_dialogs.SCENES)


def workbench_of(pilot: Pilot[int]) -> Workbench:
    """Return the app that a pilot steers."""
    app = pilot.app
    assert isinstance(app, Workbench)
    return app


def stage(scene: Scene, folder: Path, theme_name: str) -> tuple[Workbench, ReplayEngine]:
    """Return the app and its engine for a scene; recorded files go below ``folder``.

    The clock stands still: nothing drawn depends on when it is drawn.
    """
    engine = ReplayEngine(
        scene.failure or (Registry(root=demo.ROOT) if scene.empty else demo.registry(broken=scene.broken)),
        results=demo.results(),
        record=demo.record(folder),
        folder=folder,
    )
    clock = Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH)
    made = scene.house()
    house = replace(demo.house(), machines=made.machines, snapshots=made.snapshots)
    if scene.files is not None:
        held = scene.files(folder)
        house = replace(house, runs=held.runs, images=held.images, doctor=held.doctor, lab=held.lab)
        house = replace(house, settings=held.settings or house.settings)
    return Workbench(engine, theme_name=theme_name, clock=clock, house=house), engine


async def draw(name: str, size: tuple[int, int], theme_name: str) -> str:
    """Return a scene as SVG."""
    scene = SCENES[name]
    with tempfile.TemporaryDirectory() as folder:
        app, engine = stage(scene, Path(folder), theme_name)
        async with app.run_test(size=size) as pilot:
            await scene.prepare(pilot, engine)
            app.clear_notifications()
            await pilot.pause()
            svg = app.export_screenshot(title="vmbench")
    return re.sub(r"terminal-\d+", "terminal", svg)


def _pictures() -> list[tuple[str, tuple[int, int], str, str]]:
    """Return scene, size, theme and file name of every picture: dark, the main ones also light and narrow."""
    wanted = [(name, SHOT, theme.DARK.name, name) for name in SCENES]
    for name in ("tests", "run-finished"):
        wanted.append((name, SHOT, theme.LIGHT.name, f"{name}-light"))
        wanted.append((name, NARROW, theme.DARK.name, f"{name}-80x24"))
    return wanted


async def draw_all(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """Write every picture, or those named, to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, size, theme_name, file in _pictures():
        if names and file not in names:
            continue
        path = folder / f"{file}.svg"
        path.write_text(await draw(name, size, theme_name))
        written.append(path)
    return written


def main() -> int:
    """Write the screenshots and name them."""
    known = [file for *_, file in _pictures()]
    parser = argparse.ArgumentParser(
        prog="python -m app.tui.screenshots",
        description="Draw pictures of the workbench, over a recorded run, as SVG files.",
        epilog=f"Pictures: {', '.join(known)}.",
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("screenshots"), help="where they go (screenshots)"
    )
    parser.add_argument("names", nargs="*", metavar="name", help="which ones; all unless named")
    chosen = parser.parse_args()
    if wrong := [name for name in chosen.names if name not in known]:
        parser.error(f"there is no picture {wrong[0]}; --help lists those there are")
    # The same wherever they are drawn.
    os.environ |= {"TZ": "UTC", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    os.environ.pop("NO_COLOR", None)
    time.tzset()
    for path in asyncio.run(draw_all(chosen.folder, chosen.names)):
        print(path)
    return 0


if __name__ == "__main__":
    # The scenes of the places import this module by its name: that one is the whole one.
    from app.tui import screenshots

    sys.exit(screenshots.main())

_add_places()
