"""A machine at which another vmbench is at work, for a guest in it: what SSH allows, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from typing import NoReturn

from backends.base import BackendError, Terminal, WrongState
from backends.guest import preload
from backends.qemu.control import ControlChannel
from backends.qemu.machine import QemuMachine


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
        self._exit = asyncio.create_task(process.gone())
        await asyncio.to_thread(preload)
        if self.record.ssh_port is not None:
            self._guest = self._channel()

    async def release(self) -> None:
        """Hang up; the machine and whoever works with it are not touched."""
        if self._exit is not None:
            self._exit.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._exit
        await self._hang_up()

    def _death(self) -> str:
        return f"{self.id} is gone: whoever worked with it is done"

    def _operation(self, what: str) -> NoReturn:
        self._refuse(what)

    async def _open_control(self) -> ControlChannel:
        raise BackendError(f"{self.id}'s control channel is another vmbench's")

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
