"""One run: a plan being executed, its log, and the handle that faces hold."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.engine.admission import OVERHEAD, Admission
from app.engine.api import LastResult
from app.engine.attempt import Surroundings
from app.engine.attempt_checkpoints import forget_checkpoints
from app.engine.checkpoints import Checkpoints, checkpoint_name
from app.engine.commands import RunCommands
from app.engine.events import (
    Event,
    KeepWished,
    MachineKept,
    Notice,
    Outcome,
    RunFinished,
    RunStarted,
    Stamped,
    TestFinished,
)
from app.engine.history import ResultIndex, write_summary
from app.engine.images import ImageGate
from app.engine.log import EventLog
from app.engine.masking import Masker
from app.engine.offload import Writer
from app.engine.plan import Plan, PlanItem
from app.engine.pool import Pool
from app.engine.runner import TestRunner
from app.engine.shake import ShakeWatch
from backends.base import Backend, Machine
from backends.commands import Scope, scope
from registry.model import Keep, Service


@dataclass(frozen=True, kw_only=True)
class RunSetup:
    """Everything a run is made of."""

    id: str
    folder: Path
    registry: Path
    services: Mapping[str, Service]
    plan: Plan
    backends: Mapping[str, Backend]
    admission: Admission
    room: int
    """MiB that machines may take together."""
    parallel: int
    keep: Keep | None
    default_keep: Keep
    retry_errors: int
    fail_fast: bool
    version: str
    selection: str = ""
    """What was asked for, for people; empty for everything."""
    checkpoints: Checkpoints | None = None
    """Saves checkpoints; ``None`` where that cannot be."""
    save_checkpoints: bool = False
    """Whether one is saved before each step."""
    masker: Masker = field(default_factory=Masker)
    """Masks what its tests declare secret."""


class Run:
    """A run that was started; fulfils ``app.engine.api.RunHandle``.

    Args:
        setup: What it is made of.
        log: Its log, already open.
        writer: Does its file work.
        index: Takes the results.
    """

    def __init__(self, setup: RunSetup, log: EventLog, writer: Writer, index: ResultIndex) -> None:
        self._setup = setup
        self._log = log
        self._writer = writer
        self._index = index
        self._counts: Counter[Outcome] = Counter()
        self._kept: list[str] = []
        self._images = ImageGate(setup.backends)
        self._around = Surroundings(
            run=setup.id,
            folder=setup.folder,
            services=setup.services,
            backends=setup.backends,
            images=self._images,
            admission=setup.admission,
            writer=writer,
            emit=self._emit,
            keep=setup.keep,
            default_keep=setup.default_keep,
            retry_errors=setup.retry_errors,
            registry=str(setup.registry),
            checkpoints=setup.checkpoints,
            save_checkpoints=setup.save_checkpoints,
            masker=setup.masker,
        )
        self._shakes = ShakeWatch(item.planned for item in setup.plan.items)
        self._pool = Pool(
            setup.plan.items,
            parallel=setup.parallel,
            run=self._run_test,
            emit=self._emit,
            fail_fast=setup.fail_fast,
        )
        self._task: asyncio.Task[RunFinished] | None = None

    @property
    def id(self) -> str:
        """The run's id."""
        return self._setup.id

    @property
    def folder(self) -> Path:
        """The run's folder: event log and artifacts."""
        return self._setup.folder

    @property
    def done(self) -> bool:
        """Whether the run is over."""
        return self._task is not None and self._task.done()

    def begin(self, on_end: Callable[[Run], None]) -> None:
        """Start the run in the background; ``on_end`` is called when it is over."""
        started = RunStarted(
            run=self.id,
            registry=str(self._setup.registry),
            folder=str(self.folder),
            tests=tuple(item.planned for item in self._setup.plan.items),
            parallel=self._setup.parallel,
            memory=self._setup.room,
            version=self._setup.version,
            selection=self._setup.selection,
        )
        first = self._log.append(started)
        self._task = asyncio.create_task(self._execute(started, first.time), name=f"run {self.id}")
        self._task.add_done_callback(lambda _: on_end(self))

    async def follow(self, after: int = 0) -> AsyncIterator[Stamped]:
        """Yield the events with a sequence number above ``after``, old ones first, until the run ends."""
        async for stamped in self._log.follow(after):
            yield stamped

    def cancel(self, test: str | None = None) -> None:
        """Stop one test, or all of them; the events say when it is done. Idempotent."""
        self._pool.cancel(test)

    def keep(self, test: str, wanted: bool | None) -> None:
        """Keep or remove a test's machine when the test is over; ``None`` leaves it to the policy again."""
        if self.done or not any(item.name == test for item in self._setup.plan.items):
            return
        if wanted is None:
            self._around.wishes.pop(test, None)
        else:
            self._around.wishes[test] = wanted
        self._log.append(KeepWished(test=test, keep=wanted))

    def machine(self, name: str) -> Machine | None:
        """Return the machine with this id, if a test runs on it now; it is the run's to release."""
        return next((m for m in self._around.machines.values() if m.id == name), None)

    async def wait(self) -> RunFinished:
        """Return when the run is over and its machines are gone or kept."""
        assert self._task is not None
        return await asyncio.shield(self._task)

    async def _run_test(self, item: PlanItem) -> TestFinished:
        scope.set(Scope(run=self.id, test=item.name, mask=self._setup.masker.text))
        return await TestRunner(item, self._around).run()

    def _emit(self, event: Event) -> None:
        stamped = self._log.append(event)
        match event:
            case TestFinished():
                self._counts[event.outcome] += 1
                # A test that was not run keeps the result of the last time it was.
                if event.outcome is not Outcome.SKIPPED:
                    result = LastResult(
                        outcome=event.outcome, duration=event.duration, time=stamped.time, run=self.id
                    )
                    self._writer.submit(self._remember, event.test, result)
                shaken = self._shakes.take(event)
                if shaken is not None:
                    self._log.append(shaken)
            case MachineKept():
                self._kept.append(event.machine)
            case _:
                pass

    def _remember(self, test: str, result: LastResult) -> None:
        with contextlib.suppress(OSError):
            self._index.add(str(self._setup.registry), test, result)

    async def _execute(self, started: RunStarted, time: float) -> RunFinished:
        for notice in self._setup.plan.notices:
            self._log.append(notice)
        self._warn_of_memory()
        scope.set(Scope(run=self.id, mask=self._setup.masker.text))
        noting = contextlib.ExitStack()
        noting.enter_context(RunCommands(self.id, self.folder, self._writer).listening())
        try:
            await self._pool.run()
        except Exception as error:
            # The pool turns everything into results; what comes here is a slip of its own.
            message = f"vmbench itself failed: {type(error).__name__}: {error}"
            self._log.append(Notice(level="warning", message=message))
        finally:
            await self._images.close()
        await self._end_shakes()
        noting.close()
        finished = RunFinished(
            run=self.id,
            passed=self._counts[Outcome.PASSED],
            failed=self._counts[Outcome.FAILED],
            errors=self._counts[Outcome.ERROR],
            skipped=self._counts[Outcome.SKIPPED],
            duration=round(self._log.mono, 6),
            cancelled=self._pool.all_cancelled,
            kept=tuple(self._kept),
        )
        # The summary comes first: whoever has seen the last event finds everything in place.
        with contextlib.suppress(OSError):
            await self._writer.run(write_summary, self.folder, started, time, finished)
        self._log.tell_failure()
        self._log.append(finished)
        await self._log.close()
        await self._writer.close()
        return finished

    async def _end_shakes(self) -> None:
        """Remove the checkpoints that were forked, unless a fork failed and can be rewound to it."""
        checkpoints = self._setup.checkpoints
        if checkpoints is None:
            return
        for item in self._setup.plan.items:
            checkpoints.held.discard(item.snapshot)
            if item.save_after and item.test is not None:
                name = checkpoint_name(self.id, item.name, len(item.test.steps))
                checkpoints.held.discard(name)
                if item.test.name not in self._shakes.failed:
                    await forget_checkpoints(self._around, item.name, [name], "passed")

    def _warn_of_memory(self) -> None:
        items = [item for item in self._setup.plan.items if item.error is None]
        if not items:
            return
        largest = max(items, key=lambda item: item.request.memory)
        if largest.request.memory + OVERHEAD > self._setup.room:
            message = (
                f"{largest.name} needs {largest.request.memory} MiB, but only {max(0, self._setup.room)} MiB "
                "are free for machines; what does not fit runs alone, once nothing else does"
            )
            self._log.append(Notice(level="warning", message=message))
