"""What is quick enough: the limits that verdicts are given by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most milliseconds that a figure may have; the settings of ``[latency]`` have the same names."""

    paint_p99: float = 20.0
    """Key event to bytes written."""
    paint_max: float = 50.0
    gap_p99: float = 120.0
    """Gaps between arrivals at 1000 bytes a second, with no or one burning vCPU."""
    gap_max: float = 300.0
    gap_busy_p99: float = 200.0
    """The same with two burning vCPUs or more."""
    gap_busy_max: float = 500.0
    echo_p50: float | None = None
    """Key to its echo in the workbench; no limit unless one is set, as the shell has its part in it."""
    echo_p99: float | None = None
