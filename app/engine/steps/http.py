"""``http``: send a request from the guest's point of view and check the status of the answer."""

from __future__ import annotations

import asyncio

from app.engine.steps.context import StepContext, StepFailed, StepResult, expand, last_line, seconds
from app.engine.steps.guest_http import Answer, GuestHttp, NoAnswer
from app.engine.steps.polling import attempts
from registry.model import HttpStep


async def http(step: HttpStep, context: StepContext) -> StepResult:
    """Run the step. Variables are replaced in the URL, the headers and the body.

    Raises:
        StepFailed: no attempt was answered with the expected status.
    """
    env = context.env(step.service)
    url = expand(step.url, env, strict=True)
    headers = {name: expand(value, env) for name, value in step.headers.items()}
    content = None if step.body is None else expand(step.body, env).encode()
    if content is not None and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = step.content_type
    message = ""
    async for attempt in attempts(step.poll):
        try:
            async with asyncio.timeout(step.timeout), GuestHttp(context.machine) as client:
                answer = await client.request(step.method.upper(), url, headers=headers, content=content)
        except TimeoutError:
            message = f"timed out after {seconds(step.timeout)}"
        except NoAnswer as error:
            message = str(error)
        else:
            if answer.status == step.status:
                _show(answer, context)
                return StepResult(message=attempt.success())
            message = f"answered {answer.status} {answer.reason}".rstrip() + f", expected {step.status}"
            said = last_line(answer.body)
            message += f": {said}" if said else ""
            if attempt.number == attempt.of:
                _show(answer, context)
        attempt.failed(message, context.outputs)
    prefix = f"no success in {step.poll.attempts} attempts; the last one: " if step.poll else ""
    raise StepFailed(f"{prefix}{step.method.upper()} {url} {message}")


def _show(answer: Answer, context: StepContext) -> None:
    context.outputs.note(f"{answer.status} {answer.reason}, {len(answer.body)} bytes".replace(" ,", ","))
    if answer.body:
        context.outputs.write("stdout", answer.body)
