"""How long the workbench takes to its first paint, as a ratio to an empty Textual app, in the same run.

Both are started on a terminal of 120 by 34 cells and timed until a word of theirs is on it. The processor's
time that they took by then says more than the clock on a busy host. The third line is not of the first paint:
it tells when the tests are listed. Prints lines for people and two of JSON. Run it as a script:
``python tests/bench/bench_first_paint.py``.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from turns import in_turns, rounds_of, tell

ROOT = Path(__file__).parents[2]
EMPTY = """
from textual.app import App
from textual.widgets import Static

class Empty(App):
    def compose(self):
        yield Static("Tests")

Empty().run()
"""
FLOOR = "an empty Textual app"
SUBJECT = "vmbench"
WORKBENCH = [sys.executable, "-m", "app.cli.main"]
COMMANDS = {
    FLOOR: ([sys.executable, "-c", EMPTY], b"Tests"),
    SUBJECT: (WORKBENCH, b"Tests"),
    "vmbench, tests listed": (WORKBENCH, b"catalog"),
}
"""What is started, and the word that it is timed until."""
LIMIT = 60.0


def measure(command: Sequence[str], word: bytes, env: Mapping[str, str]) -> dict[str, float]:
    """Return the milliseconds until the word is on the terminal, by the clock and by the processor."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 34, 120, 0, 0))
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=ROOT, start_new_session=True
    )
    os.close(slave)
    seen = b""
    try:
        while word not in seen:
            left = began + LIMIT - time.perf_counter()
            if not select.select([master], [], [], max(0.0, left))[0]:
                raise TimeoutError(f"{command[0]} painted nothing: {seen[-500:]!r}")
            seen += os.read(master, 65536)
        took = (time.perf_counter() - began) * 1000
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        os.close(master)
    return {"wall": took, "cpu": (usage.ru_utime + usage.ru_stime) * 1000}


def main() -> None:
    """Measure, in folders of its own, with the byte code that an installed vmbench has."""
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {
            "TERM": "xterm-256color",
            "VMBENCH_STATE": f"{folder}/state",
            "VMBENCH_CONFIG": f"{folder}/config",
            "PYTHONPATH": str(ROOT),
            "PYTHONPYCACHEPREFIX": f"{folder}/code",
        }
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        (Path(folder) / "state").mkdir()
        (Path(folder) / "state" / "guide-seen").touch()
        commands = {name: partial(measure, *command, env) for name, command in COMMANDS.items()}
        tell("first-paint", FLOOR, SUBJECT, in_turns(commands, rounds_of(__doc__, 11)))


if __name__ == "__main__":
    main()
