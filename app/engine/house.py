"""Everything on this host that outlives a run, as the workbench reads and commands it beside the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from app.engine.checkup import DoctorApi
    from app.engine.image_shelf import ImagesApi
    from app.engine.latency.lab import Lab
    from app.engine.machines_api import MachinesApi
    from app.engine.past import PastRuns
    from app.engine.snapshots import SnapshotsApi
    from app.settings_desk import SettingsDesk


class HouseApi(Protocol):
    """What is in the house besides runs; each part is a protocol of its own that tests can fake.

    A part that is ``None`` is not there, and its place in the workbench says so.
    """

    @property
    def machines(self) -> MachinesApi | None:
        """All machines of this user."""
        ...

    @property
    def snapshots(self) -> SnapshotsApi | None:
        """All snapshots of this user."""
        ...

    @property
    def lab(self) -> Lab | None:
        """Takes and keeps measurements of latency."""
        ...

    @property
    def settings(self) -> SettingsDesk | None:
        """The settings files and the keys file."""
        ...

    @property
    def runs(self) -> PastRuns | None:
        """Past runs, and those of other processes."""
        ...

    @property
    def images(self) -> ImagesApi | None:
        """What machines boot."""
        ...

    @property
    def doctor(self) -> DoctorApi | None:
        """What this host can do, and what can be reclaimed."""
        ...

    def furnish(self) -> list[str]:
        """Make every part that is not there yet, remove what nobody owns, and return a line for each.

        Blocking, some tenths of a second: what can be done once the workbench is on the screen.
        """
        ...

    async def close(self) -> None:
        """Let go of what the house holds for this process."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A house whose parts are all there."""

    machines: MachinesApi | None = None
    snapshots: SnapshotsApi | None = None
    lab: Lab | None = None
    settings: SettingsDesk | None = None
    runs: PastRuns | None = None
    images: ImagesApi | None = None
    doctor: DoctorApi | None = None

    def furnish(self) -> list[str]:
        """Do nothing."""
        return []

    async def close(self) -> None:
        """Let go of what the house holds for this process."""
        if self.machines is not None:
            await self.machines.close()
