"""What samples say: exact percentiles, a histogram, a time line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One key.

    Attributes:
        at: Seconds from the measurement's begin to the moment at which it was to be sent.
        ms: Milliseconds it took; ``None`` if it was lost.
        busy: Part of the host's processors that worked meanwhile, from 0 to 1.
    """

    at: float
    ms: float | None
    busy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Figures of one series, in milliseconds."""

    n: int
    lost: int
    p50: float
    p90: float
    p99: float
    p999: float
    max: float
    busy: float
    """Mean of the host's load beside the samples, from 0 to 1."""


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return a percentile by nearest rank: the smallest sample with so many per cent at or below it.

    No value is made up between two samples; with fewer than 1000 of them p99.9 is the largest.

    Args:
        ordered: Samples in ascending order; at least one.
        percent: From above 0 to 100.
    """
    rank = math.ceil(round(percent * len(ordered) / 100, 9))
    return ordered[min(max(rank, 1), len(ordered)) - 1]


def taken(samples: Sequence[Sample]) -> list[float]:
    """Return the milliseconds of those that were not lost."""
    return [sample.ms for sample in samples if sample.ms is not None]


def summarise(samples: Sequence[Sample]) -> Summary | None:
    """Return the figures of a series, or nothing when no key was answered."""
    ordered = sorted(taken(samples))
    if not ordered:
        return None
    return Summary(
        n=len(ordered),
        lost=len(samples) - len(ordered),
        p50=percentile(ordered, 50),
        p90=percentile(ordered, 90),
        p99=percentile(ordered, 99),
        p999=percentile(ordered, 99.9),
        max=ordered[-1],
        busy=sum(sample.busy for sample in samples) / len(samples),
    )


_STEPS = (1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a histogram: how many samples are from ``low`` up to below ``high`` milliseconds."""

    low: float
    high: float
    count: int


def histogram(values: Sequence[float], *, low: float | None = None, high: float | None = None) -> list[Bin]:
    """Return bars with bounds at 1, 2 and 5 times powers of ten, from the smallest to the largest sample.

    Args:
        values: Milliseconds.
        low: A smallest value to make room for, so that several histograms have the same bars.
        high: The same for a largest one.
    """
    if not values:
        return []
    least = max(min(min(values), low if low is not None else math.inf), 0.001)
    most = max(max(values), high if high is not None else 0.0, least)
    power = math.floor(math.log10(least))
    bounds: list[float] = []
    while not bounds or bounds[-1] <= most:
        bounds += [step * 10.0**power for step in _STEPS]
        power += 1
    first = max((i for i, bound in enumerate(bounds) if bound <= least), default=0)
    last = min(i for i, bound in enumerate(bounds) if bound > most)
    bounds = bounds[first : last + 1]
    found = []
    for begin, end in itertools.pairwise(bounds):
        lowest = begin == bounds[0]
        found.append(Bin(begin, end, sum((begin <= v or lowest) and v < end for v in values)))
    return found


def timeline(samples: Sequence[Sample], columns: int) -> list[float | None]:
    """Return the largest sample in each of ``columns`` equal parts of the time; ``None`` where there is none.

    A lost key counts as infinitely slow.
    """
    if not samples:
        return []
    begin = min(sample.at for sample in samples)
    length = max(max(sample.at for sample in samples) - begin, 1e-9)
    found: list[float | None] = [None] * columns
    for sample in samples:
        place = min(int((sample.at - begin) / length * columns), columns - 1)
        value = math.inf if sample.ms is None else sample.ms
        found[place] = max(found[place] or 0.0, value)
    return found
