"""The engine: loads a registry, starts runs in the background, and cleans up behind them."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from app.engine.admission import Admission
from app.engine.api import LastResult, RunOptions
from app.engine.history import ResultIndex, prune_runs
from app.engine.log import LOG_NAME, EventLog
from app.engine.memory import available_memory
from app.engine.offload import Writer, off_loop
from app.engine.plan import PlanError, make_plan
from app.engine.pool import auto_parallel
from app.engine.run import Run, RunSetup
from backends.base import Backend, BackendError
from registry.model import Keep, Registry

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
        reserve: MiB left to the host; ``None`` for a tenth of its memory, at least 512.
        available: Returns the MiB that can be taken now.
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
        reserve: int | None = None,
        available: Callable[[], int] = available_memory,
    ) -> None:
        self._load = registry_loader
        self._backends = backends
        self._default_backend = default_backend
        self._runs_folder = runs_folder
        self._default_keep = default_keep
        self._default_parallel = default_parallel
        self._admission = Admission(state_folder, reserve=reserve, available=available)
        self._index = ResultIndex(state_folder)
        self._root: Path | None = None
        self._runs: set[Run] = set()
        self._tidying: asyncio.Task[None] | None = None
        self._closed = False

    def load(self) -> Registry:
        """Read the registry again from disk. Blocking: call it off the event loop."""
        registry = self._load()
        self._root = registry.root
        return registry

    def last_results(self) -> Mapping[str, LastResult]:
        """Return each test's last result by its name, of the registry loaded last. Blocking."""
        return self._index.last_results(str(self._root) if self._root is not None else None)

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
        plan = await off_loop(make_plan, registry, options, self._backends, self._default_backend)
        room = await off_loop(self._admission.room)
        memories = [item.request.memory for item in plan.items if item.error is None]
        parallel = options.parallel or self._default_parallel or auto_parallel(memories, room)
        writer = Writer()
        try:
            folder = await writer.run(_make_run_folder, self._runs_folder)
            log = EventLog(folder / LOG_NAME, writer)
            await log.open()
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
            retry_errors=options.retry_errors,
            fail_fast=options.fail_fast,
            version=await off_loop(_version),
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

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise BackendError("vmbench is closing, so no more runs are started")

    async def _tidy(self) -> None:
        """Forget what is too old to be looked at; once in an engine's life."""
        with contextlib.suppress(OSError):
            await off_loop(prune_runs, self._runs_folder)
            await off_loop(self._index.compact)

    async def close(self) -> None:
        """Cancel what runs, and return when its machines are gone or kept."""
        self._closed = True
        runs = list(self._runs)
        for run in runs:
            run.cancel()
        await asyncio.gather(*(run.wait() for run in runs))
        if self._tidying is not None:
            await self._tidying


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


def _version() -> str:
    try:
        return importlib.metadata.version("vmbench")
    except importlib.metadata.PackageNotFoundError:
        return ""
