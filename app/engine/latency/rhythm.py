"""When keys are sent: at random moments, planned before anything is measured."""

from __future__ import annotations

import random
from collections.abc import Iterator

FLOOR = 0.2
"""Part of the mean interval that is always waited; the rest is exponentially distributed."""
LONGEST = 4.0
"""Longest interval, in means: a run has an end that can be told."""


def intervals(rate: float, chance: random.Random) -> Iterator[float]:
    """Yield the seconds from one key to the next, without end.

    Args:
        rate: Keys a second, on average.
        chance: Where randomness comes from; seeded, the same keys come at the same moments.
    """
    mean = 1.0 / rate
    while True:
        yield min(mean * FLOOR + chance.expovariate(1.0) * mean * (1 - FLOOR), mean * LONGEST)


def shuffled_rounds(names: list[str], keys: int, size: int, chance: random.Random) -> list[tuple[str, int]]:
    """Return in which order targets get their keys: in rounds, each in another order.

    What the host does meanwhile falls on all targets alike, and none is always the first.

    Args:
        names: The targets.
        keys: Keys of each.
        size: Keys of each in one round, at most.
        chance: Where randomness comes from.
    """
    order: list[tuple[str, int]] = []
    left = keys
    while left > 0:
        count = min(size, left)
        left -= count
        order += [(name, count) for name in chance.sample(names, len(names))]
    return order
