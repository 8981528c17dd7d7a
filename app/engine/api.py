"""The engine as its faces see it: what the workbench and the command line call, and tests inject."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.engine.events import Outcome, RunFinished, Stamped
from registry.model import Keep, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What to run and how."""

    filters: tuple[str, ...] = ()
    """Each narrows the selection: a substring of the name, ``tag:NAME``, or either after ``-`` to exclude."""
    names: tuple[str, ...] | None = None
    """Exact names, as the workbench's marks give; ``None`` for all that the filters leave."""
    parallel: int | None = None
    """Machines at once; ``None`` lets memory and cores decide."""
    keep: Keep | None = None
    """Overrides every test's own keep policy."""
    retry_errors: int = 0
    """How often a test that ended in ``error`` is tried again."""
    backend: str | None = None
    """Overrides every test's own backend."""
    fail_fast: bool = False
    """Start nothing more after the first failure."""
    shuffle: int | None = None
    """Seed of a shuffled order; ``None`` for the registry's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastResult:
    """How a test ended the last time it ran on this host."""

    outcome: Outcome
    duration: float
    time: float
    """Wall time at which it ended, in seconds since the epoch."""
    run: str


class RunHandle(Protocol):
    """A run that was started."""

    @property
    def id(self) -> str: ...

    @property
    def folder(self) -> Path: ...

    def follow(self, after: int = 0) -> AsyncIterator[Stamped]:
        """Yield the events with a sequence number above ``after``, old ones first, until the run ends."""
        ...

    def cancel(self, test: str | None = None) -> None:
        """Stop one test, or all of them; the events say when it is done. Idempotent."""
        ...

    async def wait(self) -> RunFinished:
        """Return when the run is over and its machines are gone or kept."""
        ...


class EngineApi(Protocol):
    """What every face calls."""

    def load(self) -> Registry:
        """Read the registry again from disk. Blocking: call it off the event loop."""
        ...

    def last_results(self) -> Mapping[str, LastResult]:
        """Return each test's last result by its name. Blocking: call it off the event loop."""
        ...

    async def start(self, registry: Registry, options: RunOptions) -> RunHandle:
        """Plan and start a run in the background.

        Raises:
            app.engine.plan.PlanError: nothing is selected.
            backends.base.HostNotAble: no backend that the tests need works on this host.
        """
        ...

    async def close(self) -> None:
        """Cancel what runs, and return when its machines are gone or kept."""
        ...
