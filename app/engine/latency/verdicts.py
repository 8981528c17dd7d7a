"""Verdicts: which limits a measurement kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.engine.latency.figures import summarise
from app.engine.latency.limits import Limits
from app.engine.latency.measurement import Measurement
from app.engine.latency.targets import WORKBENCH


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One limit, and whether it was kept.

    Attributes:
        series: What was measured.
        figure: ``p50``, ``p99``, ``max`` or ``lost``.
        limit: The most it may be, in milliseconds; keys for ``lost``.
        value: What it is; ``None`` when nothing was answered.
    """

    series: str
    figure: str
    limit: float
    value: float | None

    @property
    def kept(self) -> bool:
        """Whether it is within its limit."""
        return self.value is not None and self.value < self.limit

    def words(self) -> str:
        """Return the verdict as a sentence."""
        if self.figure == "lost":
            lost = round(self.value or 0)
            return f"{self.series}: {'no key' if not lost else '1 key' if lost == 1 else f'{lost} keys'} lost"
        unit = f"under {self.limit:g} ms"
        if self.value is None:
            return f"{self.series}: {self.figure} not known, no key was answered; the limit is {unit}"
        verb = "is" if self.kept else "is not"
        return f"{self.series}: {self.figure} {self.value:.2f} ms {verb} {unit}"

    def document(self) -> dict[str, object]:
        """Return it as JSON's types."""
        return {
            "series": self.series,
            "figure": self.figure,
            "limit": self.limit,
            "value": self.value,
            "kept": self.kept,
        }


def _limits_of(measurement: Measurement, series: str, limits: Limits) -> Mapping[str, float | None]:
    conditions = measurement.conditions
    if conditions.probe == "paint":
        return {"p99": limits.paint_p99, "max": limits.paint_max}
    if conditions.probe == "gap":
        if "1000 B/s" not in series:
            return {}
        if conditions.burning >= 2:
            return {"p99": limits.gap_busy_p99, "max": limits.gap_busy_max}
        return {"p99": limits.gap_p99, "max": limits.gap_max}
    return {"p50": limits.echo_p50, "p99": limits.echo_p99}


def judge(measurement: Measurement, limits: Limits) -> list[Verdict]:
    """Return a verdict for each limit that applies to the workbench; others are measured, not judged."""
    found: list[Verdict] = []
    for series, samples in measurement.series.items():
        if series.split(" ", 1)[0] != WORKBENCH:
            continue
        summary = summarise(samples)
        for figure, limit in _limits_of(measurement, series, limits).items():
            if limit is not None:
                value = getattr(summary, figure) if summary is not None else None
                found.append(Verdict(series=series, figure=figure, limit=limit, value=value))
        lost = sum(sample.ms is None for sample in samples)
        found.append(Verdict(series=series, figure="lost", limit=1, value=float(lost)))
    return found
