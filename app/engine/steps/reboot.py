"""``reboot``: reboot the guest and wait until it answers again."""

from __future__ import annotations

from app.engine.steps.context import StepContext, StepResult
from registry.model import RebootStep


async def reboot(step: RebootStep, context: StepContext) -> StepResult:
    """Run the step; the services that were added are not started again."""
    await context.machine.reboot(timeout=step.timeout)
    return StepResult()
