"""The engine: loads a registry, starts runs in the background, and cleans up behind them."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import importlib.metadata
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import cast

from app.engine.admission import Admission
from app.engine.again import Again
from app.engine.api import LastResult, RunOptions
from app.engine.checkpoints import CheckpointBudget, Checkpoints
from app.engine.history import KEPT_RUNS, ResultIndex, prune_runs
from app.engine.log import LOG_NAME, EventLog
from app.engine.machines import take_up
from app.engine.masking import Masker, secrets_of
from app.engine.memory import available_memory
from app.engine.offload import Writer, off_loop, unbroken
from app.engine.plan import Plan, PlanError, make_plan
from app.engine.pool import auto_parallel
from app.engine.rewind import RewindError, Rewound, find_moment, put_script, script_of
from app.engine.run import Run, RunSetup
from app.engine.shake import shaken_plan
from backends.base import Backend, BackendError, Machine, PhaseSink, UnknownMachine
from backends.snapshots import SnapshotStore
from registry.model import Keep, Registry

LEAST_ROOM = 64 << 10
"""Bytes that a run needs to begin."""
MOST_WORDS = 8
"""Names and filters that a run's selection is told with, at most."""
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class Engine:
    """Fulfils ``app.engine.api.EngineApi``.

    Args:
        registry_loader: Reads the registry from disk.
        backends: All backends by name.
        default_backend: Of tests that name none.
        runs_folder: Where runs get their folders.
        state_folder: What all vmbench processes of the user share: memory leases, last results.
        default_keep: Keep policy of tests that have none.
        default_parallel: Machines at once, where a run does not say; ``None`` for automatic.
        default_retry_errors: Tries again after an error, where a run does not say.
        reserve: MiB left to the host; ``None`` for a tenth of its memory, at least 512.
        available: Returns the MiB that can be taken now.
        snapshots: Where checkpoints are saved; without it there are none.
        checkpoint_budget: What all checkpoints may take together.
        secrets: Variables of the environment whose values are masked in every run.
        kept_runs: How many past runs are left.
    """

    def __init__(
        self,
        registry_loader: Callable[[], Registry],
        backends: Mapping[str, Backend],
        default_backend: str,
        runs_folder: Path,
        state_folder: Path,
        *,
        default_keep: Keep = Keep.NEVER,
        default_parallel: int | None = None,
        default_retry_errors: int = 0,
        reserve: int | None = None,
        available: Callable[[], int] = available_memory,
        snapshots: SnapshotStore | None = None,
        checkpoint_budget: CheckpointBudget = CheckpointBudget(),  # noqa: B008 - frozen
        secrets: Sequence[str] = (),
        kept_runs: int = KEPT_RUNS,
    ) -> None:
        self._secrets = tuple(secrets)
        self._kept_runs = kept_runs
        self._load = registry_loader
        self._backends = backends
        self._default_backend = default_backend
        self._runs_folder = runs_folder
        self._default_keep = default_keep
        self._default_parallel = default_parallel
        self._default_retry_errors = default_retry_errors
        self._admission = Admission(state_folder, reserve=reserve, available=available)
        self._index = ResultIndex(state_folder)
        self._registry: Registry | None = None
        self._checkpoints = (
            None if snapshots is None else Checkpoints(snapshots, runs_folder, checkpoint_budget)
        )
        self._runs: set[Run] = set()
        self._tidying: asyncio.Task[None] | None = None
        self._closed = False

    def load(self) -> Registry:
        """Read the registry again from disk. Blocking: call it off the event loop."""
        self._registry = registry = self._load()
        return registry

    def last_results(self) -> Mapping[str, LastResult]:
        """Return each test's last result by its name, of the registry loaded last. Blocking."""
        return self._index.last_results(str(self._registry.root) if self._registry is not None else None)

    def recent_results(self) -> Mapping[str, tuple[LastResult, ...]]:
        """Return each test's last few results, oldest first, of the registry loaded last. Blocking."""
        return {} if self._registry is None else self._index.recent(str(self._registry.root))

    async def start(self, registry: Registry, options: RunOptions) -> Run:
        """Plan and start a run in the background.

        Raises:
            PlanError: nothing is selected.
            HostNotAble: no backend that the tests need works on this host.
            BackendError: the run's folder cannot be made.
        """
        self._refuse_when_closed()
        if options.parallel is not None and options.parallel < 1:
            raise PlanError(
                f"{options.parallel} machines at once cannot run anything", remedy="give a number from 1 up"
            )
        again = options.retest or options.from_step is not None
        if self._checkpoints is None and (options.checkpoints or options.shake is not None or again):
            raise BackendError("this vmbench has nowhere to save checkpoints")
        plan = await off_loop(make_plan, registry, options, self._backends, self._default_backend)
        if options.shake is not None:
            plan = shaken_plan(plan, options.shake, options.shake_step)
        if again and self._checkpoints is not None:
            plan = await off_loop(self._begin_later, plan, registry, options, self._checkpoints)
        room = await off_loop(self._admission.room)
        memories = [item.request.memory for item in plan.items if item.error is None]
        parallel = options.parallel or self._default_parallel or auto_parallel(memories, room)
        retry_errors = self._default_retry_errors if options.retry_errors is None else options.retry_errors
        masker = Masker(
            [
                *(os.environ.get(name, "") for name in self._secrets),
                *(
                    value
                    for item in plan.items
                    if item.test is not None
                    for values in secrets_of(item.test, registry.services).values()
                    for value in values
                ),
            ]
        )
        writer = Writer()
        try:
            folder = await writer.run(_make_run_folder, self._runs_folder)
            log = EventLog(folder / LOG_NAME, writer, masker=masker)
            await log.open()
            await writer.run(_see_room, folder)
        except OSError as error:
            await writer.close()
            raise BackendError(
                f"cannot make a run's folder in {self._runs_folder}: {error.strerror or error}",
                remedy="free some disk space, or point VMBENCH_STATE to a folder you can write to",
            ) from error
        setup = RunSetup(
            id=folder.name,
            folder=folder,
            registry=registry.root,
            services=registry.services,
            plan=plan,
            backends=self._backends,
            admission=self._admission,
            room=room,
            parallel=parallel,
            keep=options.keep,
            default_keep=self._default_keep,
            retry_errors=retry_errors,
            fail_fast=options.fail_fast,
            version=await off_loop(_version),
            selection=selection_words(options),
            checkpoints=self._checkpoints,
            save_checkpoints=options.checkpoints,
            masker=masker,
        )
        run = Run(setup, log, writer, self._index)
        if self._closed:
            await log.close()
            await writer.close()
            self._refuse_when_closed()
        self._runs.add(run)
        run.begin(self._runs.discard)
        if self._tidying is None:
            self._tidying = asyncio.create_task(self._tidy())
        return run

    def _begin_later(
        self, plan: Plan, registry: Registry, options: RunOptions, checkpoints: Checkpoints
    ) -> Plan:
        """Let tests begin after their set-up, or at a step. Blocking."""
        if options.shake is not None:
            raise PlanError("a shaken test cannot begin at a later step", remedy="leave one of the two out")
        last = {name: r.run for name, r in self._index.last_results(str(registry.root)).items()}
        planned = Again(checkpoints, self._runs_folder, last).plan(plan, options)
        checkpoints.held.update(item.snapshot for item in planned.items if item.snapshot)
        return planned

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise BackendError("vmbench is closing, so no more runs are started")

    async def _tidy(self) -> None:
        """Forget what is too old to be looked at; once in an engine's life."""
        with contextlib.suppress(OSError):
            needed: set[str] = set()
            if self._checkpoints is not None:
                await off_loop(self._checkpoints.reclaim)
                needed = {c.run for c in await off_loop(self._checkpoints.names)}
            await off_loop(prune_runs, self._runs_folder, self._kept_runs, needed)
            await off_loop(self._index.compact)

    async def rewind(
        self, test: str, step: int | None = None, *, on_phase: PhaseSink | None = None
    ) -> Rewound:
        """Fork the checkpoint before a step of the last run of a test; the new machine runs and is kept.

        Args:
            test: Its name.
            step: Number of the step, from 1; ``None`` for the one that failed.
            on_phase: Called with what the machine is going through.

        Raises:
            RewindError: the test did not run, or there is no such checkpoint.
            BackendError: the checkpoint cannot be forked.
        """
        self._refuse_when_closed()
        if self._checkpoints is None:
            raise RewindError("this vmbench has nowhere to look for checkpoints")
        registry = await off_loop(self.load) if self._registry is None else self._registry
        results = await off_loop(self.last_results)
        if test not in results:
            guesses = difflib.get_close_matches(test, list(results), n=1)
            raise RewindError(
                f"no test called {test!r} was run here",
                remedy=f"did you mean {guesses[0]}?" if guesses else "vmbench list shows the tests there are",
            )
        store = self._checkpoints.store
        there = {c.name for c in await off_loop(self._checkpoints.names)}
        moment = await off_loop(find_moment, self._runs_folder / results[test].run, test, step, there)
        record = await off_loop(store.get, moment.snapshot)
        backend = self._backends.get(record.backend)
        if backend is None:
            raise RewindError(f"the checkpoint is of the backend {record.backend!r}, which is not here")
        label = f"{test} before step {moment.index + 1}"
        on_wait = None if on_phase is None else partial(on_phase, "waiting")
        lease = await self._admission.acquire(record.memory, on_wait=on_wait)
        try:
            machine = await backend.fork(moment.snapshot, label=label)
            try:
                await lease.bind(machine.folder)
                await machine.start(on_phase=on_phase)
                typed = await put_script(machine, moment, script_of(moment, registry))
                await machine.keep(f"rewound to {label}")
            except BaseException:
                await unbroken(machine.remove())
                raise
        finally:
            await lease.release()
        return Rewound(
            test=test,
            run=moment.run,
            index=moment.index,
            action=moment.step.action,
            name=moment.step.name,
            command=moment.step.command,
            typed=typed,
            message=moment.step.message,
            snapshot=moment.snapshot,
            machine=machine,
        )

    async def adopt(self, machine: str) -> Machine:
        """Take up a kept machine, by its id or a prefix of it; whoever does releases it when done.

        A machine on which this engine runs a test is lent, by its whole id: the test goes on beside. One that
        another vmbench works with is walked into without a hold on it.

        Raises:
            UnknownMachine: there is none, or more than one.
            WrongState: another vmbench is just starting it.
        """
        for run in self._runs:
            lent = run.machine(machine)
            if lent is not None:
                return cast(Machine, Lent(lent))
        unknown: UnknownMachine | None = None
        for backend in self._backends.values():
            try:
                return await take_up(backend, machine)
            except UnknownMachine as error:
                unknown = error
        raise unknown or UnknownMachine(f"no machine is called {machine!r}")

    async def close(self) -> None:
        """Cancel what runs, and return when its machines are gone or kept."""
        self._closed = True
        runs = list(self._runs)
        for run in runs:
            run.cancel()
        await asyncio.gather(*(run.wait() for run in runs))
        if self._tidying is not None:
            await self._tidying


