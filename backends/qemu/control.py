"""The control channel: a shell that the guest serves on a virtio-serial port.

It tells when the guest is ready, and rescues where SSH cannot help. It merges standard output and
standard error, and serves one command at a time; users' commands go over SSH.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from backends import commands
from backends.base import BackendError, MachineTimeout
from backends.qemu import sockets

SOCKET = "control.sock"
PORT_NAME = "vmbench.shell"
READY = b"VMBENCH READY\n"


class ControlChannel:
    """The host's end of the channel.

    Args:
        reader: From the guest.
        writer: To the guest.
        machine: The machine's id, for the command log.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, machine: str = "") -> None:
        self._machine = machine
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._booting = False

    @classmethod
    async def open(cls, folder: Path) -> ControlChannel:
        """Connect to the channel of the machine in ``folder``.

        Raises:
            OSError: the guest's process does not listen.
        """
        connected = await sockets.connect(folder, SOCKET)
        reader, writer = await asyncio.open_unix_connection(sock=connected, limit=1 << 22)
        return cls(reader, writer, folder.name)

    async def ready(self) -> None:
        """Wait until the guest says that it takes commands; the caller sets the deadline.

        Raises:
            BackendError: the guest's process closed the channel.
        """
        async with self._turn:
            await self._read_ready()

    async def _read_ready(self) -> None:
        try:
            await self._reader.readuntil(READY)
        except asyncio.IncompleteReadError as error:
            raise BackendError("the guest's process closed the control channel") from error
        self._booting = False

    def expect_boot(self) -> None:
        """Note that the guest is still booting: the next command first waits until it says it is ready."""
        self._booting = True

    async def attach(self) -> None:
        """Make sure that somebody answers, on a channel of a guest that is long ready.

        Raises:
            BackendError: nobody does within some seconds: another vmbench may hold the channel.
        """
        await self.run("true")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the channel quiet, as it must be while the guest's state is saved."""
        async with self._turn:
            yield

    async def run(
        self, command: str, *, timeout: float = 5.0, builtin: bool = False, told: str = ""
    ) -> tuple[int, bytes]:
        """Run a short command and return its exit code and merged output.

        Args:
            command: What to run.
            timeout: Seconds it may take.
            builtin: It needs no process of its own: run it in the channel's shell itself.
            told: What the command log says instead, where it holds what nobody should read.

        Raises:
            MachineTimeout: no answer came in time.
            BackendError: the guest's process closed the channel.
        """
        with commands.noted("control", told or command, self._machine) as ending:
            code, output = await self._run(command, timeout, builtin)
            ending.exit_code = code
        return code, output

    async def _run(self, command: str, timeout: float, builtin: bool) -> tuple[int, bytes]:
        async with self._turn:
            token = f"VMBENCH-{next(self._numbers)}-END"
            scoped = f"{{ {command}\n}}" if builtin else f"( {command}\n)"
            try:
                async with asyncio.timeout(timeout):
                    if self._booting:
                        await self._read_ready()
                    self._writer.write(f"{scoped} 2>&1 </dev/null; echo {token} $?\n".encode())
                    await self._writer.drain()
                    output = await self._reader.readuntil(token.encode() + b" ")
                    code = await self._reader.readuntil(b"\n")
            except TimeoutError as error:
                raise MachineTimeout(
                    f"the control channel gave no answer to {command!r} within {timeout:g}s"
                ) from error
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise BackendError("the guest's process closed the control channel") from error
            return int(code), output[: -len(token) - 1]

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
