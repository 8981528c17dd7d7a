"""An engine that is made when it is first needed, so that the workbench is on the screen before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from app.engine.api import EngineApi, LastResult, RunHandle, RunOptions
from registry.model import Registry

if TYPE_CHECKING:
    from app.engine.history import ResultIndex
    from app.engine.rewind import Rewound
    from backends.base import Machine, PhaseSink


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
        self._making: asyncio.Task[EngineApi] | None = None

    def load(self) -> Registry:
        """Read the registry again from disk. Blocking: call it off the event loop."""
        registry = self._load()
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
        engine = self._make()
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
