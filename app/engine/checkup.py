"""What the workbench asks about this host; what is heavy is imported when it is asked for."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from app.paths import Paths

if TYPE_CHECKING:
    from app.engine.doctor import Check
    from app.engine.garbage import Garbage


class DoctorApi(Protocol):
    """What the workbench asks about this host. All methods block: call them off the event loop."""

    def checks(self) -> list[Check]:
        """Look at the host anew."""
        ...

    def garbage(self, older_than: float) -> list[Garbage]:
        """Return all that can go; what can be made again if it was not used for ``older_than`` seconds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """Fulfils ``DoctorApi``.

    Attributes:
        paths: The user's folders.
        accel: How QEMU is asked to run guests.
        isolation: Whether guests are kept off a core.
    """

    paths: Paths
    accel: str = "auto"
    isolation: str = "auto"

    def checks(self) -> list[Check]:
        """Look at the host anew."""
        from app.engine.doctor import Host, examine

        host = Host(columns=shutil.get_terminal_size().columns)
        return examine(self.paths, host, requested_accel=self.accel, isolation=self.isolation)

    def garbage(self, older_than: float) -> list[Garbage]:
        """Return all that can go."""
        from app.engine.garbage import find_garbage

        return find_garbage(self.paths, older_than)
