"""The laboratory: what both faces ask to measure, and where measurements are kept."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.engine.latency import measurement as files
from app.engine.latency.measure import OnProgress, Progress, measure
from app.engine.latency.measurement import Conditions, LatencyError, Measurement
from app.engine.latency.targets import NAMES, SHELL, WORKBENCH
from app.engine.offload import off_loop
from backends.keys import ssh_command

if TYPE_CHECKING:
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


class Lab:
    """Takes measurements and keeps them.

    Args:
        folder: Where they are kept.
        machines: The user's machines.
    """

    def __init__(self, folder: Path, machines: MachineStore) -> None:
        self.folder = folder
        self._machines = machines

    async def measure(self, request: Request, progress: Progress, on_progress: OnProgress) -> None:
        """Measure into ``progress``; cancelled, what was measured so far is there.

        Raises:
            LatencyError: it cannot be measured.
            UnknownMachine: there is no such machine.
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
        await measure(progress, names, inner, on_progress)

    def _names(self, request: Request) -> list[str]:
        names = list(dict.fromkeys((WORKBENCH, *request.against)))
        for name in names:
            if name not in NAMES:
                raise LatencyError(
                    f"{name!r} cannot be measured against", remedy=f"there are: {', '.join(NAMES[1:])}"
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

    def kept(self) -> list[Path]:
        """Return the files of the kept measurements, the latest first. Blocking."""
        if not self.folder.is_dir():
            return []
        return sorted((f for f in self.folder.glob("*.json") if f.name[0] != "."), reverse=True)
