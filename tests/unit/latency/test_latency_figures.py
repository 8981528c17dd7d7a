"""Percentiles, histograms and time lines."""

from __future__ import annotations

import itertools
import math
import random

from hypothesis import given
from hypothesis import strategies as st

from app.engine.latency import charts, figures, rhythm
from app.engine.latency.figures import Sample

MS = st.floats(min_value=0.0, max_value=60_000, allow_nan=False)


def samples(*values: float | None) -> list[Sample]:
    return [Sample(at=n * 0.1, ms=ms, busy=0.5) for n, ms in enumerate(values)]


def test_percentiles_are_samples_by_nearest_rank() -> None:
    found = figures.summarise(samples(*[float(n) for n in range(1, 1001)], None))
    assert found is not None
    assert (found.p50, found.p90, found.p99, found.p999, found.max) == (500, 900, 990, 999, 1000)
    assert (found.n, found.lost, found.busy) == (1000, 1, 0.5)


def test_nothing_answered_has_no_figures() -> None:
    assert figures.summarise(samples(None, None)) is None
    assert figures.summarise([]) is None


@given(st.lists(MS, min_size=1), st.floats(min_value=0.1, max_value=100))
def test_a_percentile_is_a_sample_with_so_many_at_or_below_it(values: list[float], percent: float) -> None:
    ordered = sorted(values)
    found = figures.percentile(ordered, percent)
    assert found in ordered
    assert sum(v <= found for v in ordered) >= percent / 100 * len(ordered) - 1e-6
    assert sum(v < found for v in ordered) < percent / 100 * len(ordered) + 1e-6


@given(st.lists(MS, min_size=1))
def test_every_sample_is_in_exactly_one_bar(values: list[float]) -> None:
    bins = figures.histogram(values)
    assert sum(b.count for b in bins) == len(values)
    assert all(a.high == b.low for a, b in itertools.pairwise(bins))
    lines = charts.histogram_lines(bins, 80)
    assert len(lines) == len(bins) and all(len(line) == len(lines[0]) for line in lines)


@given(st.lists(st.none() | MS, min_size=1), st.integers(1, 90))
def test_the_time_line_keeps_the_highest(values: list[float | None], columns: int) -> None:
    found = figures.timeline(samples(*values), columns)
    assert len(found) == columns
    assert max(v for v in found if v is not None) == max(math.inf if v is None else v for v in values)
    assert len(charts.timeline_line(found)) == columns


def test_intervals_are_random_have_a_floor_and_keep_their_mean() -> None:
    pauses = rhythm.intervals(50.0, random.Random(4))
    taken = [next(pauses) for _ in range(5000)]
    assert min(taken) >= 0.02 * rhythm.FLOOR and max(taken) <= 0.02 * rhythm.LONGEST
    assert 0.018 < sum(taken) / len(taken) < 0.022


def test_every_target_gets_its_keys_in_rounds() -> None:
    order = rhythm.shuffled_rounds(["a", "b", "c"], 45, 20, random.Random(1))
    assert len(order) == 9
    assert {name: sum(n for who, n in order if who == name) for name in "abc"} == {"a": 45, "b": 45, "c": 45}
    assert all({name for name, _ in order[i : i + 3]} == {"a", "b", "c"} for i in (0, 3, 6))
