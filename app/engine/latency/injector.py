"""Injects keys at an even rate, as a paste or a held key does, and notes how they arrive."""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable
from itertools import pairwise

from app.engine.latency.figures import Sample
from app.engine.latency.hostload import HostLoad
from app.engine.latency.stamps import Stamps
from app.engine.latency.targets import Target

RATES = (100, 1000)
"""Bytes a second."""
ARRIVAL_LIMIT = 10.0
"""Seconds after the last key within which all must have arrived."""
_LINE = 64
_LOOK = 0.05


def series_name(target: str, rate: int) -> str:
    """Return the name of a series of gaps."""
    return f"{target} {rate} B/s"


class Injector:
    """Sends keys into a target whose app notes their arrival.

    Args:
        target: What they are sent into; ready.
        arrived: Where the app notes them.
        load: Of the host.
    """

    def __init__(self, target: Target, arrived: Stamps, load: HostLoad) -> None:
        self._terminal = target.terminal
        self._arrived = arrived
        self._load = load
        self._busy: list[tuple[float, float]] = []

    def inject(self, rate: int, count: int, tell: Callable[[int], None]) -> tuple[list[Sample], int]:
        """Send ``count`` keys and return the gaps between their arrivals, and how many never arrived.

        Args:
            rate: Bytes a second.
            count: How many.
            tell: Called now and then with how many were sent.

        Raises:
            EOFError: the target has ended.
        """
        before = len(self._arrived)
        self._busy.clear()
        began = looked = time.monotonic()
        sent = 0
        while sent < count:
            now = time.monotonic()
            due = min(int((now - began) * rate) + 1, count)
            if due > sent:
                keys = "".join("\r" if n % _LINE == _LINE - 1 else "x" for n in range(sent, due))
                self._terminal.write(keys.encode())
                sent = due
            self._terminal.read(began + sent / rate)
            if now - looked > _LOOK:
                looked = now
                self._busy.append((now, self._load.busy()))
                tell(sent)
        end = time.monotonic() + ARRIVAL_LIMIT
        while len(self._arrived) < before + count and time.monotonic() < end:
            self._terminal.read(time.monotonic() + 0.05)
        moments = [done for _begun, done in self._arrived.pairs(before)]
        gaps = [
            Sample(at=later, ms=(later - earlier) * 1000, busy=self._busy_at(later))
            for earlier, later in pairwise(moments)
        ]
        return gaps, count - len(moments)

    def _busy_at(self, moment: float) -> float:
        place = bisect.bisect(self._busy, (moment, 2.0))
        return self._busy[min(place, len(self._busy) - 1)][1] if self._busy else self._load.busy()
