"""How long the workbench takes to its first paint, as a ratio to an empty Textual app, in the same run.

Both are started on a terminal of 120 by 34 cells and timed until a word of theirs is on it. Prints a line
for people and one of JSON. Run it as a script: ``python tests/bench/bench_first_paint.py``.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

EMPTY = """
from textual.app import App
from textual.widgets import Static

class Empty(App):
    def compose(self):
        yield Static("Tests")

Empty().run()
"""
WORD = b"Tests"
COMMANDS = {
    "an empty Textual app": [sys.executable, "-c", EMPTY],
    "vmbench": [sys.executable, "-m", "app.cli.main"],
}
LIMIT = 60.0


def measure(command: list[str], env: dict[str, str]) -> float:
    """Return the milliseconds until the word is on the terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 34, 120, 0, 0))
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True
    )
    os.close(slave)
    seen = b""
    took = 0.0
    try:
        while WORD not in seen:
            left = began + LIMIT - time.perf_counter()
            if not select.select([master], [], [], max(0.0, left))[0]:
                raise TimeoutError(f"{command[0]} painted nothing: {seen[-500:]!r}")
            seen += os.read(master, 65536)
        took = (time.perf_counter() - began) * 1000
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(master)
    return took


def main() -> None:
    """Take turns, so that a busy moment of the host hits all alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=11, help="rounds")
    rounds = parser.parse_args().n
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {
            "TERM": "xterm-256color",
            "VMBENCH_STATE": f"{folder}/state",
            "VMBENCH_CONFIG": f"{folder}/config",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        (Path(folder) / "state").mkdir()
        (Path(folder) / "state" / "guide-seen").touch()
        for command in COMMANDS.values():
            measure(command, env)  # the first time fills the caches
        for _ in range(rounds):
            for name, command in COMMANDS.items():
                taken[name].append(measure(command, env))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    floor = medians["an empty Textual app"]
    for name, median in medians.items():
        low, high = min(taken[name]), max(taken[name])
        ratio = median / floor
        print(f"{name:<22} {median:7.1f} ms ({low:.1f}-{high:.1f}) [{rounds}]  x{ratio:.2f}", file=sys.stderr)
    result = {
        "bench": "first-paint",
        "n": rounds,
        "unit": "ms",
        "medians": {name: round(median, 2) for name, median in medians.items()},
        "ratio": round(medians["vmbench"] / floor, 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
