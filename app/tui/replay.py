"""An engine that plays recorded events instead of running anything: for screenshots, trials and tests."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

from app.engine.api import LastResult, RunOptions
from app.engine.events import (
    Event,
    KeepWished,
    Outcome,
    RunFinished,
    RunStarted,
    Stamped,
    StepFinished,
    StepStarted,
    TestFinished,
    TestStarted,
)
from app.engine.rewind import RewindError, Rewound
from backends.base import Machine, PhaseSink, UnknownMachine
from registry.model import Registry


class ReplayRun:
    """A recorded run, released event by event.

    Args:
        events: The record, in order.
        folder: The run's folder.
        released: How many events are there from the start; ``None`` for all of them.
    """

    def __init__(self, events: Sequence[Stamped], folder: Path, *, released: int | None = None) -> None:
        self._events = list(events)
        self._folder = folder
        self._released = len(self._events) if released is None else released
        self._more = asyncio.Event()
        self.cancelled: list[str | None] = []
        """What was asked to be cancelled, in order; ``None`` for all."""
        self.wishes: list[tuple[str, bool | None]] = []
        """What was asked about machines, in order: a test, and whether its machine is kept."""

    @property
    def id(self) -> str:
        """The run's id, as recorded."""
        first = self._events[0].event if self._events else None
        return first.run if isinstance(first, RunStarted) else "replay"

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self._folder

    @property
    def over(self) -> bool:
        """Whether the last event was released."""
        return self._released >= len(self._events)

    @property
    def released(self) -> int:
        """How many events have happened."""
        return self._released

    def release(self, count: int | None = None) -> None:
        """Let the next ``count`` events happen, or all that are left."""
        self._released = (
            len(self._events) if count is None else min(len(self._events), self._released + count)
        )
        self._wake()

    def release_until(self, happened: Callable[[Event], bool]) -> None:
        """Let events happen up to and with the first one for which ``happened`` is true."""
        for index in range(self._released, len(self._events)):
            self._released = index + 1
            if happened(self._events[index].event):
                break
        self._wake()

    async def play(self, speed: float = 1.0) -> None:
        """Let the events happen in the rhythm in which they were recorded."""
        before = 0.0
        while not self.over:
            stamped = self._events[self._released]
            await asyncio.sleep(max(0.0, stamped.mono - before) / speed)
            before = stamped.mono
            self.release(1)

    async def follow(self, after: int = 0) -> AsyncIterator[Stamped]:
        """Yield the released events above ``after``, and wait for more until the record ends."""
        position = 0
        while True:
            while position < self._released:
                stamped = self._events[position]
                position += 1
                if stamped.seq > after:
                    yield stamped
            if self.over:
                return
            self._more.clear()
            await self._more.wait()

    def cancel(self, test: str | None = None) -> None:
        """Note the wish and end the run, or the test, as an engine would."""
        self.cancelled.append(test)
        if not self.over:
            self._cut(test)
            self._wake()

    def keep(self, test: str, wanted: bool | None) -> None:
        """Note the wish, and tell of it."""
        self.wishes.append((test, wanted))
        self._insert(KeepWished(test=test, keep=wanted))

    def _insert(self, event: Event) -> None:
        """Let an event happen that was not recorded."""
        last = self._events[max(0, self._released - 1)]
        happened = [*self._events[: self._released], dataclasses.replace(last, event=event)]
        coming = self._events[self._released :]
        self._events = [
            dataclasses.replace(stamped, seq=seq) for seq, stamped in enumerate([*happened, *coming], 1)
        ]
        self._released += 1
        self._wake()

    async def wait(self) -> RunFinished:
        """Return the run's end once it was released."""
        async for _stamped in self.follow():
            pass
        last = self._events[-1].event
        assert isinstance(last, RunFinished)
        return last

    def _wake(self) -> None:
        self._more.set()

    def _cut(self, test: str | None) -> None:
        """Replace what was not released yet by the end that a cancellation makes."""
        happened = [s.event for s in self._events[: self._released]]
        coming = [s.event for s in self._events[self._released :]]
        started = happened[0] if happened else self._events[0].event
        assert isinstance(started, RunStarted)
        over = {e.test for e in happened if isinstance(e, TestFinished)}
        begun = {e.test for e in happened if isinstance(e, TestStarted)}
        names = [p.name for p in started.tests if p.name not in over and test in (None, p.name)]
        ends: list[Event] = []
        for name in names:
            steps = [e for e in happened if isinstance(e, StepStarted) and e.test == name]
            done = {e.index for e in happened if isinstance(e, StepFinished) and e.test == name}
            if steps and steps[-1].index not in done:
                index = steps[-1].index
                ends.append(StepFinished(test=name, index=index, outcome=Outcome.SKIPPED, duration=0.0))
            message = "cancelled" if name in begun else "cancelled before it began"
            ends.append(TestFinished(test=name, outcome=Outcome.SKIPPED, duration=0.0, message=message))
        rest = [e for e in coming if getattr(e, "test", None) not in names]
        if test is None:
            rest = [e for e in rest if isinstance(e, RunFinished)]
        released = len(happened) + len(ends)
        outcomes = [e.outcome for e in [*happened, *ends, *rest] if isinstance(e, TestFinished)]
        rest[-1] = RunFinished(
            run=started.run,
            passed=outcomes.count(Outcome.PASSED),
            failed=outcomes.count(Outcome.FAILED),
            errors=outcomes.count(Outcome.ERROR),
            skipped=outcomes.count(Outcome.SKIPPED),
            duration=self._events[-1].mono,
            cancelled=test is None,
        )
        last = self._events[max(0, self._released - 1)]
        kept = self._events[: self._released]
        for event in [*ends, *rest]:
            kept.append(Stamped(seq=len(kept) + 1, time=last.time, mono=last.mono, event=event))
        self._events = kept
        self._released = len(kept) if test is None else released


