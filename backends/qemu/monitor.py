"""QEMU's monitor: short QMP conversations with a machine's process."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from qemu.qmp import QMPClient, QMPError

from backends import commands
from backends.base import BackendError, MachineTimeout
from backends.qemu import sockets

SOCKET = "qmp.sock"
logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)


class Client(QMPClient):
    """Tells the command log what QEMU is asked to do; what only asks, again and again, is left out."""

    async def execute(
        self, cmd: str, arguments: Mapping[str, object] | None = None, oob: bool = False
    ) -> object:
        """Execute a command and return its value."""
        if cmd.startswith("query-"):
            return await super().execute(cmd, arguments, oob)
        said = {"execute": cmd} | ({"arguments": arguments} if arguments else {})
        with commands.noted("qmp", json.dumps(said), self.name or ""):
            return await super().execute(cmd, arguments, oob)


@asynccontextmanager
async def monitor(folder: Path, *, timeout: float = 20.0) -> AsyncIterator[Client]:
    """Talk to the monitor of the machine in ``folder``, for at most ``timeout`` seconds.

    Raises:
        MachineTimeout: the time is up.
        BackendError: nobody answers, or QEMU refuses a command.
    """
    client = Client(folder.name)
    try:
        async with asyncio.timeout(timeout):
            await client.connect(await sockets.connect(folder, SOCKET))
            try:
                yield client
            finally:
                await client.disconnect()
    except TimeoutError as error:
        raise MachineTimeout(f"QEMU's monitor gave no answer within {timeout:g}s") from error
    except (QMPError, OSError, EOFError) as error:
        raise BackendError(f"QEMU's monitor: {error or 'the connection was closed'}") from error


async def forwarded_port(client: Client, guest_port: int = 22) -> int:
    """Return the host port that leads to ``guest_port``, as the kernel chose it.

    Raises:
        BackendError: nothing is forwarded there.
    """
    answer = await client.execute("human-monitor-command", {"command-line": "info usernet"})
    return parse_usernet(str(answer), guest_port)


async def version(client: Client) -> str:
    """Return QEMU's version, such as ``7.2.22``."""
    answer = await client.execute("query-version")
    assert isinstance(answer, dict)
    numbers = answer["qemu"]
    return f"{numbers['major']}.{numbers['minor']}.{numbers['micro']}"


def parse_usernet(text: str, guest_port: int) -> int:
    """Find the forwarded port in the answer to ``info usernet``.

    Raises:
        BackendError: it is not there.
    """
    # Protocol[State] FD SourceAddress Port DestAddress Port RecvQ SendQ
    for line in text.splitlines():
        found = re.match(r"\s*TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)", line)
        if found and int(found[2]) == guest_port:
            return int(found[1])
    raise BackendError(f"QEMU forwards no port to the guest's port {guest_port}")
