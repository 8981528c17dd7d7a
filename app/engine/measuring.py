"""Machines that are measured again and again, from inside and outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from app.engine.offload import off_loop
from backends.base import Backend, BackendError, Machine, MachineState, MachineStats
from backends.process import ProcessIdentity
from backends.states import require
from backends.store import MachineRecord

_Life = tuple[MachineState, ProcessIdentity | None]


class Measuring:
    """Walks into machines once and asks them again; nothing of them is held meanwhile.

    Args:
        backend: Returns a backend by its name. Blocking.
    """

    def __init__(self, backend: Callable[[str], Backend]) -> None:
        self._backend = backend
        self._inside: dict[str, tuple[_Life, Machine]] = {}

    async def stats(self, records: Sequence[MachineRecord]) -> list[MachineStats | BackendError]:
        """Return what each machine uses now, or why it cannot be told; others than these are left."""
        for gone in self._inside.keys() - {record.id for record in records}:
            await self._leave(gone)
        return list(await asyncio.gather(*(self._one(record) for record in records)))

    async def _one(self, record: MachineRecord) -> MachineStats | BackendError:
        try:
            require("show statistics", record.id, record.state)
            return await (await self._machine(record)).stats()
        except BackendError as error:
            await self._leave(record.id)
            return error

    async def _machine(self, record: MachineRecord) -> Machine:
        life = (record.state, record.process)
        known = self._inside.get(record.id)
        if known is not None and known[0] == life:
            return known[1]
        await self._leave(record.id)
        backend = await off_loop(self._backend, record.backend)
        machine = await backend.visit(record.id)
        self._inside[record.id] = life, machine
        return machine

    async def _leave(self, machine: str) -> None:
        known = self._inside.pop(machine, None)
        if known is not None:
            await known[1].release()

    async def close(self) -> None:
        """Leave all of them."""
        for machine in list(self._inside):
            await self._leave(machine)
