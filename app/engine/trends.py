"""What the last results of a test tell: how its duration moves, and how often its outcome flips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.engine.api import LastResult
from app.engine.outcome import Outcome

LEAST = 3
"""Results from which on flakiness is told."""
BARS = "▁▂▃▄▅▆▇█"
_BAD = (Outcome.FAILED, Outcome.ERROR)


@dataclass(frozen=True, slots=True)
class Trend:
    """The last results of a test.

    Attributes:
        results: Oldest first.
    """

    results: tuple[LastResult, ...]

    @property
    def flips(self) -> int:
        """How often a result was another than the one before it: good after bad, or bad after good."""
        bad = [result.outcome in _BAD for result in self.results]
        return sum(one != other for one, other in pairwise(bad))

    @property
    def flakiness(self) -> float | None:
        """Share of flips between results, 0 to 1; ``None`` while too few are known."""
        if len(self.results) < LEAST:
            return None
        return self.flips / (len(self.results) - 1)

    def spark(self, width: int) -> str:
        """Return the durations of the last ``width`` results as bars, each up to the longest of them."""
        return sparkline([result.duration for result in self.results[-width:]])


def sparkline(values: Sequence[float]) -> str:
    """Return one bar for each value, from nothing up to the greatest."""
    top = max(values, default=0.0)
    if top <= 0:
        return BARS[0] * len(values)
    return "".join(BARS[min(len(BARS) - 1, int(max(0.0, v) / top * len(BARS)))] for v in values)


def trends(recent: Mapping[str, tuple[LastResult, ...]]) -> dict[str, Trend]:
    """Return the trend of each test by its name."""
    return {name: Trend(results) for name, results in recent.items()}
