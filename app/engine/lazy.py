"""An engine and a house that are made when first needed, so that the workbench is on the screen before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.engine.api import EngineApi, LastResult, RunHandle, RunOptions
    from app.engine.checkup import DoctorApi
    from app.engine.history import ResultIndex
    from app.engine.image_shelf import ImagesApi
    from app.engine.latency.lab import Lab
    from app.engine.machines_api import MachinesApi
    from app.engine.past import PastRuns
    from app.engine.rewind import Rewound
    from app.engine.snapshots import SnapshotsApi
    from app.settings_desk import SettingsDesk
    from backends.base import Machine, PhaseSink
    from registry.model import Registry


class LazyEngine:
    """Fulfils ``app.engine.api.EngineApi``; reading the registry and the last results needs no engine.

    Args:
        load: Reads the registry.
        make: Makes the engine. Blocking.
        state: State folder that all vmbench processes of the user share.
    """

    def __init__(self, load: Callable[[], Registry], make: Callable[[], EngineApi], state: Path) -> None:
        self._load = load
        self._make = make
        self._state = state
        self._root: str | None = None
        self._index: ResultIndex | None = None
        self._engine: EngineApi | None = None
        self._making: asyncio.Task[EngineApi] | None = None

    def load(self) -> Registry:
        """Read the registry again from disk. Blocking: call it off the event loop."""
        # A rewind takes a step's script from what the engine read last.
        registry = self._load() if self._engine is None else self._engine.load()
        self._root = str(registry.root)
        return registry

    def last_results(self) -> Mapping[str, LastResult]:
        """Return each test's last result by its name, of the registry loaded last. Blocking."""
        return self._results().last_results(self._root)

    def recent_results(self) -> Mapping[str, tuple[LastResult, ...]]:
        """Return each test's last few results, oldest first, of the registry loaded last. Blocking."""
        return {} if self._root is None else self._results().recent(self._root)

    def _results(self) -> ResultIndex:
        from app.engine.history import ResultIndex

        if self._index is None:
            self._index = ResultIndex(self._state)
        return self._index

    async def engine(self) -> EngineApi:
        """Return the engine, made in a thread if it is not there yet."""
        if self._making is None or (self._making.done() and self._making.exception() is not None):
            self._making = asyncio.create_task(asyncio.to_thread(self._made))
        return await asyncio.shield(self._making)

    def _made(self) -> EngineApi:
        self._engine = engine = self._make()
        engine.load()
        return engine

    async def start(self, registry: Registry, options: RunOptions) -> RunHandle:
        """Plan and start a run in the background; see ``EngineApi.start``."""
        return await (await self.engine()).start(registry, options)

    async def rewind(
        self, test: str, step: int | None = None, *, on_phase: PhaseSink | None = None
    ) -> Rewound:
        """Fork a checkpoint of a test; see ``EngineApi.rewind``."""
        return await (await self.engine()).rewind(test, step, on_phase=on_phase)

    async def adopt(self, machine: str) -> Machine:
        """Take up a kept machine; see ``EngineApi.adopt``."""
        return await (await self.engine()).adopt(machine)

    async def close(self) -> None:
        """Cancel what runs, and return when its machines are gone or kept."""
        if self._making is not None:
            try:
                engine = await asyncio.shield(self._making)
            except Exception:
                return  # it was never there
            await engine.close()


@dataclass(frozen=True, kw_only=True)
class Makers:
    """How the parts of a house are made. All block, shortly.

    Attributes:
        reclaim: Removes what nobody owns, and returns a line for each.
    """

    machines: Callable[[], MachinesApi]
    snapshots: Callable[[], SnapshotsApi]
    lab: Callable[[], Lab]
    settings: Callable[[], SettingsDesk]
    runs: Callable[[], PastRuns]
    images: Callable[[], ImagesApi]
    doctor: Callable[[], DoctorApi]
    reclaim: Callable[[], list[str]]


class LazyHouse:
    """Fulfils ``app.engine.house.HouseApi``; a part is made, and what it needs imported, when asked for.

    Args:
        makers: How they are made.
    """

    def __init__(self, makers: Makers) -> None:
        self._make = makers

    @cached_property
    def machines(self) -> MachinesApi:
        """The machines."""
        return self._make.machines()

    @cached_property
    def snapshots(self) -> SnapshotsApi:
        """The snapshots."""
        return self._make.snapshots()

    @cached_property
    def lab(self) -> Lab:
        """Takes and keeps measurements of latency."""
        return self._make.lab()

    @cached_property
    def settings(self) -> SettingsDesk:
        """The settings files and the keys file."""
        return self._make.settings()

    @cached_property
    def runs(self) -> PastRuns:
        """Past runs."""
        return self._make.runs()

    @cached_property
    def images(self) -> ImagesApi:
        """What machines boot."""
        return self._make.images()

    @cached_property
    def doctor(self) -> DoctorApi:
        """What this host can do."""
        return self._make.doctor()

    def furnish(self) -> list[str]:
        """Make every part that is not there yet; see ``HouseApi.furnish``. Blocking."""
        told = self._make.reclaim()
        for part in ("machines", "snapshots", "lab", "settings", "runs", "images", "doctor"):
            getattr(self, part)
        return told

    async def close(self) -> None:
        """Let go of what the house holds for this process."""
        if "machines" in vars(self):
            await self.machines.close()
