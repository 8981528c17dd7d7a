"""What works while something is measured: guests that burn or flood, programs of this host that burn."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.engine.admission import Admission
from app.engine.latency.measurement import Conditions, LatencyError
from app.engine.offload import unbroken
from backends.base import Backend, Machine, MachineRequest

KINDS = ("none", "burn", "flood", "both")
MEMORY = 256
"""MiB of each guest."""
_LIMIT = 30.0
_QUIET = "</dev/null >/dev/null 2>&1 &"
_FLOOD = f"(while :; do seq 100000 101000; done >/dev/ttyS0) {_QUIET}"
# It ends with the process that started it, also when that one is killed.
_BURNER = "import os\np = os.getppid()\nwhile os.getppid() == p:\n    for _ in range(100000): pass\n"

Note = Callable[[str], None]


@asynccontextmanager
async def loaded(
    conditions: Conditions, backend: Backend, admission: Admission, note: Note
) -> AsyncIterator[None]:
    """Have the conditions' load at work inside the block; all of it is gone after it, however it ends.

    Args:
        conditions: What load.
        backend: Makes the guests.
        admission: Of their memory.
        note: Is told what goes on.

    Raises:
        BackendError: a guest cannot be made, or does not work.
    """
    async with contextlib.AsyncExitStack() as stack:
        for number in range(conditions.burners):
            note(f"starting burner {number + 1}")
            await stack.enter_async_context(_burner())
        if conditions.load != "none" and conditions.guests:
            note("preparing guests")
            await backend.prepare("tiny", on_phase=lambda phase, detail: note(f"{phase} {detail}".strip()))
            for number in range(conditions.guests):
                note(f"starting guest {number + 1} of {conditions.guests}")
                machine = await stack.enter_async_context(_guest(conditions, backend, admission, note))
                await _put_to_work(machine, conditions)
        yield
        note("removing the load")


@asynccontextmanager
async def _guest(
    conditions: Conditions, backend: Backend, admission: Admission, note: Note
) -> AsyncIterator[Machine]:
    request = MachineRequest(cpus=conditions.vcpus, memory=MEMORY, label="load for a measurement")
    lease = await admission.acquire(MEMORY, on_wait=note)
    try:
        making = asyncio.ensure_future(backend.create(request))
        try:
            # One that is being made when a signal comes is removed too.
            machine = await unbroken(_result(making))
        except asyncio.CancelledError:
            if making.done() and not making.cancelled() and making.exception() is None:
                await unbroken(making.result().remove())
            raise
        try:
            await lease.bind(machine.folder)
            await machine.start(on_phase=lambda phase, detail: note(f"{phase} {detail}".strip()))
            yield machine
        finally:
            await unbroken(machine.remove())
    finally:
        await unbroken(lease.release())


async def _result(making: asyncio.Future[Machine]) -> Machine:
    return await making


async def _put_to_work(machine: Machine, conditions: Conditions) -> None:
    commands = []
    if conditions.load in ("burn", "both"):
        commands += [f"(while :; do :; done) {_QUIET}"] * conditions.vcpus
    before = machine.console_log.stat().st_size
    if conditions.load in ("flood", "both"):
        commands.append(_FLOOD)
    done = await machine.exec("\n".join(commands), timeout=_LIMIT)
    if not done.ok:
        said = (done.stderr or done.stdout).decode(errors="replace")
        raise LatencyError(f"the load could not be started in {machine.id}", detail=said)
    if conditions.load in ("flood", "both"):
        async with asyncio.timeout(_LIMIT):
            while machine.console_log.stat().st_size < before + 4096:  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.02)


@asynccontextmanager
async def _burner() -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", _BURNER, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await unbroken(_ended(process))


async def _ended(process: asyncio.subprocess.Process) -> None:
    await process.wait()
