"""Opens the workbench on this terminal over the recorded run, ``--flood`` with a guest that floods."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.engine.events import MachineCreated
from app.engine.house import House
from app.paths import Paths
from app.settings_desk import SettingsDesk
from app.tui import demo, demo_machines
from app.tui.app import Workbench
from app.tui.clock import Clock
from app.tui.demo_host import DemoDoctor, DemoImages
from app.tui.demo_latency import DemoLab
from app.tui.demo_runs import past_runs
from app.tui.process import run_app
from app.tui.replay import ReplayEngine
from registry.location import Kind, Location


def flood(console: Path, stop: threading.Event) -> None:
    """Write about 20 MB/s to a console until told to stop or 300 MB are written."""
    line = b"[   12.345678] \x1b[33mflood\x1b[0m: this guest prints far more than anybody can read\r\n" * 2000
    with console.open("ab", buffering=0) as file:
        for _ in range(2000):
            if stop.wait(0.007):
                return
            file.write(line)


def furnished(folder: Path) -> House:
    """Return made-up machines, snapshots and the like; settings are written below ``folder``."""
    made = demo_machines.house()
    paths = Paths(cache=folder / "cache", state=folder / "state", config=folder / "config")
    return House(
        machines=made.machines,
        snapshots=made.snapshots,
        lab=DemoLab(folder / "lab"),
        settings=SettingsDesk(paths, Location(kind=Kind.REGISTRY, root=demo.ROOT), environ={}),
        runs=past_runs(folder / "past"),
        images=DemoImages(),
        doctor=DemoDoctor(),
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--flood", action="store_true")
    parser.add_argument("--speed", type=float, default=1.0)
    chosen = parser.parse_args()
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine = ReplayEngine(
            demo.registry(broken=True),
            results=demo.results(),
            record=demo.record(folder),
            folder=folder,
            speed=chosen.speed,
        )
        if chosen.flood:
            created = next(s.event for s in engine.record if isinstance(s.event, MachineCreated))
            console = Path(created.console)
            threading.Thread(target=flood, args=(console, stop), daemon=True).start()
        begun = time.monotonic()
        clock = Clock(wall=lambda: demo.EPOCH + time.monotonic() - begun)
        code = run_app(Workbench(engine, clock=clock, house=furnished(folder)))
        stop.set()
    return code


if __name__ == "__main__":
    sys.exit(main())
