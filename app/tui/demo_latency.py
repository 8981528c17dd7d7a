"""Made-up measurements: what screenshots, trials and tests of the place Latency show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from app.engine.admission import Admission
from app.engine.latency import measurement as files
from app.engine.latency.figures import Sample
from app.engine.latency.lab import Lab
from app.engine.latency.limits import Limits
from app.engine.latency.measurement import Conditions, Host, LatencyError, Measurement
from app.tui import demo
from backends.base import Backend
from backends.store import MachineStore

HOUR = 3600.0


class DemoLab(Lab):
    """A lab with two measurements, the later one slower than its limit, or with none; it takes none itself.

    Args:
        folder: Where they are kept.
        empty: Whether nothing was measured yet.
    """

    def __init__(self, folder: Path, *, empty: bool = False) -> None:
        def no_guests(_isolation: str) -> Backend:
            raise LatencyError("these measurements are made up: there is nothing to measure")

        store = MachineStore(folder / "machines")
        super().__init__(folder / "latency", store, no_guests, Admission(folder / "memory"), Limits())
        if empty:
            return
        calm = Conditions(probe="echo", keys=300)
        busy = replace(calm, probe="paint", guests=2, vcpus=2, load="burn", isolation="auto")
        self._write(calm, {"vmbench": _samples(1.1, 1.6), "tmux": _samples(0.6, 1.2)}, 3 * HOUR)
        self._write(busy, {"vmbench": _samples(6.0, 24.0)}, HOUR)

    def _write(self, conditions: Conditions, series: Mapping[str, Sequence[Sample]], ago: float) -> None:
        when = demo.EPOCH - ago
        host = Host(system="Linux 6.1", cpus=8, load_before=0.2, load_after=0.4)
        made = Measurement(conditions=conditions, series=series, when=when, version="0.1", host=host)
        stamp = datetime.fromtimestamp(when, UTC).strftime("%Y%m%d-%H%M%S")
        files.write(made, self.folder / f"{stamp}-{conditions.probe}.json")

    def machines(self) -> list[str]:
        """Return the ids of made-up machines."""
        return ["calm-otter", "keen-lark"]


def _samples(usual: float, worst: float) -> list[Sample]:
    """Return 300 samples around ``usual`` ms; one in fifty takes ``worst``."""
    return [
        Sample(at=n / 20, ms=worst if n % 50 == 7 else usual + n % 11 / 20, busy=0.3 + n % 5 / 20)
        for n in range(300)
    ]
