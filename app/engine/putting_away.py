"""What becomes of a test's machine when the test is over: it is kept, given back or removed."""

from __future__ import annotations

import asyncio

from app.engine.artifacts import copy_console
from app.engine.attempt import Attempt, AttemptEnd
from app.engine.events import MachineKept, MachinePhase, Notice, Outcome, Phase
from app.engine.faults import explain
from app.engine.offload import off_loop
from app.engine.steps import seconds
from backends.base import BackendError, Machine, MachineState
from backends.files import make_room
from backends.wishes import wish_of
from registry.model import Keep

CLEAN_UP_LIMIT = 60.0
"""Seconds after which a machine that cannot be put away is reported instead of waited for."""


async def put_away(attempt: Attempt, machine: Machine, end: AttemptEnd | None) -> None:
    """Keep the machine or remove it; ``end`` is ``None`` when the test was cancelled."""
    name, around = attempt.name, attempt.around

    def tell(phase: Phase, detail: str = "") -> None:
        around.emit(MachinePhase(test=name, phase=phase, machine=machine.id, detail=detail))

    try:
        async with asyncio.timeout(CLEAN_UP_LIMIT):
            await _save_console(attempt, machine)
            reason = _why_kept(attempt, machine, end)
            if reason and machine.state is MachineState.RUNNING:
                await machine.keep(reason)
                command = f"vmbench shell {machine.id}"
                around.emit(MachineKept(test=name, machine=machine.id, reason=reason, command=command))
                tell(Phase.KEPT, reason)
                await machine.release()
                return
            if attempt.item.machine and _wish(attempt, machine) is not False:
                await machine.release()  # it was kept before, and is not ours to remove
                return
            tell(Phase.STOPPING)
            await machine.remove()
            tell(Phase.REMOVED)
    except (BackendError, OSError) as error:
        said = explain(error) if isinstance(error, BackendError) else str(error)
        message = f"machine {machine.id} of {name} could not be put away: {said}"
        if isinstance(error, TimeoutError):
            message = f"machine {machine.id} of {name} was not put away within {seconds(CLEAN_UP_LIMIT)}"
        around.emit(Notice(level="warning", message=f"{message}; vmbench rm {machine.id} tries again"))


async def _save_console(attempt: Attempt, machine: Machine) -> None:
    """Put the console's log among the artifacts; where it has no room, the machine goes all the same."""
    try:
        await off_loop(copy_console, machine.console_log, attempt.folder, attempt.around.masker)
    except OSError as error:
        remedy = make_room(error) or "see that its folder can be written to"
        console = attempt.folder / "console.log"
        message = f"{console} is not complete: {error.strerror or error}; {remedy}"
        attempt.around.emit(Notice(level="warning", message=message))


def _wish(attempt: Attempt, machine: Machine) -> bool | None:
    """Return what somebody asked for, here or by another vmbench."""
    wished = attempt.around.wishes.get(attempt.name)
    return wish_of(machine.folder) if wished is None else wished


def _why_kept(attempt: Attempt, machine: Machine, end: AttemptEnd | None) -> str:
    """Return why the machine is kept, or nothing."""
    policy = attempt.around.keep or attempt.test.keep or attempt.around.default_keep
    wish = _wish(attempt, machine)
    if wish is not None:
        return f"{attempt.name}: somebody asked for it" if wish else ""
    if attempt.item.machine:
        return f"{attempt.name} {end.outcome if end else 'cancelled'}, in a machine that was kept before"
    if end is None or policy is Keep.NEVER:
        return ""
    if policy is Keep.ALWAYS:
        return f"{attempt.name} {end.outcome}"
    if end.outcome is Outcome.PASSED or attempt.retries_left.get(end.outcome, 0) > 0:
        return ""
    return f"{attempt.name} {end.outcome}: {end.message}"[:300]