class ReplayEngine:
    """Lists a registry and plays one record for every run that is started.

    Args:
        registry: What ``load`` returns; an exception is raised instead.
        results: Last results by test name.
        record: The events of a run; an exception is raised by ``start`` instead.
        folder: The run's folder.
        released: How many events of a run have happened when it starts; ``None`` for all.
        speed: Plays runs by themselves, this many times as fast as they were recorded.
    """

    def __init__(
        self,
        registry: Registry | Exception,
        *,
        results: Mapping[str, LastResult] | None = None,
        record: Sequence[Stamped] | Exception = (),
        folder: Path | None = None,
        released: int | None = 0,
        speed: float | None = None,
    ) -> None:
        self.registry = registry
        self.results = dict(results or {})
        self.record = record
        self.folder = folder or Path()
        self.released = released
        self.speed = speed
        self.runs: list[ReplayRun] = []
        self.started: list[RunOptions] = []
        """The options of every run that was started."""
        self.loads = 0
        self.closed = False
        self.recent: dict[str, tuple[LastResult, ...]] = {}
        """What ``recent_results`` returns."""
        self.rewound: dict[str, Rewound] = {}
        """What ``rewind`` returns, by test."""
        self.machines: dict[str, Machine] = {}
        """What ``adopt`` returns, by id."""
        self._players: set[asyncio.Task[None]] = set()

    def load(self) -> Registry:
        """Return the registry."""
        self.loads += 1
        if isinstance(self.registry, Exception):
            raise self.registry
        return self.registry

    def last_results(self) -> Mapping[str, LastResult]:
        """Return the last results."""
        return self.results

    def recent_results(self) -> Mapping[str, tuple[LastResult, ...]]:
        """Return what ``recent`` holds."""
        return self.recent

    async def start(self, registry: Registry, options: RunOptions) -> ReplayRun:
        """Begin to play the record."""
        if isinstance(self.record, Exception):
            raise self.record
        self.started.append(options)
        run = ReplayRun(self.record, self.folder, released=self.released)
        self.runs.append(run)
        if self.speed is not None:
            player = asyncio.create_task(run.play(self.speed))
            self._players.add(player)
            player.add_done_callback(self._players.discard)
        return run

    async def rewind(
        self, test: str, step: int | None = None, *, on_phase: PhaseSink | None = None
    ) -> Rewound:
        """Return what ``rewound`` holds for the test; a record alone has no checkpoints."""
        found = self.rewound.get(test)
        if found is None:
            raise RewindError(f"{test} is only played, so it cannot be rewound")
        return found

    async def adopt(self, machine: str) -> Machine:
        """Return what ``machines`` holds under this id; a record alone has no machines."""
        found = self.machines.get(machine)
        if found is None:
            raise UnknownMachine(f"{machine} is only played, so there is nothing to walk into")
        return found

    async def close(self) -> None:
        """Cancel what runs."""
        self.closed = True
        for player in self._players:
            player.cancel()
        for run in self.runs:
            if not run.over:
                run.cancel()
