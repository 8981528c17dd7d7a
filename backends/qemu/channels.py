"""What leads into a machine's guest: the control channel and SSH, each opened when it is needed."""

from __future__ import annotations

import asyncio

from backends import keys
from backends.base import BackendError
from backends.guest import GuestChannel
from backends.qemu.control import ControlChannel
from backends.store import MachineFolder


class Channels:
    """A machine's two channels.

    Args:
        held: The machine's folder and lock.
    """

    def __init__(self, held: MachineFolder) -> None:
        self._held = held
        self._turn = asyncio.Lock()
        self.control: ControlChannel | None = None
        """The control channel, while it is open."""
        self.guest: GuestChannel | None = None
        """SSH, from the moment on at which the guest may take commands."""

    @property
    def ssh_command(self) -> str:
        """The plain ``ssh`` command that walks in; empty before the machine runs."""
        record = self._held.record
        return keys.ssh_command(self._held.path, record.id, record.ssh_port) if record.ssh_port else ""

    def reach_guest(self) -> GuestChannel:
        """Make the SSH channel, which connects at its first command; return it."""
        record = self._held.record
        assert record.ssh_port is not None
        self.guest = GuestChannel(
            port=record.ssh_port,
            client_key=(self._held.path / keys.CLIENT_KEY).read_bytes(),
            host_key=record.host_key,
            kill=self._rescue,
            env=record.env,
            machine=record.id,
            login=self.ssh_command,
        )
        return self.guest

    async def _rescue(self, command: str) -> None:
        try:
            await (await self.open_control()).run(command)
        except BackendError:
            # Another vmbench may hold the control channel; a second SSH connection does it too.
            if self.guest is not None:
                await self.guest.exec(command, timeout=5.0)

    async def open_control(self) -> ControlChannel:
        """Return the control channel of a guest that is long ready, opened if it is not.

        Raises:
            BackendError: it is closed, or nobody answers.
        """
        async with self._turn:
            if self.control is None:
                try:
                    control = await ControlChannel.open(self._held.path)
                    await control.attach()
                except OSError as error:
                    raise BackendError(f"{self._held.record.id}'s control channel is closed") from error
                self.control = control
            return self.control

    async def hang_up(self) -> None:
        """Close both."""
        if self.guest is not None:
            await self.guest.close()
            self.guest = None
        if self.control is not None:
            await self.control.close()
            self.control = None
