"""How long ``vmbench --help`` takes, as a ratio to a Python that does nothing, in the same run.

Prints a line for people and one of JSON. Run it as a script: ``python tests/bench/bench_startup.py``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import click'": [sys.executable, "-c", "import click"],
    "vmbench --help": [str(Path(sys.executable).with_name("vmbench")), "--help"],
    "vmbench list --help": [str(Path(sys.executable).with_name("vmbench")), "list", "--help"],
}


def measure(command: list[str]) -> float:
    """Return the milliseconds a command takes."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Take turns, so that a busy moment of the host hits all alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=21, help="rounds")
    rounds = parser.parse_args().n
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for command in COMMANDS.values():
        measure(command)  # the first time fills the caches
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            taken[name].append(measure(command))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    floor = medians["python -c pass"]
    for name, median in medians.items():
        low, high = min(taken[name]), max(taken[name])
        ratio = median / floor
        print(f"{name:<26} {median:7.1f} ms ({low:.1f}-{high:.1f}) [{rounds}]  x{ratio:.2f}", file=sys.stderr)
    result = {
        "bench": "startup",
        "n": rounds,
        "unit": "ms",
        "medians": {name: round(median, 2) for name, median in medians.items()},
        "ratio": round(medians["vmbench --help"] / floor, 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
