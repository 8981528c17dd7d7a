"""Opens the workbench on this terminal over the recorded run, ``--flood`` with a guest that floods."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.engine.events import MachineCreated
from app.tui import demo
from app.tui.app import Workbench
from app.tui.process import run_app
from app.tui.replay import ReplayEngine


def flood(console: Path, stop: threading.Event) -> None:
    """Write about 20 MB/s to a console until told to stop or 300 MB are written."""
    line = b"[   12.345678] \x1b[33mflood\x1b[0m: this guest prints far more than anybody can read\r\n" * 2000
    with console.open("ab", buffering=0) as file:
        for _ in range(2000):
            if stop.wait(0.007):
                return
            file.write(line)


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
        code = run_app(Workbench(engine))
        stop.set()
    return code


if __name__ == "__main__":
    sys.exit(main())
