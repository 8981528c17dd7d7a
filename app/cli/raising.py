"""Raises kept machines, by booting or by forking: all that were asked for, or none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.errors import report
from app.cli.progress import Progress

if TYPE_CHECKING:
    from app.cli.bench import Bench
    from backends.base import Machine

Make = Callable[[], Awaitable["Machine"]]


async def raise_machines(
    bench: Bench, make: Make, count: int, *, memory: int, reason: str, progress: Progress
) -> list[Machine]:
    """Make and start machines at once and keep them; on an error or a signal all of them are removed.

    Args:
        bench: Where they are made.
        make: Makes one, not yet started.
        count: How many.
        memory: MiB of each, which must be free.
        reason: Why they are kept, for lists.
        progress: Is told what goes on.
    """
    from app.engine.admission import Admission

    admission = Admission(bench.paths.state, reserve=bench.settings.run.reserve)
    made: list[Machine] = []

    async def one() -> Machine:
        lease = await admission.acquire(memory, on_wait=lambda why: progress.phase(why))
        try:
            machine = await _registered(make, made)
            await lease.bind(machine.folder)

            def tell(phase: str, detail: str) -> None:
                progress.phase(phase, detail)

            await machine.start(on_phase=tell)
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
        from app.engine.offload import unbroken

        await unbroken(_remove(made))
        raise
    for machine in machines:
        await machine.release()
    return machines


async def _registered(make: Make, made: list[Machine]) -> Machine:
    """Make a machine; one that is being made when a signal comes is still noted, so that it is removed."""
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


async def _remove(machines: Sequence[Machine]) -> None:
    ended = await asyncio.gather(*(machine.remove() for machine in machines), return_exceptions=True)
    for machine, error in zip(machines, ended, strict=True):
        if isinstance(error, BaseException):
            report(f"could not remove {machine.id}: {error}", f"vmbench rm {machine.id}")


def tell_new(machines: Sequence[Machine], *, as_json: bool) -> None:
    """Print the new machines: ids one a line, or JSON."""
    if as_json:
        print(json.dumps([document(m.id, m.folder, m.ssh_command) for m in machines], indent=1))
    else:
        for machine in machines:
            print(machine.id)


def document(machine: str, folder: Path, ssh: str) -> dict[str, object]:
    """Return what JSON says of a new machine."""
    return {"id": machine, "folder": str(folder), "ssh": ssh}
