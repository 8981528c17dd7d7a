"""Terminals in one kept machine: taken up with the first, let go after the last."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backends.base import Machine, Terminal


class MachineTerminals:
    """Opens terminals in a machine.

    Args:
        adopt: Takes up a kept machine by its id.
        machine: Its id.
    """

    def __init__(self, adopt: Callable[[str], Awaitable[Machine]], machine: str) -> None:
        self._adopt = adopt
        self._name = machine
        self._machine: Machine | None = None
        self._lock = asyncio.Lock()

    async def open(self, columns: int, rows: int) -> Terminal:
        """Open a login shell.

        Raises:
            BackendError: the machine cannot be taken up, or takes no terminal.
        """
        async with self._lock:
            if self._machine is None:
                self._machine = await self._adopt(self._name)
        return await self._machine.terminal(columns=columns, rows=rows)

    async def release(self) -> None:
        """Let go of the machine, which runs on. Idempotent."""
        async with self._lock:
            machine, self._machine = self._machine, None
        if machine is not None:
            await machine.release()
