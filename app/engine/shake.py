"""Shaking: a test run up to a step once, and the rest of it many times in forks of that moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from app.engine.events import Outcome, PlannedTest, ShakeFinished, TestFinished
from app.engine.plan import Plan, PlanError, PlanItem
from registry.model import AddStep, CopyStep, Test, WaitStep

MOST_FORKS = 1000
MOST_CAUSES = 10


def setup_name(test: str) -> str:
    """Return the name under which a shaken test's first part runs."""
    return f"{test}#setup"


def fork_name(test: str, number: int) -> str:
    """Return the name of a shaken test's fork."""
    return f"{test}#{number}"


def shaken_plan(plan: Plan, forks: int, step: int | None) -> Plan:
    """Replace each selected test of a plan by its first part and ``forks`` times the rest.

    Tests that are only there because others depend on them are run as they are, before.

    Args:
        plan: The plan.
        forks: How many.
        step: Number of the step, from 1, before which to fork; ``None`` for the first that is no set-up.

    Raises:
        PlanError: the numbers make no sense.
    """
    if not 1 <= forks <= MOST_FORKS:
        raise PlanError(
            f"a test cannot be shaken {forks} times", remedy=f"give a number from 1 to {MOST_FORKS}"
        )
    items: list[PlanItem] = []
    whole = {item.name for item in plan.items if not _can_be_shaken(item)}
    for item in plan.items:
        if item.name in whole or item.test is None:
            items.append(item)
            continue
        at = _first_shaken(item.test, step)
        setup = _setup(item, item.test, at, tuple(name for name in item.depends_on if name in whole))
        items.append(setup)
        items += [_fork(item, item.test, at, setup.name, number) for number in range(1, forks + 1)]
    return replace(plan, items=tuple(items))


def _can_be_shaken(item: PlanItem) -> bool:
    return item.selected and item.test is not None and item.error is None


def _first_shaken(test: Test, step: int | None) -> int:
    """Return the index of the step before which the forks part."""
    if step is not None:
        if not 1 <= step <= len(test.steps):
            raise PlanError(
                f"{test.name} has no step {step}", remedy=f"give a number from 1 to {len(test.steps)}"
            )
        return step - 1
    return set_up_end(test)


def set_up_end(test: Test) -> int:
    """Return the index of a test's first step that is no set-up, or of its last one."""
    is_set_up = [
        isinstance(s, AddStep | WaitStep) or (isinstance(s, CopyStep) and not s.source.startswith("guest:"))
        for s in test.steps
    ]
    return is_set_up.index(False) if False in is_set_up else len(is_set_up) - 1


def _setup(item: PlanItem, test: Test, at: int, after: tuple[str, ...]) -> PlanItem:
    name = setup_name(item.name)
    return replace(
        item,
        planned=replace(item.planned, name=name, steps=item.planned.steps[:at]),
        test=replace(test, steps=test.steps[:at]),
        request=replace(item.request, label=name),
        after=after,
        save_after=True,
    )


def _fork(item: PlanItem, test: Test, at: int, setup: str, number: int) -> PlanItem:
    name = fork_name(item.name, number)
    return replace(
        item,
        planned=replace(item.planned, name=name, steps=item.planned.steps[at:], shaken=item.name),
        # A retry would hide what shaking is to find.
        test=replace(test, steps=test.steps[at:], retries=0),
        request=replace(item.request, label=name),
        after=(setup,),
        before=test.steps[:at],
        fork_of=setup,
    )


@dataclass
class _Forks:
    test: str
    total: int
    over: list[TestFinished] = field(default_factory=list)


class ShakeWatch:
    """Counts the forks of shaken tests as they end.

    Args:
        planned: The tests of the run.
    """

    def __init__(self, planned: Iterable[PlannedTest]) -> None:
        planned = list(planned)
        self._planned = {p.name: p for p in planned}
        totals = Counter(p.shaken for p in planned if p.shaken)
        self._forks = {test: _Forks(test, total) for test, total in totals.items()}
        self.failed: set[str] = set()
        """Shaken tests of which a fork failed so far."""

    def take(self, finished: TestFinished) -> ShakeFinished | None:
        """Take in a result; return the shaken test's own if it was the last of its forks."""
        planned = self._planned.get(finished.test)
        forks = self._forks.get(planned.shaken) if planned else None
        if forks is None:
            return None
        forks.over.append(finished)
        if finished.outcome in (Outcome.FAILED, Outcome.ERROR):
            self.failed.add(forks.test)
        if len(forks.over) < forks.total:
            return None
        return self._summary(forks)

    def _summary(self, forks: _Forks) -> ShakeFinished:
        counts = Counter(f.outcome for f in forks.over)
        return ShakeFinished(
            test=forks.test,
            forks=forks.total,
            passed=counts[Outcome.PASSED],
            failed=counts[Outcome.FAILED],
            errors=counts[Outcome.ERROR],
            skipped=counts[Outcome.SKIPPED],
            causes=self._causes(forks.over),
        )

    def _causes(self, over: Sequence[TestFinished]) -> tuple[str, ...]:
        bad = Counter(self._cause(f) for f in over if f.outcome in (Outcome.FAILED, Outcome.ERROR))
        return tuple(
            f"{count} times {cause}" if count > 1 else f"once {cause}"
            for cause, count in bad.most_common(MOST_CAUSES)
        )

    def _cause(self, finished: TestFinished) -> str:
        said = finished.message.partition("\n")[0]
        if finished.step is None:
            return said
        planned = self._planned[finished.test]
        first = self._planned.get(setup_name(planned.shaken))
        number = (len(first.steps) if first else 0) + finished.step + 1
        return f"step {number} ({planned.steps[finished.step].name}): {said}"
