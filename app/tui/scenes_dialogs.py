"""Scenes of the dialogs, of the palette, and of screens that one gets to from a terminal."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

from app.engine.house import House
from app.engine.recorded import RecordedCommand
from app.tui import demo_machines
from app.tui.demo_latency import DemoLab
from app.tui.replay import ReplayEngine
from app.tui.screens.dialogs import Report
from app.tui.screens.machines import MachinesScreen
from app.tui.screens.new_test import NewTestScreen
from app.tui.screens.replay import ReplayScreen
from app.tui.screenshots import SCENES as EARLIER
from app.tui.screenshots import Scene, until, workbench_of
from app.tui.terminal.cast_file import read_cast
from registry.location import Kind, Location

Prepare = Callable[[Pilot[int], ReplayEngine], Awaitable[None]]
CAST = (
    {"version": 3, "term": {"cols": 72, "rows": 18}, "title": "calm-otter"},
    [0.0, "o", "\x1b[1;32mroot@calm-otter\x1b[m:\x1b[1;34m~\x1b[m# "],
    [
        1.4,
        "o",
        "ls --color /srv\r\n\x1b[1;34mcache\x1b[m  \x1b[1;34mgateway\x1b[m  \x1b[1;32mstart\x1b[m\r\n",
    ],
    [0.1, "m", "looked around"],
    [0.1, "o", "\x1b[1;32mroot@calm-otter\x1b[m:\x1b[1;34m~\x1b[m# "],
    [6.2, "o", "cat /tmp/body\r\ndenied: \x1b[31mtoken expired\x1b[m\r\n"],
    [0.1, "m", "the cause"],
    [0.4, "o", "\x1b[1;32mroot@calm-otter\x1b[m:\x1b[1;34m~\x1b[m# "],
)
TYPED = (
    RecordedCommand(text="cd /srv/gateway", exit_code=0, output="", duration=0.1),
    RecordedCommand(text="./start --port 8080", exit_code=0, output="listening on 8080", duration=1.2),
    RecordedCommand(text="curl -sf http://127.0.0.1:8080/health", exit_code=0, output="ok", duration=0.2),
    RecordedCommand(text="curl -sf http://127.0.0.1:8080/admin", exit_code=22, output="", duration=0.2),
    RecordedCommand(text="exit", exit_code=None, output="", duration=0.0),
)
FAULT = """vmbench 0.1, Textual 8.2.8, Python 3.11.9, in machines

Traceback (most recent call last):
  File "app/tui/screens/machines.py", line 148, in take
    self._shown_at = shown_at
ValueError: nothing is wrong here, this report is made up
"""


def _opened(before: str, *keys: str) -> Prepare:
    """Return what opens a dialog by keys, on another scene."""

    async def prepare(pilot: Pilot[int], engine: ReplayEngine) -> None:
        app = workbench_of(pilot)
        await EARLIER[before].prepare(pilot, engine)
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.screen, ModalScreen))

    return prepare


def _of_a_machine(*keys: str) -> Prepare:
    """Return what opens a dialog by keys, on the place of the machines."""

    async def prepare(pilot: Pilot[int], engine: ReplayEngine) -> None:
        app = workbench_of(pilot)
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, MachinesScreen) and not app.screen.looking)
        await pilot.press(*keys)
        await until(pilot, lambda: isinstance(app.screen, ModalScreen))

    return prepare


async def _palette(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await EARLIER["run-finished"].prepare(pilot, engine)
    await pilot.press("ctrl+p")
    await until(pilot, lambda: isinstance(app.screen, CommandPalette))
    await pilot.press(*"keep")
    found = app.screen.query_one(OptionList)
    await until(pilot, lambda: found.option_count > 0 and found.display)


async def _report(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await EARLIER["machines"].prepare(pilot, engine)
    await pilot.app.push_screen(Report(FAULT))


async def _recording(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    file = engine.folder / "calm-otter.cast"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{json.dumps(line)}\n" for line in CAST))
    await until(pilot, lambda: app.rows.registry is not None)
    screen = ReplayScreen(read_cast(file))
    await app.push_screen(screen)
    await pilot.press("space", "right_square_bracket", "right_square_bracket")
    await until(pilot, lambda: screen.player.time == 7.9 and not screen.pace.playing)


async def _new_test(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await until(pilot, lambda: app.rows.registry is not None)
    root = engine.folder / "registry"
    (root / "tests").mkdir(parents=True, exist_ok=True)
    (root / "tests" / "health.toml").write_text('[[tests]]\nname = "starts"\nrun = "true"\n')
    location = Location(kind=Kind.REGISTRY, root=root)
    screen = NewTestScreen(TYPED, location, summary="Recorded in calm-otter")
    await app.push_screen(screen)
    await pilot.press(*"gateway-is-healthy")
    told = screen.query_one("#new-told", Static)
    await until(pilot, lambda: "gateway-is-healthy.toml" in str(told.content))


def _measured(folder: Path) -> House:
    return House(lab=DemoLab(folder / "lab"))


SCENES = {
    "palette": Scene(_palette),
    "choose": Scene(_of_a_machine("R"), house=demo_machines.house),
    "ask": Scene(_of_a_machine("s"), house=demo_machines.house),
    "new-machine": Scene(_of_a_machine("n"), house=demo_machines.house),
    "new-measurement": Scene(_opened("latency", "n"), files=_measured),
    "report": Scene(_report, house=EARLIER["machines"].house),
    "marks": Scene(_opened("console", "m")),
    "export": Scene(_opened("console", "x")),
    "press-a-key": Scene(_opened("keys", "e")),
    "recording": Scene(_recording),
    "new-test": Scene(_new_test),
}
