"""Whether two measurements differ: intervals for the difference of their percentiles, by bootstrap.

Samples of latency follow each other in bursts, so blocks of neighbours are drawn and not single ones: the
circular block bootstrap of Politis and Romano (1992), with blocks of the cube root of n, and percentile
intervals (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import app
from app.engine.latency.charts import milliseconds
from app.engine.latency.figures import percentile, taken
from app.engine.latency.measurement import LatencyError, Measurement, read
from app.engine.offload import unbroken

DRAWS = 1000
"""Times that both are drawn anew; fewer where there are very many samples."""
_MOST_DRAWN = 4_000_000
_FEWEST_DRAWS = 400
CONFIDENCE = 0.99
"""Of each interval; strict, as several figures are looked at."""
FIGURES = (50.0, 99.0)
_SEED = 1
_LEAST = 20
"""Samples on each side below which nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One percentile of one series in two measurements, in milliseconds."""

    series: str
    percent: float
    before: float
    after: float
    low: float
    """Lower end of the interval of the difference, after less before."""
    high: float
    counts: tuple[int, int]
    """Samples of both."""

    @property
    def enough(self) -> bool:
        """Whether there are samples enough to say something of this percentile."""
        # A percentile needs some samples beyond it.
        return min(self.counts) >= max(_LEAST, 2 / (1 - self.percent / 100))

    @property
    def differs(self) -> bool:
        """Whether the difference is more than chance."""
        return self.enough and not self.low <= 0.0 <= self.high

    def words(self) -> str:
        """Return the statement."""
        figure = (
            f"{self.series}: p{self.percent:g} {milliseconds(self.before)} → {milliseconds(self.after)} ms"
        )
        if not self.enough:
            return f"{figure}: too few samples to tell ({self.counts[0]} and {self.counts[1]})"
        interval = f"{CONFIDENCE:.0%} interval of the difference {self.low:+.2f} to {self.high:+.2f} ms"
        if not self.differs:
            return f"{figure}: no difference beyond chance ({interval})"
        return f"{figure}: {'slower' if self.low > 0 else 'quicker'} ({interval})"

    def document(self) -> dict[str, object]:
        """Return it as JSON's types."""
        return {
            "series": self.series,
            "percentile": self.percent,
            "before": self.before,
            "after": self.after,
            "low": self.low,
            "high": self.high,
            "confidence": CONFIDENCE,
            "n": list(self.counts),
            "differs": self.differs,
        }


def compare(before: Measurement, after: Measurement) -> list[Difference]:
    """Return how the series that both have differ. Takes some tenths of a second."""
    found: list[Difference] = []
    for name, samples in after.series.items():
        new, old = taken(samples), taken(before.series.get(name, ()))
        if new and old:
            found += _differences(name, old, new)
    return found


async def compare_apart(before: Path, after: Path) -> list[Difference]:
    """Compare two files in a process of its own, whose work holds up nobody's keys.

    Raises:
        LatencyError: they cannot be compared.
    """
    root = str(Path(app.__file__).resolve().parents[1])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, str(before), str(after)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
        start_new_session=True,
    )
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await unbroken(_ended(process))
    if process.returncode:
        said = err.decode(errors="replace").strip()
        raise LatencyError(f"{before.stem} and {after.stem} cannot be compared", detail=said[-1000:])
    return [Difference(**{**found, "counts": tuple(found["counts"])}) for found in json.loads(out)]


async def _ended(process: asyncio.subprocess.Process) -> None:
    await process.wait()


def unlike(before: Measurement, after: Measurement) -> list[str]:
    """Return which conditions differ: what is compared is then not only the program."""
    found = []
    for name in type(before.conditions).__slots__:
        if name in ("seed", "keys"):
            continue
        was, now = getattr(before.conditions, name), getattr(after.conditions, name)
        if was != now:
            found.append(f"{name}: {was or 'none'} → {now or 'none'}")
    for name in ("system", "cpus"):
        was, now = getattr(before.host, name), getattr(after.host, name)
        if was != now:
            found.append(f"host's {name}: {was} → {now}")
    return found


def _differences(name: str, old: Sequence[float], new: Sequence[float]) -> list[Difference]:
    chance = random.Random(_SEED)  # noqa: S311 - the same files give the same answer
    draws: dict[float, list[float]] = {percent: [] for percent in FIGURES}
    for _ in range(max(_FEWEST_DRAWS, min(DRAWS, _MOST_DRAWN // (len(old) + len(new))))):
        drawn_old, drawn_new = _drawn(old, chance), _drawn(new, chance)
        for percent in FIGURES:
            draws[percent].append(percentile(drawn_new, percent) - percentile(drawn_old, percent))
    ordered_old, ordered_new = sorted(old), sorted(new)
    found = []
    for percent in FIGURES:
        spread = sorted(draws[percent])
        found.append(
            Difference(
                series=name,
                percent=percent,
                before=percentile(ordered_old, percent),
                after=percentile(ordered_new, percent),
                low=percentile(spread, 100 * (1 - CONFIDENCE) / 2),
                high=percentile(spread, 100 * (1 + CONFIDENCE) / 2),
                counts=(len(old), len(new)),
            )
        )
    return found


def _drawn(values: Sequence[float], chance: random.Random) -> list[float]:
    count = len(values)
    length = max(1, round(count ** (1 / 3)))
    around = [*values, *values[:length]]
    drawn: list[float] = []
    while len(drawn) < count:
        begin = chance.randrange(count)
        drawn += around[begin : begin + length]
    return sorted(drawn[:count])


def main() -> int:
    """Compare the two files that are named, and print the differences as JSON."""
    before, after = (read(Path(name)) for name in sys.argv[1:3])
    print(json.dumps([dataclasses.asdict(found) for found in compare(before, after)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
