"""A machine whose guest is watched: work on it ends as soon as the guest dies or panics."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TypeVar

from app.engine.console_watch import ConsoleWatch
from app.engine.offload import unbroken
from backends.base import BackendError, Machine, MachineDied

CANCEL_LIMIT = 5.0
"""Seconds that a cancelled step has to end."""
FAILED_LIMIT = 0.5
"""The same after its machine failed: its removal ends whatever still holds on to it."""

T = TypeVar("T")


class GuestPanicked(BackendError):
    """The guest's kernel gave up."""


@dataclass(frozen=True, slots=True)
class WatchedMachine:
    """A test's machine, and who reads its console."""

    machine: Machine
    watch: ConsoleWatch

    async def raced(self, work: Coroutine[object, object, T], *, booting: bool = False) -> T:
        """Await ``work``, and no longer than the guest lives and is sane.

        Raises:
            MachineDied: the guest's process ended first.
            GuestPanicked: its kernel gave up first.
        """
        task = asyncio.ensure_future(work)
        waiting: set[asyncio.Future[object]] = {task, self.watch.panicked}  # type: ignore[arg-type]
        # A machine that boots tells of its own death.
        death = None if booting else asyncio.create_task(self.machine.died())
        if death is not None:
            waiting.add(death)  # type: ignore[arg-type]
        limit = CANCEL_LIMIT
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            limit = FAILED_LIMIT
            if self.watch.panicked.done():
                raise GuestPanicked(f"guest panicked: {self.watch.panicked.result()}")
            if task.done():
                return task.result()
            assert death is not None
            raise MachineDied(f"the guest ended: {death.result()}")
        finally:
            for other in (task, death):
                if other is not None and not other.done():
                    other.cancel()
                    await unbroken(_settle(other, limit))


async def _settle(task: asyncio.Task[T], limit: float) -> None:
    """Wait a while for a cancelled task to end."""
    await asyncio.wait({task}, timeout=limit)
    if not task.done():
        task.add_done_callback(_take_exception)
    elif not task.cancelled():
        task.exception()


def _take_exception(task: asyncio.Task[T]) -> None:
    if not task.cancelled():
        task.exception()
