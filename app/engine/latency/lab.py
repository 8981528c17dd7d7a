"""The laboratory: what both faces ask to measure, and where measurements are kept."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.engine.admission import Admission
from app.engine.latency import measurement as files
from app.engine.latency.charts import milliseconds
from app.engine.latency.figures import summarise
from app.engine.latency.limits import Limits
from app.engine.latency.loads import loaded
from app.engine.latency.measure import OnProgress, Progress, measure
from app.engine.latency.measurement import Conditions, LatencyError, Measurement
from app.engine.latency.targets import NAMES, SHELL, WORKBENCH
from app.engine.offload import off_loop
from backends.keys import ssh_command

if TYPE_CHECKING:
    from backends.base import Backend
    from backends.store import MachineStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A measurement that somebody wants.

    Attributes:
        conditions: What to measure, and under which conditions; its machine may be a prefix of an id.
        against: What to measure beside the workbench, in the same run.
    """

    conditions: Conditions
    against: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A measurement that was kept."""

    name: str
    file: Path
    measurement: Measurement

    def words(self) -> tuple[str, str, str]:
        """Return where it was measured, under which load, and the workbench's figures."""
        c = self.measurement.conditions
        figures = []
        for name, samples in self.measurement.series.items():
            summary = summarise(samples)
            if name.startswith(WORKBENCH) and summary is not None:
                figures.append(f"{milliseconds(summary.p50)} / {milliseconds(summary.p99)} ms")
        # Of gaps, those at the higher rate are what limits are set for.
        return c.machine or "this host", c.words(), figures[-1] if figures else "-"


class Lab:
    """Takes measurements and keeps them.

    Args:
        folder: Where they are kept.
        machines: The user's machines.
        backend: Returns what makes the guests of a load, for an isolation.
        admission: Of their memory.
        limits: What is quick enough.
    """

    def __init__(
        self,
        folder: Path,
        machines: MachineStore,
        backend: Callable[[str], Backend],
        admission: Admission,
        limits: Limits,
    ) -> None:
        self.folder = folder
        self.limits = limits
        self._machines = machines
        self._backend = backend
        self._admission = admission

    async def measure(self, request: Request, progress: Progress, on_progress: OnProgress) -> None:
        """Measure into ``progress``; cancelled, what was measured so far is there.

        Raises:
            LatencyError: it cannot be measured.
            UnknownMachine: there is no such machine.
            BackendError: a guest of the load cannot be made.
        """
        conditions = request.conditions
        names = self._names(request)
        inner: Sequence[str] = SHELL
        if conditions.machine:
            record = await off_loop(self._machines.find, conditions.machine)
            if not record.ssh_port or not record.pid:
                raise LatencyError(
                    f"{record.id} does not run, so nothing can be typed into it",
                    remedy=f"vmbench start {record.id}",
                )
            inner = shlex.split(ssh_command(self._machines.root / record.id, record.id, record.ssh_port))
            conditions = replace(conditions, machine=record.id)
        progress.conditions = conditions

        def note(words: str) -> None:
            progress.note = words
            on_progress(progress)

        if conditions.burners or conditions.guests:
            backend = await off_loop(self._backend, conditions.isolation)
            async with loaded(conditions, backend, self._admission, note):
                await measure(progress, names, inner, on_progress)
        else:
            await measure(progress, names, inner, on_progress)

    def machines(self) -> list[str]:
        """Return the ids of the machines that can be typed into. Blocking."""
        return [record.id for record in self._machines.records() if record.ssh_port and record.pid]

    def _names(self, request: Request) -> list[str]:
        names = list(dict.fromkeys((WORKBENCH, *request.against)))
        for name in names:
            if name not in NAMES:
                raise LatencyError(
                    f"{name!r} cannot be measured against", remedy=f"there are: {', '.join(NAMES[1:])}"
                )
        if len(names) > 1 and request.conditions.probe != "echo":
            raise LatencyError(
                f"{request.conditions.probe} is measured inside the workbench, so nothing stands beside it",
                remedy="leave --against out, or measure echo",
            )
        if "ssh" in names and not request.conditions.machine:
            raise LatencyError(
                "a bare ssh needs a machine to lead to", remedy="name a machine, or leave ssh out"
            )
        return names

    def keep(self, measurement: Measurement) -> Path:
        """Keep a measurement and return its file. Blocking.

        Raises:
            LatencyError: it cannot be written.
        """
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(measurement.when))
        file = self.folder / f"{stamp}-{measurement.conditions.probe}.json"
        number = 1
        while file.exists():
            number += 1
            file = self.folder / f"{stamp}-{measurement.conditions.probe}-{number}.json"
        files.write(measurement, file)
        return file

    def find(self, name: str) -> Path:
        """Return the file of a measurement, by its path or by the name it is kept under."""
        file = Path(name)
        kept = self.folder / f"{name.removesuffix('.json')}.json"
        return kept if not file.exists() and kept.exists() else file

    def entries(self) -> list[Entry]:
        """Return the kept measurements, the latest first; what cannot be read is left out. Blocking."""
        found: list[Entry] = []
        for file in sorted(self.folder.glob("*.json"), reverse=True):
            with contextlib.suppress(LatencyError):
                if file.name[0] != ".":
                    found.append(Entry(name=file.stem, file=file, measurement=files.read(file)))
        return found
