"""Running a test again without what came before: from a checkpoint of an earlier run, or its kept machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.engine.api import RunOptions
from app.engine.checkpoints import Checkpoints, short_name
from app.engine.events import Notice, PlannedTest
from app.engine.log import LOG_NAME, log_is_live, replay
from app.engine.plan import Plan, PlanError, PlanItem
from app.engine.shake import set_up_end
from app.engine.state import RunState
from registry.model import Test


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where a test can begin instead of at its first step."""

    snapshot: str = ""
    """The checkpoint to fork."""
    machine: str = ""
    """The kept machine to use as it is; only where there is no checkpoint."""


class Again:
    """Finds where tests can begin again. All methods block: call them off the event loop.

    Args:
        checkpoints: Where checkpoints are.
        runs: Folder of past runs.
        last_runs: Id of the last run of each test, by its name.
    """

    def __init__(self, checkpoints: Checkpoints, runs: Path, last_runs: Mapping[str, str]) -> None:
        self._checkpoints = checkpoints
        self._runs = runs
        self._last_runs = last_runs
        self._states: dict[str, RunState] = {}

    def plan(self, plan: Plan, options: RunOptions) -> Plan:
        """Let the selected tests of a plan begin at a later step.

        Raises:
            PlanError: a test cannot begin where it was asked to.
        """
        if options.from_step is not None:
            return self._from_step(plan, options.from_step)
        items, notices = [], list(plan.notices)
        for item in plan.items:
            if item.test is None or item.error is not None or not item.selected:
                items.append(item)
                continue
            at = set_up_end(item.test)
            found, why = self.find(item, item.test, at, kept=True) if at else (None, "it has no set-up")
            if found is not None:
                items.append(begin_at(item, item.test, at, found))
                continue
            items.append(replace(item, save_at=at or None))
            left = "; this run leaves a checkpoint for the next time" if at else ""
            notices.append(Notice(level="info", message=f"{item.name} runs whole: {why}{left}"))
        return replace(plan, items=_needed(items), notices=tuple(notices))

    def _from_step(self, plan: Plan, number: int) -> Plan:
        chosen = [item for item in plan.items if item.selected]
        if len(chosen) != 1:
            raise PlanError(
                f"a run from a step is of one test, but {len(chosen)} are selected",
                remedy="give the test's whole name",
            )
        (item,) = chosen
        if item.test is None or item.error is not None:
            return plan
        if number > len(item.test.steps):
            raise PlanError(
                f"{item.name} has no step {number}", remedy=f"give a number from 1 to {len(item.test.steps)}"
            )
        if number == 1:
            return plan
        found, why = self.find(item, item.test, number - 1)
        if found is None:
            others = [n for n in self.numbers(item, item.test) if n != number]
            raise PlanError(
                f"{item.name} cannot begin at step {number}: {why}",
                remedy=f"it can begin at step {', '.join(map(str, others))}"
                if others
                else f"vmbench run --checkpoints {item.name} leaves checkpoints when it fails",
            )
        rest = [other for other in plan.items if other is not item]
        return replace(plan, items=_needed([*rest, begin_at(item, item.test, number - 1, found)]))

    def find(self, item: PlanItem, test: Test, index: int, *, kept: bool = False) -> tuple[Found | None, str]:
        """Return where a test can begin at a step, or why it cannot.

        Args:
            item: Its plan.
            test: The test.
            index: Of the step, from 0.
            kept: Whether the machine that its last run left will do.
        """
        why = f"there is no checkpoint from before step {index + 1}"
        for snapshot, run in self._saved(test.name, index):
            changed = self._changed(run, item.planned, index)
            if not changed:
                return Found(snapshot=snapshot), ""
            why = changed
        last = self._last_runs.get(test.name, "")
        if kept and last:
            left = self._planned(last, test.name)
            machine = left[1] if left is not None else ""
            if machine and not self._changed(last, item.planned, index):
                return Found(machine=machine), ""
        return None, why

    def numbers(self, item: PlanItem, test: Test) -> list[int]:
        """Return the numbers, from 1, of the steps at which a test can begin."""
        return [at + 1 for at in range(len(test.steps)) if self.find(item, test, at)[0] is not None]

    def _saved(self, test: str, index: int) -> list[tuple[str, str]]:
        """Return name and run of the checkpoints before a step, the newest first."""
        short = short_name(test)
        there = [c for c in self._checkpoints.names() if c.test == short and c.index == index]
        over = [c for c in there if not log_is_live(self._runs / c.run / LOG_NAME)]
        return [(c.name, c.run) for c in reversed(over)]

    def _changed(self, run: str, planned: PlannedTest, index: int) -> str:
        """Say what is not as it was in a run, up to a step; empty when nothing is."""
        before = self._planned(run, planned.name)
        if before is None:
            return f"the run {run}, which left its checkpoint, is gone"
        was = before[0]
        if (was.file, was.backend, was.memory, was.cpus) != (
            planned.file,
            planned.backend,
            planned.memory,
            planned.cpus,
        ):
            return "its machine is another one since"
        for number, (old, new) in enumerate(zip(was.steps[:index], planned.steps[:index], strict=False), 1):
            if old != new:
                return f"step {number} was changed since"
        return "" if len(was.steps) >= index else f"the run {run} had fewer steps"

    def _planned(self, run: str, test: str) -> tuple[PlannedTest, str] | None:
        """Return how a test was planned in a run, and the machine that it left."""
        state = self._states.get(run)
        if state is None:
            state = RunState()
            try:
                state.apply_all(replay(self._runs / run / LOG_NAME))
            except OSError:
                return None
            self._states[run] = state
        found = state.tests.get(test)
        return None if found is None else (found.plan, found.kept.machine if found.kept else "")


def begin_at(item: PlanItem, test: Test, index: int, found: Found) -> PlanItem:
    """Return the plan of a test that begins at a step, in a fork or in its kept machine."""
    return replace(
        item,
        planned=replace(item.planned, first=index),
        # A kept machine is used up by an attempt, so there is no second one.
        test=test if found.snapshot else replace(test, retries=0),
        first=index,
        snapshot=found.snapshot,
        machine=found.machine,
        after=(),
    )


def _needed(items: Sequence[PlanItem]) -> tuple[PlanItem, ...]:
    """Leave out what only tests that begin later depended on."""
    by_name = {item.name: item for item in items}
    wanted: set[str] = set()
    to_do = [item.name for item in items if item.selected]
    while to_do:
        name = to_do.pop()
        if name in by_name and name not in wanted:
            wanted.add(name)
            to_do += by_name[name].depends_on
    return tuple(item for item in items if item.name in wanted)
