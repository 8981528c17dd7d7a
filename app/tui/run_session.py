"""A run as the workbench follows it: its events reduced to a state, and one wake-up for many of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from app.engine.api import LastResult, RunHandle
from app.engine.events import Outcome
from app.engine.shake import setup_name
from app.engine.state import RunState, StepState, TestState
from app.tui.estimate import Estimate, remaining

SLICE = 200
"""Events taken in before keys get their turn again."""


class RunSession:
    """A run that was started, and what is known of it.

    Args:
        handle: The run.
        before: Last results by test name, from before the run.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self, handle: RunHandle, before: Mapping[str, LastResult], clock: Callable[[], float]
    ) -> None:
        self.handle = handle
        self.before = before
        self.state = RunState()
        self.cancelling: set[str] = set()
        """Tests somebody asked to cancel."""
        self.cancelling_all = False
        self.gone = False
        """Whether the run never ended: the process that executed it is gone."""
        self._clock = clock
        self._offset: float | None = None

    @property
    def active(self) -> bool:
        """Whether the run is not over."""
        return self.state.finished is None and not self.gone

    @property
    def replayed(self) -> bool:
        """Whether a past moment of a run that is over is shown."""
        return False

    @property
    def read_only(self) -> bool:
        """Whether another process executes the run, so that nothing of it can be stopped here."""
        return False

    @property
    def folder(self) -> Path:
        """The run's folder: event log and artifacts."""
        return self.handle.folder

    def now(self) -> float:
        """Return monotonic seconds since the run began, by this host's clock."""
        if self._offset is None or not self.active:
            return self.state.mono
        return max(self.state.mono, self._clock() - self._offset)

    def elapsed(self) -> float:
        """Return how long the run has taken so far, or took in all."""
        return self.state.finished.duration if self.state.finished else self.now()

    def estimate(self) -> Estimate | None:
        """Return how long the run still takes, where that can be told."""
        return remaining(self.state, self.before, self.now())

    def results(self) -> dict[str, LastResult]:
        """Return how the tests ended so far, by name; one that was skipped keeps its older result."""
        return {
            test.name: LastResult(
                outcome=test.result.outcome,
                duration=test.result.duration,
                time=self.state.started_time + (test.ended or 0.0),
                run=self.handle.id,
            )
            for test in self.state.tests.values()
            if test.result is not None and test.result.outcome is not Outcome.SKIPPED
        }

    def can_rewind(self, test: TestState) -> bool:
        """Whether there is a checkpoint of a test, or one that it was forked from."""
        setup = self.state.tests.get(setup_name(test.plan.shaken)) if test.plan.shaken else None
        return bool(test.checkpoints or (setup is not None and setup.checkpoints))

    def failed(self) -> list[TestState]:
        """Return the tests that ended in a failure or an error, in plan order."""
        bad = (Outcome.FAILED, Outcome.ERROR)
        return [t for t in self.state.tests.values() if t.outcome in bad]

    async def follow(self, changed: Callable[[], None]) -> None:
        """Take in the run's events until it ends; call ``changed`` after each."""
        taken = 0
        async for stamped in self.handle.follow(self.state.seq):
            # The smallest distance is that of the event that came with the least delay.
            distance = self._clock() - stamped.mono
            self._offset = distance if self._offset is None else min(self._offset, distance)
            self.state.apply(stamped)
            changed()
            taken += 1
            if taken % SLICE == 0:
                await asyncio.sleep(0)

    def cancel(self, test: str | None = None) -> None:
        """Cancel one test, or the run."""
        if test is None:
            self.cancelling_all = True
        else:
            self.cancelling.add(test)
        self.handle.cancel(test)

    def console_of(self, test: TestState) -> Path | None:
        """Return where the console of a test's machine is logged: live, or among the artifacts."""
        if not test.console:
            return None
        live = Path(test.console)
        if test.result is None or live.exists():
            return live
        saved = self.folder / test.result.artifacts / f"attempt-{test.result.attempt}" / "console.log"
        return saved if saved.exists() else live

    def consoles(self) -> list[tuple[str, Path]]:
        """Return the machines of the run, each with where its console is logged."""
        found = ((test.machine, self.console_of(test)) for test in self.state.tests.values())
        return [(machine, path) for machine, path in found if machine and path is not None]

    def step_places(self) -> list[tuple[str, int, str]]:
        """Return where steps began: the machine, bytes of its console, and what to call it."""
        return [
            (test.machine, step.console, f"{test.name}, step {number} {step.action} {step.name}".rstrip())
            for test in self.state.tests.values()
            for number, step in enumerate(test.steps, 1)
            if step.console is not None
        ]

    def outputs_of(self, step: StepState) -> list[Path]:
        """Return the files that hold all a step printed: its standard output, its errors, or both."""
        if not step.artifact:
            return []
        main = self.folder / step.artifact
        both = [main.with_suffix(".stdout"), main.with_suffix(".stderr")]
        return [path for path in dict.fromkeys([*both, main]) if path.is_file()]
