"""The background workers of a run: which test starts when, what is skipped, and cancellation."""

from __future__ import annotations

import asyncio
import heapq
import os
from collections.abc import Awaitable, Callable, Sequence

from app.engine.admission import OVERHEAD
from app.engine.artifacts import safe_name
from app.engine.events import Event, Outcome, TestFinished
from app.engine.faults import explain
from app.engine.plan import PlanItem

MOST_WORKERS = 8
CANCELLED = "cancelled"
SLICE = 200
"""Results that are told in one go before others get their turn."""


def auto_parallel(memories: Sequence[int], room: int, cores: int | None = None) -> int:
    """Return how many machines to run at once: what memory and cores allow.

    Args:
        memories: Guest memory of each test in MiB.
        room: MiB that machines may take together.
        cores: CPU cores; ``None`` to ask the host.
    """
    if not memories:
        return 1
    typical = sum(memories) // len(memories) + OVERHEAD
    by_cores = 2 * (cores or os.cpu_count() or 1)
    return max(1, min(by_cores, room // typical, MOST_WORKERS, len(memories)))


class Pool:
    """Runs the tests of a plan, at most so many at once, each after those it depends on.

    Args:
        items: The plan's tests, in the order in which they start.
        parallel: Tests at once.
        run: Runs one test; cancelled when the test is.
        emit: Takes the results.
        fail_fast: Whether nothing more starts after the first failure.
    """

    def __init__(
        self,
        items: Sequence[PlanItem],
        *,
        parallel: int,
        run: Callable[[PlanItem], Awaitable[TestFinished]],
        emit: Callable[[Event], object],
        fail_fast: bool = False,
    ) -> None:
        self._items = {item.name: item for item in items}
        self._order = {item.name: at for at, item in enumerate(items)}
        self._parallel = parallel
        self._run_one = run
        self._emit = emit
        self._fail_fast = fail_fast
        self._results: dict[str, Outcome] = {}
        self._running: dict[str, asyncio.Task[TestFinished]] = {}
        self._cancelled: set[str] = set()
        self._stopped = ""
        """Why nothing more is started, once that is so."""
        self.all_cancelled = False
        self._blockers: dict[str, int] = {}
        self._dependents: dict[str, list[str]] = {}
        self._startable: list[int] = []
        self._names = list(self._items)
        self._changed = asyncio.Event()
        for item in items:
            blockers = [name for name in item.depends_on if name in self._items]
            self._blockers[item.name] = len(blockers)
            for name in blockers:
                self._dependents.setdefault(name, []).append(item.name)
            if not blockers:
                heapq.heappush(self._startable, self._order[item.name])

    async def run(self) -> None:
        """Return when every test has its result and every worker is done."""
        for at, item in enumerate(self._items.values()):
            if at % SLICE == 0:
                await asyncio.sleep(0)
            if item.error is not None and item.name not in self._results:
                self._finish(
                    TestFinished(
                        test=item.name, outcome=Outcome.ERROR, duration=0.0, message=explain(item.error)
                    )
                )
        workers = [asyncio.create_task(self._work()) for _ in range(max(1, self._parallel))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()

    def cancel(self, test: str | None = None) -> None:
        """Stop one test, or all of them and whatever was to come. Idempotent."""
        if test is None:
            self.all_cancelled = self.all_cancelled or len(self._results) < len(self._items)
            self._stopped = self._stopped or CANCELLED
        for name in list(self._running) if test is None else [test]:
            if name in self._results or name in self._cancelled or name not in self._items:
                continue
            self._cancelled.add(name)
            if name in self._running:
                self._running[name].cancel()
            else:
                self._skip(name, CANCELLED)
        self._changed.set()

    async def _work(self) -> None:
        while (item := await self._next()) is not None:
            loop = asyncio.get_running_loop()
            began = loop.time()
            task = asyncio.ensure_future(self._run_one(item))
            self._running[item.name] = task
            await asyncio.wait({task})
            del self._running[item.name]
            duration = round(loop.time() - began, 6)
            if task.cancelled():
                finished = TestFinished(
                    test=item.name,
                    outcome=Outcome.SKIPPED,
                    duration=duration,
                    message=CANCELLED,
                    artifacts=f"tests/{safe_name(item.name)}",
                )
            elif (error := task.exception()) is not None:
                finished = TestFinished(
                    test=item.name,
                    outcome=Outcome.ERROR,
                    duration=duration,
                    message=f"vmbench itself failed: {type(error).__name__}: {error}",
                )
            else:
                finished = task.result()
            self._finish(finished)

    async def _next(self) -> PlanItem | None:
        """Return the first test that can start, waiting for one; ``None`` when there will be none."""
        skipped = 0
        while True:
            while self._startable:
                item = self._items[self._names[heapq.heappop(self._startable)]]
                if item.name in self._results:
                    continue
                reason = self._stopped or self._unmet(item)
                if not reason:
                    return item
                self._skip(item.name, reason)
                skipped += 1
                if skipped % SLICE == 0:
                    await asyncio.sleep(0)
            if len(self._results) + len(self._running) >= len(self._items):
                return None
            if not self._running:
                for name in self._names:
                    if name not in self._results:
                        self._skip(name, "not started: it depends on itself, by way of other tests")
                return None
            self._changed.clear()
            await self._changed.wait()

    def _unmet(self, item: PlanItem) -> str:
        for name in item.depends_on:
            outcome = self._results.get(name)
            if outcome is not Outcome.PASSED:
                how = f"ended as {outcome}" if outcome is not None else "is not part of this run"
                return f"not started: {name}, which it depends on, {how}"
        return ""

    def _skip(self, name: str, reason: str) -> None:
        self._finish(TestFinished(test=name, outcome=Outcome.SKIPPED, duration=0.0, message=reason))

    def _finish(self, finished: TestFinished) -> None:
        self._results[finished.test] = finished.outcome
        self._emit(finished)
        if self._fail_fast and finished.outcome in (Outcome.FAILED, Outcome.ERROR) and not self._stopped:
            self._stopped = (
                f"not started: {finished.test} ended as {finished.outcome}, and the run fails fast"
            )
        for name in self._dependents.get(finished.test, ()):
            self._blockers[name] -= 1
            if self._blockers[name] == 0:
                heapq.heappush(self._startable, self._order[name])
        self._changed.set()
