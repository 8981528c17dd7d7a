"""Doing something again until it succeeds: at a fixed pace, or quickly at first and then slower."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from app.engine.steps.context import StepFailed, seconds
from app.engine.steps.output import StepOutputs
from registry.model import Poll

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
GROWTH = 1.6


@dataclass(frozen=True, slots=True)
class Attempt:
    """One of several tries."""

    number: int
    of: int

    def success(self) -> str:
        """Return what there is to say about the success."""
        return f"at attempt {self.number} of {self.of}" if self.number > 1 else ""

    def failed(self, message: str, outputs: StepOutputs) -> None:
        """Tell that this try failed, where there is more than one."""
        if self.of > 1:
            outputs.note(f"attempt {self.number} of {self.of}: {message}")


async def attempts(poll: Poll | None) -> AsyncIterator[Attempt]:
    """Yield as many attempts as ``poll`` grants, its interval apart; one without ``poll``."""
    count = max(1, poll.attempts) if poll else 1
    for number in range(1, count + 1):
        if number > 1 and poll is not None:
            await asyncio.sleep(poll.interval)
        yield Attempt(number, count)


async def until_ready(probe: Callable[[float], Awaitable[str]], *, what: str, timeout: float) -> int:
    """Call ``probe`` until it returns nothing, with growing pauses.

    Args:
        probe: Called with the seconds left; returns what is still wrong.
        what: What is waited for, in messages.
        timeout: Seconds to go on for.

    Returns:
        How many probes it took.

    Raises:
        StepFailed: the time is up; the message has the last answer.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    pause, tries, answer = FIRST_PAUSE, 0, "none yet"
    while True:
        tries += 1
        left = deadline - loop.time()
        if left > 0:
            try:
                async with asyncio.timeout(left):
                    answer = await probe(left)
            except TimeoutError:
                answer = f"{answer} (a probe was still running)"
            if not answer:
                return tries
        left = deadline - loop.time()
        if left <= 0:
            raise StepFailed(f"{what} was not ready within {seconds(timeout)}; last answer: {answer}")
        await asyncio.sleep(min(pause, left))
        pause = min(pause * GROWTH, LONGEST_PAUSE)
