"""What a machine on QEMU is made of, as its moves find it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from backends.qemu import furnish
from backends.qemu.argv import CONSOLE_LOG, LaunchSpec
from backends.qemu.channels import Channels
from backends.qemu.guest_process import GuestProcess
from backends.snapshots import SnapshotStore
from backends.store import MachineFolder


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a machine needs of its backend."""

    snapshots: SnapshotStore
    affinity: frozenset[int] | None = None
    """Cores its process may run on; ``None`` for all."""
    boot_timeout: float = 120.0


@dataclasses.dataclass(slots=True, kw_only=True)
class Parts:
    """One machine's folder, process and channels, and how its guest is started next."""

    held: MachineFolder
    launch: LaunchSpec
    """How QEMU is started, but for the sockets' descriptors."""
    around: Surroundings
    process: GuestProcess
    channels: Channels

    @property
    def folder(self) -> Path:
        """The machine's folder."""
        return self.held.path

    @property
    def console_log(self) -> Path:
        """File that the serial console is logged to."""
        return self.held.path / CONSOLE_LOG

    def use_layers(self, layers: tuple[str, ...]) -> None:
        """Let the guest's disk be these qcow2 files, the top one first. Blocking, shortly."""
        self.launch = dataclasses.replace(self.launch, disk=layers[0] if layers else None)
        furnish.write_launch(self.folder, self.launch)
        self.held.update(layers=layers)


def assemble(held: MachineFolder, launch: LaunchSpec, around: Surroundings) -> Parts:
    """Return the parts of the machine whose folder and lock are held."""
    return Parts(
        held=held,
        launch=launch,
        around=around,
        process=GuestProcess(held, around.boot_timeout),
        channels=Channels(held),
    )
