"""A machine at which another vmbench is at work, for a guest in it: what SSH allows, and nothing else."""

from __future__ import annotations

import asyncio
import subprocess
from typing import NoReturn

from backends import commands
from backends.base import BackendError, Terminal, WrongState
from backends.guest import preload
from backends.process import ProcessIdentity
from backends.qemu.argv import LaunchSpec
from backends.qemu.channels import Channels
from backends.qemu.control import ControlChannel
from backends.qemu.guest_process import GuestProcess
from backends.qemu.machine import QemuMachine
from backends.qemu.parts import Parts, Surroundings
from backends.store import MachineFolder


class _OwnersProcess(GuestProcess):
    """The process as its owner's visitor sees it: its end is the owner's to note."""

    async def _reap(
        self,
        identity: ProcessIdentity | None,
        child: subprocess.Popen[bytes] | None = None,
        note: commands.Command | None = None,
    ) -> None:
        if identity is not None:
            await identity.gone()

    def death(self) -> str:
        return f"{self._held.record.id} is gone: whoever worked with it is done"


class _VisitorsChannels(Channels):
    """SSH connections of the visitor's own."""

    async def open_control(self) -> ControlChannel:
        raise BackendError(f"{self._held.record.id}'s control channel is another vmbench's")


def visited(held: MachineFolder, launch: LaunchSpec, around: Surroundings) -> VisitedMachine:
    """Return the machine in a folder whose lock another vmbench holds."""
    process = _OwnersProcess(held, around.boot_timeout)
    channels = _VisitorsChannels(held)
    return VisitedMachine(Parts(held=held, launch=launch, around=around, process=process, channels=channels))


class VisitedMachine(QemuMachine):
    """Commands, terminals, copies and ports go through SSH connections of their own.

    Its lock, its record, its monitor and its channels are the owner's: whatever would touch them is refused.
    """

    async def attach(self) -> None:
        """Connect lazily; nothing is mended, noted or held.

        Raises:
            WrongState: the machine does not run.
        """
        process = self.record.process
        if process is None or not process.alive():
            raise WrongState(f"{self.id} does not run yet, or no longer", remedy="vmbench ps tells its state")
        self._process.take_up(process)
        await asyncio.to_thread(preload)
        if self.record.ssh_port is not None:
            self._channels.reach_guest()

    async def release(self) -> None:
        """Hang up; the machine and whoever works with it are not touched."""
        await self._process.let_go()
        await self._channels.hang_up()

    def _operation(self, what: str) -> NoReturn:
        self._refuse(what)

    async def console(self) -> Terminal:
        """Refuse: the console takes one person, or test, at a time."""
        self._refuse("type into its console")

    async def reboot(self, *, discard: bool = False, timeout: float = 60.0) -> None:
        """Refuse."""
        self._refuse("reboot it")

    async def keep(self, reason: str) -> None:
        """Refuse: it is not ours to keep."""
        self._refuse("keep it")

    async def stop(self, *, timeout: float = 10.0) -> None:
        """Refuse."""
        self._refuse("stop it")

    async def kill(self) -> None:
        """Refuse."""
        self._refuse("kill it")

    async def remove(self) -> None:
        """Refuse."""
        self._refuse("remove it")

    def _refuse(self, what: str) -> NoReturn:
        owner = self.record.owner
        pid = f" (pid {owner.pid})" if owner is not None else ""
        raise WrongState(
            f"cannot {what}: another vmbench{pid} is at work on {self.id}",
            remedy="wait until its run is over, or do it there",
        )
