"""``shell``: run a command in the guest, again and again if asked to, until it exits with 0."""

from __future__ import annotations

from app.engine.steps.context import StepContext, StepFailed, StepResult, describe, with_last_words
from app.engine.steps.polling import attempts
from registry.model import ShellStep


async def shell(step: ShellStep, context: StepContext) -> StepResult:
    """Run the step.

    Raises:
        StepFailed: the command, or its last attempt, failed or timed out.
    """
    message, exit_code = "", None
    async for attempt in attempts(step.poll):
        result = await context.run(step.run, env=context.env(), timeout=step.timeout)
        if result.ok:
            return StepResult(message=attempt.success(), exit_code=0)
        message = with_last_words(describe(result, step.timeout), result)
        exit_code = result.exit_code
        attempt.failed(message, context.outputs)
    if step.poll is not None:
        message = f"no success in {step.poll.attempts} attempts; the last one {message}"
    raise StepFailed(message, exit_code)
