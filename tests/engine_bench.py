"""An engine on the fake backend, and what is true of every run of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.engine.api import RunOptions
from app.engine.engine import Engine
from app.engine.events import Event, RunFinished, Stamped, TestFinished
from app.engine.log import LOG_NAME, replay
from app.engine.run import Run
from app.engine.state import RunState
from registry.model import Registry
from tests.fakes import FakeBackend, Script


@dataclass
class Bench:
    """What a test of the engine works with."""

    engine: Engine
    backend: FakeBackend
    runs: Path

    async def start(self, registry: Registry, **options: object) -> Run:
        return await self.engine.start(registry, RunOptions(**options))

    async def run(
        self, registry: Registry, scripts: Mapping[str, Script] | None = None, **options: object
    ) -> Done:
        self.backend.scripts.update(scripts or {})
        run = await self.start(registry, **options)
        return await finished(run)


@dataclass
class Done:
    """A run that is over."""

    run: Run
    summary: RunFinished
    stamped: list[Stamped]

    @property
    def events(self) -> list[Event]:
        return [s.event for s in self.stamped]

    def of(self, kind: type, test: str | None = None) -> list:
        return [e for e in self.events if isinstance(e, kind) and test in (None, getattr(e, "test", None))]

    def result(self, test: str) -> TestFinished:
        (found,) = self.of(TestFinished, test)
        return found

    @property
    def outcomes(self) -> dict[str, str]:
        return {e.test: e.outcome.value for e in self.of(TestFinished)}


async def finished(run: Run) -> Done:
    """Wait for a run, and check what is true of every run."""
    stamped = [s async for s in run.follow()]
    summary = await run.wait()
    assert [s.seq for s in stamped] == list(range(1, len(stamped) + 1))
    assert stamped[-1].event == summary
    assert list(replay(run.folder / LOG_NAME)) == stamped
    state = RunState()
    state.apply_all(stamped)
    counts = state.counts()
    assert (summary.passed, summary.failed, summary.errors, summary.skipped) == tuple(
        counts[o] for o in ("passed", "failed", "error", "skipped")
    )
    assert state.done == len(state.tests)
    return Done(run, summary, stamped)
