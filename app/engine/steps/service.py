"""``add``, ``remove`` and ``reset``: services that a test installs in its machine and takes out again."""

from __future__ import annotations

import asyncio
import posixpath
import shlex

from app.engine.steps.context import StepContext, StepFailed, StepResult, describe, last_line, seconds
from registry.model import AddStep, RemoveStep, ResetStep, Service


class _Budget:
    """The seconds a step has for all it does."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._deadline = asyncio.get_running_loop().time() + timeout

    def left(self) -> float:
        """Return the seconds left.

        Raises:
            StepFailed: there are none.
        """
        left = self._deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise StepFailed(f"timed out after {seconds(self._timeout)}")
        return left


async def add(step: AddStep, context: StepContext) -> StepResult:
    """Put the service's files in the guest, install it and start it.

    Its commands see the step's ``args`` as ``VMBENCH_ARGS``.

    Raises:
        StepFailed: one of its commands failed.
    """
    service = context.service(step.service)
    budget = _Budget(step.timeout)
    context.session.added.pop(service.name, None)  # added again: its variables are the newest
    context.session.added[service.name] = dict(step.env)
    env = context.env(service.name) | {"VMBENCH_ARGS": step.args, "VMBENCH_SERVICE": service.name}
    await _put_files(service, context, budget)
    for what, command in (("install", service.install), ("start", service.start)):
        await context.service_command(what, command, env=env, limit=budget.left())
    return StepResult()


async def _put_files(service: Service, context: StepContext, budget: _Budget) -> None:
    if not service.files:
        return
    folders = sorted({posixpath.dirname(f.target) for f in service.files} - {"", "/"})
    if folders:
        await _plumbing(f"mkdir -p -- {shlex.join(folders)}", context, budget)
    for file in service.files:
        await context.machine.copy_in(file.source, file.target, timeout=budget.left())
    modes = " && ".join(f"chmod {f.mode:o} {shlex.quote(f.target)}" for f in service.files)
    await _plumbing(modes, context, budget)


async def _plumbing(command: str, context: StepContext, budget: _Budget) -> None:
    """Run a command of our own, whose output nobody wants to see unless it fails."""
    left = budget.left()
    result = await context.machine.exec(command, timeout=left)
    if not result.ok:
        said = last_line(result.stderr)
        raise StepFailed(f"{command} {describe(result, left)}{f': {said}' if said else ''}", result.exit_code)


async def remove(step: RemoveStep, context: StepContext) -> StepResult:
    """Stop the service, remove it and delete its files.

    Raises:
        StepFailed: it was not added, or one of its commands failed.
    """
    service = context.service(step.service)
    if service.name not in context.session.added:
        raise StepFailed(f"{service.name} was not added by this test, so there is nothing to remove")
    await _take_out(service, context, _Budget(step.timeout))
    return StepResult()


async def reset(step: ResetStep, context: StepContext) -> StepResult:
    """Remove every service that was added, the last one first.

    Raises:
        StepFailed: a command of one of them failed.
    """
    budget = _Budget(step.timeout)
    names = list(reversed(context.session.added))
    for name in names:
        await _take_out(context.service(name), context, budget)
    return StepResult(message=f"removed {', '.join(names)}" if names else "nothing was added")


async def _take_out(service: Service, context: StepContext, budget: _Budget) -> None:
    env = context.env(service.name) | {"VMBENCH_SERVICE": service.name}
    for what, command in ((f"stop {service.name}", service.stop), (f"remove {service.name}", service.remove)):
        await context.service_command(what, command, env=env, limit=budget.left())
    if service.files:
        await _plumbing(f"rm -f -- {shlex.join(f.target for f in service.files)}", context, budget)
    context.session.added.pop(service.name, None)
