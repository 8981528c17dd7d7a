"""The engine as its faces see it: what the workbench and the command line call, and tests inject."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from app.engine.events import RunFinished, Stamped
    from app.engine.outcome import Outcome
    from app.engine.rewind import Rewound
    from backends.base import Machine, PhaseSink
    from registry.keep import Keep
    from registry.model import Registry


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
    retry_errors: int | None = None
    """How often a test that ended in ``error`` is tried again; ``None`` for the engine's default."""
    backend: str | None = None
    """Overrides every test's own backend."""
    fail_fast: bool = False
    """Start nothing more after the first failure."""
    shuffle: int | None = None
    """Seed of a shuffled order; ``None`` for the registry's order."""
    cold: bool = False
    """Boot every machine, even where a template could be forked."""
    checkpoints: bool = False
    """Save a snapshot of the machine before each step, so that a failed test can be rewound."""
    shake: int | None = None
    """Run each test up to a step, fork that moment so many times and run the rest in each fork."""
    shake_step: int | None = None
    """Number, from 1, of the step before which a shaken test is forked; ``None`` for the first step that is
    no set-up."""
    from_step: int | None = None
    """Number, from 1, of the step at which the one selected test begins, in a fork of a checkpoint."""
    retest: bool = False
    """Leave out each test's set-up where a checkpoint of its end, or its kept machine, is there; where none
    is, leave such a checkpoint."""


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

    def keep(self, test: str, wanted: bool | None) -> None:
        """Keep or remove a test's machine when the test is over, whatever its policy says.

        Args:
            test: Its name.
            wanted: Whether to keep it; ``None`` leaves it to the policy again.
        """
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

    def recent_results(self) -> Mapping[str, tuple[LastResult, ...]]:
        """Return each test's last few results by its name, oldest first. Blocking: call it off the loop."""
        ...

    async def start(self, registry: Registry, options: RunOptions) -> RunHandle:
        """Plan and start a run in the background.

        Raises:
            app.engine.plan.PlanError: nothing is selected.
            backends.base.HostNotAble: no backend that the tests need works on this host.
        """
        ...

    async def rewind(
        self, test: str, step: int | None = None, *, on_phase: PhaseSink | None = None
    ) -> Rewound:
        """Fork the checkpoint before a step of the last run of a test; the new machine runs and is kept.

        Args:
            test: Its name.
            step: Number of the step, from 1; ``None`` for the one that failed.
            on_phase: Called with what the machine is going through.

        Raises:
            app.engine.rewind.RewindError: the test did not run, or there is no such checkpoint.
            BackendError: the checkpoint cannot be forked.
        """
        ...

    async def adopt(self, machine: str) -> Machine:
        """Take up a kept machine, by its id or a prefix of it; whoever does releases it when done.

        A machine on which this engine runs a test is lent, by its whole id: the test goes on beside.

        Raises:
            backends.base.UnknownMachine: there is none, or more than one.
            backends.base.WrongState: a living vmbench is running a test on it.
        """
        ...

    async def close(self) -> None:
        """Cancel what runs, and return when its machines are gone or kept."""
        ...
