"""``console``: wait until a regular expression matches on the machine's serial console."""

from __future__ import annotations

import re

from app.engine.steps.context import StepContext, StepFailed, StepResult, last_line, seconds
from backends.base import MachineTimeout
from registry.model import ConsoleStep


async def console(step: ConsoleStep, context: StepContext) -> StepResult:
    """Run the step.

    Raises:
        StepFailed: nothing matched in time; the console's last lines become the step's output.
    """
    start = context.machine.console_log.stat().st_size if step.since == "step" else 0
    pattern = re.compile(step.pattern.encode(), re.MULTILINE)
    try:
        match = await context.machine.wait_console(pattern, timeout=step.timeout, start=start)
    except MachineTimeout as error:
        if error.detail:
            context.outputs.write("stdout", error.detail.encode())
        raise StepFailed(
            f"{step.pattern!r} did not match on the console within {seconds(step.timeout)}"
        ) from error
    context.outputs.write("stdout", match[0] + b"\n")
    return StepResult(message=f"matched {last_line(match[0])!r}")
