"""The time as the workbench reads it, so that a test can hold it still."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from app.tui.signs import counted


@dataclass(frozen=True, slots=True)
class Clock:
    """Two ways to read the time.

    Attributes:
        mono: Returns monotonic seconds.
        wall: Returns seconds since the epoch.
    """

    mono: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time

    def ago(self, moment: float) -> str:
        """Return how long ago ``moment`` (seconds since the epoch) was, in words."""
        minutes = int(max(0.0, self.wall() - moment) // 60)
        if minutes < 1:
            return "just now"
        if minutes < 60:
            return f"{minutes} min ago"
        if minutes < 48 * 60:
            return f"{minutes // 60} h ago"
        return f"{counted(minutes // (24 * 60), 'day')} ago"
