"""Says on stderr what a long command is doing: a line that lives on a terminal, a line a phase elsewhere."""

from __future__ import annotations

import shutil
import sys
import threading
import time

from app.cli.errors import warn
from app.cli.plain import moving
from app.cli.text import duration, harmless
from backends.base import WARNING

TICK = 0.1
"""Seconds between two drawings."""
PATIENCE = 0.3
"""Seconds before the first: what is quick says nothing."""
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Progress:
    """Tells how far a command is; to be entered and left.

    Args:
        what: What is being done, such as ``starting calm-otter``.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._detail = ""
        self._phase = ""
        self._warnings: list[str] = []
        """Told when the line is gone."""
        self._terminal = moving()
        self._began = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="vmbench-progress", daemon=True)

    def __enter__(self) -> Progress:
        if self._terminal:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._terminal:
            self._thread.join()
        for warning in dict.fromkeys(self._warnings):
            warn(harmless(warning))

    def phase(self, phase: str, detail: str = "") -> None:
        """Tell a phase; fits ``backends.base.PhaseSink``."""
        if phase == WARNING:
            self._warnings.append(detail)
            return
        self._detail = harmless(f"{phase} {detail}".strip()).replace("\n", " ")
        if not self._terminal and phase != self._phase:
            print(f"{self._what}: {self._detail}", file=sys.stderr, flush=True)
        self._phase = phase

    def _live(self) -> None:
        drawn = False
        wait = PATIENCE
        frame = 0
        while not self._over.wait(wait):
            wait, drawn, frame = TICK, True, frame + 1
            clock = duration(time.monotonic() - self._began)
            line = f"{_FRAMES[frame % len(_FRAMES)]} {self._what} {self._detail}".rstrip()
            room = max(10, shutil.get_terminal_size().columns - len(clock) - 2)
            print(f"\r{line[:room]} {clock}\x1b[K", end="", file=sys.stderr, flush=True)
        if drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
