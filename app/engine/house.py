"""Everything on this host that outlives a run, as the workbench reads and commands it beside the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.engine.checkup import DoctorApi
    from app.engine.image_shelf import ImagesApi
    from app.engine.latency.lab import Lab
    from app.engine.machines import MachinesApi
    from app.engine.past import PastRuns
    from app.engine.snapshots import SnapshotsApi
    from app.settings_desk import SettingsDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What is in the house besides runs; each part is a protocol of its own that tests can fake.

    A part that is ``None`` is not there, and its place in the workbench says so.

    Attributes:
        runs: Past runs, and those of other processes.
        images: What machines boot.
        doctor: What this host can do, and what can be reclaimed.
    """

    machines: MachinesApi | None = None
    snapshots: SnapshotsApi | None = None
    lab: Lab | None = None
    """Takes and keeps measurements of latency."""
    settings: SettingsDesk | None = None
    """The settings files and the keys file."""
    runs: PastRuns | None = None
    images: ImagesApi | None = None
    doctor: DoctorApi | None = None

    async def close(self) -> None:
        """Let go of what the house holds for this process."""
        if self.machines is not None:
            await self.machines.close()
