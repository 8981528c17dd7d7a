"""How long a run will still take, told from how long its tests took before; silent when nothing is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.engine.api import LastResult
from app.engine.events import Outcome
from app.engine.state import RunState

_TELLING = (Outcome.PASSED, Outcome.FAILED)

OVERDUE = 2
"""Times what it took before, after which nothing is known any more of how long a test takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Seconds still to go, and whether that rests on knowledge or mostly on an average."""

    seconds: float
    rough: bool


def remaining(state: RunState, before: Mapping[str, LastResult], now: float) -> Estimate | None:
    """Return how long the run still takes.

    Args:
        state: The run so far.
        before: Last results by test name.
        now: Monotonic time within the run, in seconds.

    Returns:
        The estimate, or ``None`` when no test of the run ever took a known time, when all that are left take
        far longer than they should, or it is over.
    """
    if state.finished is not None or state.started is None:
        return None
    known = {n: r.duration for n, r in before.items() if n in state.tests and r.outcome in _TELLING}
    done = {t.name: t.result.duration for t in state.tests.values() if t.result and t.outcome in _TELLING}
    known |= done | _forks(state, before, done)
    if not known:
        return None
    typical = sum(known.values()) / len(known)
    left: list[float] = []
    guessed = overdue = 0
    for test in state.tests.values():
        if test.result is not None:
            continue
        guessed += test.name not in known
        whole = known.get(test.name, typical)
        spent = now - test.started if test.started is not None else 0.0
        overdue += spent > OVERDUE * whole + 1
        left.append(max(whole - spent, 0.0))
    if not left:
        return Estimate(seconds=0.0, rough=False)
    if overdue == len(left):
        return None
    at_once = max(1, min(state.started.parallel, len(left)))
    return Estimate(seconds=max(sum(left) / at_once, max(left)), rough=guessed * 2 > len(left))


def _forks(state: RunState, before: Mapping[str, LastResult], done: Mapping[str, float]) -> dict[str, float]:
    """Return how long forks take that are not over: as their siblings did, or the whole shaken test."""
    took: dict[str, list[float]] = {}
    for name, seconds in done.items():
        took.setdefault(state.tests[name].plan.shaken, []).append(seconds)
    found: dict[str, float] = {}
    for test in state.tests.values():
        shaken = test.plan.shaken
        if not shaken or test.name in done:
            continue
        if shaken in took:
            found[test.name] = sum(took[shaken]) / len(took[shaken])
        elif shaken in before and before[shaken].outcome in _TELLING:
            found[test.name] = before[shaken].duration
    return found
