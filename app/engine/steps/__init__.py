"""One module an action; ``run_step`` finds the right one."""

from __future__ import annotations

from collections.abc import Mapping

from app.engine.steps.console import console
from app.engine.steps.context import Session, StepContext, StepFailed, StepResult, seconds
from app.engine.steps.files import copy
from app.engine.steps.http import http
from app.engine.steps.output import StepOutputs
from app.engine.steps.reboot import reboot
from app.engine.steps.service import add, remove, reset
from app.engine.steps.shell import shell
from app.engine.steps.wait import wait
from registry.model import (
    AddStep,
    ConsoleStep,
    CopyStep,
    HttpStep,
    RebootStep,
    RemoveStep,
    ResetStep,
    Service,
    ShellStep,
    Step,
    WaitStep,
)

__all__ = [
    "ACTIONS",
    "Session",
    "StepContext",
    "StepFailed",
    "StepOutputs",
    "StepResult",
    "command_of",
    "deadline_of",
    "run_step",
    "seconds",
]

ACTIONS = frozenset({"add", "remove", "reset", "wait", "shell", "http", "copy", "console", "reboot"})
"""Actions that the engine can run on a machine; a backend offers some or all of them."""

SLACK = 30.0
"""Seconds on top of a step's own deadlines after which its machine is held to be stuck."""


async def run_step(step: Step, context: StepContext) -> StepResult:
    """Run one step.

    Raises:
        StepFailed: the product did not do what the step expects.
        BackendError: the machine failed.
    """
    match step:
        case AddStep():
            return await add(step, context)
        case RemoveStep():
            return await remove(step, context)
        case ResetStep():
            return await reset(step, context)
        case WaitStep():
            return await wait(step, context)
        case ShellStep():
            return await shell(step, context)
        case HttpStep():
            return await http(step, context)
        case CopyStep():
            return await copy(step, context)
        case ConsoleStep():
            return await console(step, context)
        case RebootStep():
            return await reboot(step, context)
        case _:
            # The plan rejects these, since no backend offers their actions.
            raise StepFailed(f"{step.action} steps cannot be run here")


def command_of(step: Step, services: Mapping[str, Service]) -> str:
    """Return what a step does on the user's behalf, as it is shown before it begins."""
    match step:
        case ShellStep():
            return step.run
        case HttpStep():
            return f"{step.method.upper()} {step.url}"
        case CopyStep():
            return f"{step.source} → {step.target}"
        case ConsoleStep():
            return step.pattern
        case AddStep():
            service = services.get(step.service)
            commands = (service.install, service.start) if service else ()
            return "\n".join(c.run.strip() for c in commands if c)
        case RemoveStep():
            service = services.get(step.service)
            commands = (service.stop, service.remove) if service else ()
            return "\n".join(c.run.strip() for c in commands if c)
        case WaitStep():
            service = services.get(step.service)
            ready = service.ready if service else None
            if ready is None:
                return ""
            return f"tcp port {ready.tcp}" if ready.tcp is not None else ready.http or ready.exec or ""
        case _:
            return ""


def deadline_of(step: Step) -> float:
    """Return the seconds after which a step is over by its own rules, with slack for a slow host."""
    poll = step.poll if isinstance(step, ShellStep | HttpStep) else None
    if poll is None:
        return step.timeout + SLACK
    return poll.attempts * (step.timeout + poll.interval) + SLACK
