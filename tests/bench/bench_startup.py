"""How long ``vmbench --help`` takes, as a ratio to a Python that does nothing, in the same run.

Prints lines for people and one of JSON. Run it as a script: ``python tests/bench/bench_startup.py``.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from turns import in_turns, rounds_of, tell

VMBENCH = str(Path(sys.executable).with_name("vmbench"))
FLOOR = "python -c pass"
SUBJECT = "vmbench --help"
COMMANDS = {
    FLOOR: [sys.executable, "-c", "pass"],
    "python -c 'import click'": [sys.executable, "-c", "import click"],
    SUBJECT: [VMBENCH, "--help"],
    "vmbench list --help": [VMBENCH, "list", "--help"],
}


def measure(command: Sequence[str]) -> dict[str, float]:
    """Return the milliseconds a command takes."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return {"wall": (time.perf_counter() - began) * 1000}


if __name__ == "__main__":
    commands = {name: partial(measure, command) for name, command in COMMANDS.items()}
    tell("startup", FLOOR, SUBJECT, in_turns(commands, rounds_of(__doc__, 21)))
