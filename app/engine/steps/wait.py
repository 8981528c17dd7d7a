"""``wait``: wait until a service is ready, asking quickly at first and then slower."""

from __future__ import annotations

from app.engine.steps.context import StepContext, StepResult, describe, expand, with_last_words
from app.engine.steps.guest_http import GuestHttp, NoAnswer
from app.engine.steps.polling import until_ready
from registry.model import ReadyCheck, WaitStep

PROBE_LIMIT = 10.0
"""Seconds after which a single probe is given up and repeated."""


async def wait(step: WaitStep, context: StepContext) -> StepResult:
    """Wait for the service's ``[ready]`` check; without one, for all of its ports to listen.

    Raises:
        StepFailed: it was not ready in time; the message has the last answer.
    """
    service = context.service(step.service)
    env = context.env(service.name)
    check = service.ready

    async def probe(left: float) -> str:
        limit = min(left, PROBE_LIMIT)
        if check is None:
            answers = [await _listens(context, port, limit) for port in service.ports.values()]
            return next((a for a in answers if a), "")
        if check.tcp is not None:
            return await _listens(context, check.tcp, limit)
        if check.exec is not None:
            result = await context.machine.exec(check.exec, env=env, timeout=limit)
            return "" if result.ok else with_last_words(describe(result, limit), result)
        return await _answers(context, check, env)

    tries = await until_ready(probe, what=service.name, timeout=step.timeout)
    return StepResult(message=f"ready at probe {tries}" if tries > 1 else "")


async def _listens(context: StepContext, port: int, limit: float) -> str:
    """Ask the guest's kernel whether anything listens on a TCP port; no tool in the guest is needed."""
    # Columns of proc_pid_net(5): local address:port, remote address:port, state 0A = listening.
    pattern = f":{port:04X} [0-9A-F]*:0000 0A "
    command = f"cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q '{pattern}'"
    result = await context.machine.exec(command, timeout=limit)
    return "" if result.ok else f"nothing listens on port {port}"


async def _answers(context: StepContext, check: ReadyCheck, env: dict[str, str]) -> str:
    assert check.http is not None
    url = expand(check.http, env, strict=True)
    try:
        async with GuestHttp(context.machine) as client:
            answer = await client.request("GET", url)
    except NoAnswer as error:
        return f"{url}: {error}"
    if answer.status == check.status:
        return ""
    return f"{url} answered {answer.status} {answer.reason}".rstrip() + f", expected {check.status}"
