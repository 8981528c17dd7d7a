"""One test, attempted as often as its retries allow, and its result."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict

from app.engine.artifacts import safe_name
from app.engine.attempt import Attempt, AttemptEnd, Surroundings
from app.engine.attempt_checkpoints import forget_checkpoints
from app.engine.attempt_runner import AttemptRunner
from app.engine.checkpoints import checkpoint_name
from app.engine.events import Outcome, TestFinished, TestRetried
from app.engine.plan import PlanItem
from backends.files import replace_text
from registry.model import Test


class TestRunner:
    """Runs one test, as often as its retries allow.

    Args:
        item: The planned test.
        around: What it shares with the run's other tests.
    """

    __test__ = False  # keeps pytest from collecting it

    def __init__(self, item: PlanItem, around: Surroundings) -> None:
        assert item.test is not None
        self._item = item
        self._test: Test = item.test
        self._around = around
        self._emit = around.emit
        self._folder = around.folder / "tests" / safe_name(item.name)

    async def run(self) -> TestFinished:
        """Run the test and return its result, which is not emitted yet.

        A cancellation passes through once the machine is gone.
        """
        failures, errors = self._test.retries, self._around.retry_errors
        if self._item.machine:
            failures = errors = 0  # a kept machine is as the attempt left it
        number = 0
        while True:
            number += 1
            left = {Outcome.FAILED: failures, Outcome.ERROR: errors}
            attempt = Attempt(
                item=self._item,
                test=self._test,
                around=self._around,
                folder=self._folder / f"attempt-{number}",
                number=number,
                retries_left=left,
            )
            end = await AttemptRunner(attempt).run()
            if left.get(end.outcome, 0) <= 0:
                if end.outcome is Outcome.PASSED and not self._item.save_after:
                    await self._forget_passed(end)
                return await self._result(end, number)
            await forget_checkpoints(self._around, self._item.name, end.checkpoints, "retried")
            failures -= end.outcome is Outcome.FAILED
            errors -= end.outcome is Outcome.ERROR
            self._emit(
                TestRetried(test=self._item.name, attempt=number, outcome=end.outcome, message=end.message)
            )

    async def _forget_passed(self, end: AttemptEnd) -> None:
        """Remove the checkpoints of a test that passed, but for the one that the next run begins from."""
        stays = self._item.save_at
        left = "" if stays is None else checkpoint_name(self._around.run, self._item.name, stays)
        names = [name for name in end.checkpoints if name != left]
        await forget_checkpoints(self._around, self._item.name, names, "passed")

    async def _result(self, end: AttemptEnd, attempt: int) -> TestFinished:
        finished = TestFinished(
            test=self._item.name,
            outcome=end.outcome,
            duration=end.duration,
            attempt=attempt,
            message=end.message,
            step=end.step,
            machine=end.machine,
            artifacts=str(self._folder.relative_to(self._around.folder)),
            console_tail=end.console_tail,
        )
        around = self._around
        if around.checkpoints is not None:
            await around.checkpoints.supersede(
                around.registry, around.run, self._item.name, but=self._item.snapshot
            )
        told, steps = around.masker.of(finished), around.masker.of(end.steps)
        text = json.dumps(asdict(told) | {"steps": [asdict(s) for s in steps]}, indent=1)
        with contextlib.suppress(OSError):
            await self._around.writer.run(replace_text, self._folder / "result.json", text)
        return finished
