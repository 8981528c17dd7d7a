"""Raises kept machines, by booting or by forking: all that were asked for, or none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from app.engine.admission import Admission
from app.engine.offload import unbroken
from backends.base import BackendError, Machine, PhaseSink

Make = Callable[[], Awaitable[Machine]]
OnLost = Callable[[str, BaseException], None]
"""Called with the id of a machine that could not be removed, and why."""


async def raise_machines(
    admission: Admission,
    make: Make,
    count: int,
    *,
    memory: int,
    reason: str,
    on_phase: PhaseSink,
    on_lost: OnLost,
) -> list[Machine]:
    """Make and start machines at once and keep them; on an error or a cancellation all of them are removed.

    Args:
        admission: Says when there is memory for them.
        make: Makes one, not yet started.
        count: How many.
        memory: MiB of each, which must be free.
        reason: Why they are kept, for lists.
        on_phase: Is told what goes on.
        on_lost: Is told of machines that could not be removed.
    """
    made: list[Machine] = []

    async def one() -> Machine:
        lease = await admission.acquire(memory, on_wait=lambda why: on_phase(why, ""))
        try:
            machine = await _registered(make, made)
            await lease.bind(machine.folder)
            await machine.start(on_phase=on_phase)
            await machine.keep(reason)
            return machine
        finally:
            await lease.release()

    try:
        tasks = [asyncio.ensure_future(one()) for _ in range(count)]
        try:
            machines = await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
    except BaseException:
        await unbroken(_remove(made, on_lost))
        raise
    for machine in machines:
        await machine.release()
    return machines


async def _registered(make: Make, made: list[Machine]) -> Machine:
    """Make a machine; one that is being made when a cancellation comes is still noted, so it is removed."""
    making = asyncio.ensure_future(make())
    try:
        machine = await asyncio.shield(making)
    except asyncio.CancelledError:
        (late,) = await asyncio.gather(making, return_exceptions=True)
        if not isinstance(late, BaseException):
            made.append(late)
        raise
    made.append(machine)
    return machine


async def _remove(machines: Sequence[Machine], on_lost: OnLost) -> None:
    ended = await asyncio.gather(*(machine.remove() for machine in machines), return_exceptions=True)
    for machine, error in zip(machines, ended, strict=True):
        if isinstance(error, BaseException):
            on_lost(machine.id, error)


async def bring_up(machine: Machine, on_phase: PhaseSink | None = None) -> None:
    """Start a machine; on an error or a cancellation it does not stay half up."""

    async def stop() -> None:
        with contextlib.suppress(BackendError):
            await machine.kill()

    before = machine.state
    try:
        await machine.start(on_phase=on_phase)
    except BaseException:
        if machine.state is not before:
            await unbroken(stop())
        raise
