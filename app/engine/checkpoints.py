"""Checkpoints: snapshots that the runner saves between steps, their names, their cost and their end."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.engine.events import CheckpointSaved, Outcome
from app.engine.history import SUMMARY_NAME, read_summary
from app.engine.log import LOG_NAME, log_is_live, replay
from app.engine.offload import off_loop, unbroken
from app.engine.state import RunState
from backends.base import Machine
from backends.snapshots import SnapshotError, SnapshotStore

PREFIX = "ck"
SAVE_LIMIT = 120.0
"""Seconds after which a checkpoint is given up."""
LONGEST_TEST = 60
MIB = 1 << 20

_NAME = re.compile(rf"{PREFIX}\.(?P<run>[0-9a-z-]+)\.(?P<test>[A-Za-z0-9_-]+)\.(?P<index>\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointBudget:
    """How much all checkpoints of this host may take together."""

    count: int = 200
    size: int = 8192
    """MiB on the host's disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointName:
    """What a checkpoint's name says."""

    name: str
    run: str
    test: str
    """The test's name as far as it fits."""
    index: int
    """Of the step that comes next."""

    @classmethod
    def parse(cls, name: str) -> CheckpointName | None:
        """Read a snapshot's name; ``None`` if it is no checkpoint's."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        return cls(name=name, run=found["run"], test=found["test"], index=int(found["index"]))


def checkpoint_name(run: str, test: str, index: int) -> str:
    """Return the name of the checkpoint before a step of a test."""
    return f"{PREFIX}.{run}.{short_name(test)}.{index}"


def short_name(test: str) -> str:
    """Return a test's name as it stands in its checkpoints' names: readable, unique and not too long."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", test)
    if safe == test and len(safe) <= LONGEST_TEST:
        return safe
    digest = hashlib.sha256(test.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{safe[: LONGEST_TEST - 9]}-{digest}"


class Checkpoints:
    """Saves and removes checkpoints.

    Args:
        store: Where snapshots are.
        runs: Folder of past and present runs.
        budget: What all checkpoints may take.
    """

    def __init__(self, store: SnapshotStore, runs: Path, budget: CheckpointBudget) -> None:
        self.store = store
        self._runs = runs
        self._budget = budget
        self._sizes: dict[str, int] = {}
        """Bytes of each checkpoint, as far as this process knows."""
        self._owners: dict[str, tuple[str, str]] = {}
        """Run and test of each checkpoint that this process saved."""
        self.held: set[str] = set()
        """Checkpoints that are still to be forked; no budget removes them."""
        self._scanned = False
        self._turn = asyncio.Lock()

    async def save(self, machine: Machine, run: str, test: str, index: int) -> CheckpointSaved:
        """Save the machine as it is before a step.

        Raises:
            BackendError: it cannot be saved; the machine goes on as before.
        """
        name = checkpoint_name(run, test, index)
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(SAVE_LIMIT):
                await machine.save(name)
        except TimeoutError as error:
            raise SnapshotError(f"the checkpoint was not saved within {SAVE_LIMIT:g}s") from error
        duration = loop.time() - began
        size = await off_loop(self.store.size, name)
        self._sizes[name] = size
        self._owners[name] = (run, test)
        return CheckpointSaved(test=test, index=index, snapshot=name, duration=round(duration, 6), size=size)

    async def remove(self, names: Iterable[str]) -> tuple[str, ...]:
        """Remove checkpoints and return the names of those that were there."""
        return await unbroken(off_loop(self._remove, tuple(names)))

    def _remove(self, names: Sequence[str]) -> tuple[str, ...]:
        gone = []
        for name in names:
            self._sizes.pop(name, None)
            with contextlib.suppress(SnapshotError, OSError):
                self.store.remove(name)
                gone.append(name)
        return tuple(gone)

    async def supersede(self, registry: str, run: str, test: str, *, but: str = "") -> tuple[str, ...]:
        """Remove what earlier runs left of a test that has a newer result; return the names.

        Args:
            registry: The registry's folder.
            run: The newer run.
            test: The test.
            but: Name of a checkpoint that stays, since that run began from it.
        """
        return await unbroken(off_loop(self._supersede, registry, run, test, but))

    def _supersede(self, registry: str, run: str, test: str, but: str) -> tuple[str, ...]:
        short = short_name(test)
        older = [c for c in self.names() if c.test == short and c.run != run and c.name != but]
        return self._remove([c.name for c in older if self._is_of(c.run, registry)])

    def _is_of(self, run: str, registry: str) -> bool:
        """Whether a run is over and is of this registry, or is not known any more."""
        folder = self._runs / run
        if log_is_live(folder / LOG_NAME):
            return False
        summary = read_summary(folder)
        return summary is None or summary.registry == registry

    async def thin(self, dear: Iterable[str]) -> tuple[str, ...]:
        """Remove checkpoints until the rest fit the budget; return the names.

        The oldest go first; the last one of each test, which a rewind needs most, goes after all others.

        Args:
            dear: Checkpoints that stay, whatever the budget says.
        """
        async with self._turn:
            if self._scanned and self._fits():
                return ()
            return await unbroken(off_loop(self._thin, self.held | set(dear)))

    def by_test(self, names: Iterable[str], run: str) -> dict[str, tuple[str, ...]]:
        """Return which of these checkpoints this process saved of each test of a run."""
        found: dict[str, tuple[str, ...]] = {}
        for name in names:
            owner = self._owners.get(name)
            if owner is not None and owner[0] == run:
                found[owner[1]] = (*found.get(owner[1], ()), name)
        return found

    def _fits(self) -> bool:
        total = sum(self._sizes.values())
        return len(self._sizes) <= self._budget.count and total <= self._budget.size * MIB

    def _thin(self, dear: set[str]) -> tuple[str, ...]:
        # Other processes save and remove too: what is there now counts.
        there = sorted(self.names(), key=self._saved_at)
        self._sizes = {c.name: self.store.size(c.name) for c in there}
        self._scanned = True
        last = {(c.run, c.test): c.name for c in there}
        spare = [c.name for c in there if c.name != last[c.run, c.test]]
        gone: list[str] = []
        for name in [*spare, *last.values()]:
            if self._fits():
                break
            if name not in dear:
                gone += self._remove([name])
        return tuple(gone)

    def _saved_at(self, checkpoint: CheckpointName) -> int:
        with contextlib.suppress(OSError):
            return self.store.folder(checkpoint.name).stat().st_mtime_ns
        return 0

    def reclaim(self) -> list[str]:
        """Remove checkpoints of runs that were cut off, and of runs that are gone. Blocking.

        Those of tests that had failed by then stay, since they can be rewound.

        Returns:
            The names of the checkpoints removed.
        """
        by_run: dict[str, list[CheckpointName]] = {}
        for checkpoint in self.names():
            by_run.setdefault(checkpoint.run, []).append(checkpoint)
        gone: list[str] = []
        for run, checkpoints in by_run.items():
            folder = self._runs / run
            if log_is_live(folder / LOG_NAME) or (folder / SUMMARY_NAME).exists():
                continue
            failed = {short_name(t) for t in _failed_tests(folder)}
            gone += self._remove([c.name for c in checkpoints if c.test not in failed])
        return gone

    def names(self) -> list[CheckpointName]:
        """Return the checkpoints there are, damaged ones included, the oldest run's first. Blocking."""
        try:
            found = [CheckpointName.parse(entry.name) for entry in os.scandir(self.store.root)]
        except FileNotFoundError:
            return []
        return sorted((c for c in found if c is not None), key=lambda c: (c.run, c.test, c.index))


def _failed_tests(folder: Path) -> list[str]:
    state = RunState()
    with contextlib.suppress(OSError):
        state.apply_all(replay(folder / LOG_NAME))
    return [t.name for t in state.tests.values() if t.outcome in (Outcome.FAILED, Outcome.ERROR)]