class Lent:
    """A machine that a test of this process runs on, for somebody beside the test: letting go does nothing.

    Args:
        machine: The machine.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def __getattr__(self, name: str) -> object:
        return getattr(self._machine, name)

    async def release(self) -> None:
        """Leave it to the test."""


def selection_words(options: RunOptions) -> str:
    """Return what was asked for, in a few words; empty for everything."""
    words = [*options.filters, *(options.names or ())]
    more = len(words) - MOST_WORDS
    return " ".join(words[:MOST_WORDS]) + (f" and {more} more" if more > 0 else "")


def run_id(now: float | None = None) -> str:
    """Return an id for a run: sorted by time and readable, such as ``20261120-174211-k3f9``."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    return f"{stamp}-{''.join(secrets.choice(_LETTERS) for _ in range(4))}"


def _make_run_folder(runs: Path) -> Path:
    runs.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        folder = runs / run_id()
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            return folder


def _see_room(folder: Path) -> None:
    """See that a run's first events have room; where not, its folder goes again.

    Raises:
        OSError: they have none.
    """
    probe = folder / ".room"
    try:
        probe.write_bytes(bytes(LEAST_ROOM))
        probe.unlink()
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _version() -> str:
    try:
        return importlib.metadata.version("vmbench")
    except importlib.metadata.PackageNotFoundError:
        return ""
