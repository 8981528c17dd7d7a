"""All snapshots of this user: where each comes from, what it takes, and what is done with it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from app.engine.checkpoints import CheckpointName
from app.engine.offload import off_loop
from backends.counted import OnBytes
from backends.snapshots import SnapshotRecord, SnapshotStore, check_name
from backends.store import MachineStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotView:
    """A snapshot as it is listed."""

    record: SnapshotRecord
    folder: Path
    own: int
    """Bytes on disk that removing it gives back."""
    shared: int
    """Bytes on disk that machines or other snapshots hold too."""
    checkpoint: bool
    """Whether a run saved it."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.record.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Every snapshot, and what came of it."""

    snapshots: Sequence[SnapshotView] = ()
    """By name."""
    damaged: Mapping[str, str] = field(default_factory=dict)
    """Why each of the others cannot be used, by name."""
    forks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Ids of the machines that came from a snapshot, by its name."""


class SnapshotsApi(Protocol):
    """What faces do with snapshots; machines are made of them by ``MachinesApi``.

    All but the first raise ``BackendError`` with what to do about it.
    """

    def lineage(self) -> Lineage:
        """Return every snapshot. Blocking."""
        ...

    async def remove(self, name: str) -> int:
        """Delete a snapshot; return the bytes it gave back. Machines and other snapshots do not need it."""
        ...

    async def export(self, name: str, target: Path, on_bytes: OnBytes | None = None) -> int:
        """Write a snapshot as one file that does not exist yet; return its bytes. Cancelled, none is left.

        ``on_bytes`` is called in another thread.
        """
        ...

    async def import_(
        self, source: Path, name: str | None = None, on_bytes: OnBytes | None = None
    ) -> SnapshotRecord:
        """Read a snapshot that ``export`` wrote, under its own or another name.

        ``on_bytes`` is called in another thread.
        """
        ...


class Snapshots:
    """Fulfils ``SnapshotsApi``.

    Args:
        store: The snapshot folders.
        machines: The machine folders.
    """

    def __init__(self, store: SnapshotStore, machines: MachineStore) -> None:
        self.store = store
        self._machines = machines

    def lineage(self) -> Lineage:
        """Return every snapshot. Blocking."""
        records, damaged = self.store.scan()
        forks: dict[str, list[str]] = {}
        for machine in self._machines.records():
            if machine.parent:
                forks.setdefault(machine.parent, []).append(machine.id)
        return Lineage(snapshots=[self._view(r) for r in records], damaged=damaged, forks=forks)

    def _view(self, record: SnapshotRecord) -> SnapshotView:
        own, shared = self.store.sizes(record.name)
        return SnapshotView(
            record=record,
            folder=self.store.folder(record.name),
            own=own,
            shared=shared,
            checkpoint=CheckpointName.parse(record.name) is not None,
        )

    async def remove(self, name: str) -> int:
        """Delete a snapshot; return the bytes it gave back."""

        def work() -> int:
            freed = self.store.size(name)
            self.store.remove(name)
            return freed

        return await off_loop(work)

    async def export(self, name: str, target: Path, on_bytes: OnBytes | None = None) -> int:
        """Write a snapshot as one file that does not exist yet; return its bytes."""
        return await _cancellable(
            lambda tell: self.store.export(name, target, tell), on_bytes, undo=lambda _: target.unlink()
        )

    async def import_(
        self, source: Path, name: str | None = None, on_bytes: OnBytes | None = None
    ) -> SnapshotRecord:
        """Read a snapshot that ``export`` wrote, under its own or another name."""
        if name is not None:
            check_name(name)
        return await _cancellable(
            lambda tell: self.store.import_(source, name, tell),
            on_bytes,
            undo=lambda record: self.store.remove(record.name),
        )


class _Cancelled(Exception):
    """Ends the thread of a task that was cancelled."""


async def _cancellable(
    work: Callable[[OnBytes], T], on_bytes: OnBytes | None, *, undo: Callable[[T], None]
) -> T:
    """Do work on a large file in a thread of its own; a cancellation ends and undoes it."""
    over = threading.Event()

    def tell(done: int, total: int) -> None:
        if over.is_set():
            raise _Cancelled
        if on_bytes is not None:
            on_bytes(done, total)

    task = asyncio.ensure_future(asyncio.to_thread(work, tell))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        over.set()
        await asyncio.wait({task})
        if task.exception() is None:  # the cancellation came when all was done
            await off_loop(undo, task.result())
        raise
