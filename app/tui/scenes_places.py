"""Scenes of the command log, of latency, and of places that have nothing to show yet."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot

from app.engine.house import House
from app.engine.past import PastRuns
from app.tui import demo
from app.tui.demo_host import DemoDoctor, DemoImages
from app.tui.demo_latency import DemoLab
from app.tui.replay import ReplayEngine
from app.tui.screens.commands import CommandsScreen
from app.tui.screens.latency import LatencyScreen
from app.tui.screens.no_run import NoRunScreen
from app.tui.screens.no_terminal import NoTerminalScreen
from app.tui.screens.runs import RunsScreen
from app.tui.screenshots import Scene, until, workbench_of
from backends.commands import Command

OTTER = "calm-otter"
COMMANDS = (
    Command(
        id="1",
        kind="qemu",
        text="qemu-system-x86_64 -M microvm,acpi=off -accel kvm -m 256 -smp 1 -kernel vmlinuz -initrd initrd "
        "-append 'console=ttyS0 quiet' -nodefaults -no-user-config -nographic -qmp unix:qmp.sock",
        time=demo.EPOCH - 74,
        machine=OTTER,
    ),
    Command(id="2", kind="ssh", text=f"ssh -F ssh_config {OTTER}", time=demo.EPOCH - 72, machine=OTTER),
    Command(
        id="3",
        kind="guest",
        text="cachectl fill --keys 4096",
        time=demo.EPOCH - 71,
        machine=OTTER,
        duration=2.31,
        exit_code=0,
    ),
    Command(
        id="4",
        kind="guest",
        text="curl -sf -H 'Authorization: •••' http://127.0.0.1:8080/cache/a",
        time=demo.EPOCH - 66,
        machine=OTTER,
        duration=0.12,
        exit_code=22,
    ),
    Command(
        id="5", kind="tool", text="qemu-img create -f qcow2 disk.qcow2 2G", time=demo.EPOCH - 9, duration=0.04
    ),
)


async def _commands(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await until(pilot, lambda: app.rows.registry is not None)
    for command in COMMANDS:
        app.command_log.take(command)
    await pilot.press("ctrl+l")
    await until(
        pilot,
        lambda: isinstance(app.screen, CommandsScreen) and len(app.screen.list.commands) == len(COMMANDS),
    )
    await pilot.press("up")


async def _latency(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await until(pilot, lambda: app.rows.registry is not None)
    await pilot.press("8")
    await until(pilot, lambda: isinstance(app.screen, LatencyScreen) and app.screen.current is not None)


async def _no_latency(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    await until(pilot, lambda: app.rows.registry is not None)
    await pilot.press("8")
    await until(pilot, lambda: isinstance(app.screen, LatencyScreen))


async def _no_run(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await pilot.press("2")
    await until(pilot, lambda: isinstance(pilot.app.screen, NoRunScreen))


async def _no_terminal(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await pilot.press("3")
    await until(pilot, lambda: isinstance(pilot.app.screen, NoTerminalScreen))


async def _no_runs(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await pilot.press("6")
    await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen) and pilot.app.screen.loaded)


def _measured(folder: Path) -> House:
    return House(lab=DemoLab(folder / "lab"))


def _empty(folder: Path) -> House:
    lab = DemoLab(folder / "lab", empty=True)
    return House(runs=PastRuns(folder / "none"), images=DemoImages(), doctor=DemoDoctor(), lab=lab)


SCENES = {
    "commands": Scene(_commands),
    "latency": Scene(_latency, files=_measured),
    "latency-empty": Scene(_no_latency, files=_empty),
    "run-empty": Scene(_no_run),
    "terminals-empty": Scene(_no_terminal),
    "runs-empty": Scene(_no_runs, files=_empty),
}
