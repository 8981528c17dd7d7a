"""What a terminal pane can show: shells, commands and the console of a machine; a shell of this host."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from app.tui.terminal.local_pty import LocalPty

if TYPE_CHECKING:
    from backends.base import Machine, Terminal


class MachineTerminals:
    """Opens terminals in a machine, which is taken up with the first and let go after the last.

    Args:
        adopt: Takes up a kept machine by its id.
        machine: Its id.
    """

    def __init__(self, adopt: Callable[[str], Awaitable[Machine]], machine: str) -> None:
        self._adopt = adopt
        self.name = machine
        self._machine: Machine | None = None
        self._lock = asyncio.Lock()

    async def _taken(self) -> Machine:
        async with self._lock:
            if self._machine is None:
                self._machine = await self._adopt(self.name)
            return self._machine

    async def open(self, columns: int, rows: int) -> Terminal:
        """Open a login shell.

        Raises:
            BackendError: the machine cannot be taken up, or takes no terminal.
        """
        return await (await self._taken()).terminal(columns=columns, rows=rows)

    async def console(self, columns: int, rows: int) -> Terminal:
        """Connect to the serial console.

        Raises:
            BackendError: the machine cannot be taken up, or somebody types into its console already.
        """
        return await (await self._taken()).console()

    def running(self, command: str) -> Callable[[int, int], Awaitable[Terminal]]:
        """Return what opens a terminal with a command in it."""

        async def open_it(columns: int, rows: int) -> Terminal:
            return await (await self._taken()).terminal(command, columns=columns, rows=rows)

        return open_it

    async def release(self) -> None:
        """Let go of the machine, which runs on. Idempotent."""
        async with self._lock:
            machine, self._machine = self._machine, None
        if machine is not None:
            await machine.release()


async def host_shell(columns: int, rows: int) -> Terminal:
    """Open the person's own shell on this host.

    Raises:
        OSError: it cannot be started.
    """
    return await LocalPty.open([os.environ.get("SHELL") or "/bin/sh", "-i"], columns=columns, rows=rows)
