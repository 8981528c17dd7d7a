"""All snapshots of this user: where each comes from, what it takes, and what is done with it.

Templates are among them: they are made and used by themselves, and take room too.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from app.engine.checkpoints import CheckpointName
from app.engine.offload import off_loop, unbroken
from backends.counted import OnBytes
from backends.snapshots import STATE, SnapshotError, SnapshotRecord, SnapshotStore, check_name
from backends.store import OPERATION, MachineStore, held

RENAME_DEADLINE = 5.0
"""Seconds that a rename waits for whoever starts, stops or saves a machine that came of the snapshot."""

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
class TemplateView:
    """A template as it is listed: a booted image of one shape, from which machines are forked."""

    record: SnapshotRecord
    own: int
    """Bytes on disk that removing it gives back."""
    shared: int
    """Bytes on disk that machines or snapshots hold too."""
    used: float
    """When it was made or last forked, in seconds since the epoch."""

    @property
    def name(self) -> str:
        """Its name, which nobody gave it."""
        return self.record.name

    @property
    def shape(self) -> str:
        """What machines it is for."""
        record = self.record
        disk = f", {record.disk} MiB disk" if record.disk else ""
        return f"{record.cpus} CPU, {record.memory} MiB{disk}, {record.backend}/{record.accel}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Every snapshot, and what came of it."""

    snapshots: Sequence[SnapshotView] = ()
    """By name."""
    damaged: Mapping[str, str] = field(default_factory=dict)
    """Why each of the others cannot be used, by name."""
    forks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Ids of the machines that came from a snapshot, by its name."""
    templates: Sequence[TemplateView] = ()
    """What machines are forked from instead of booting, the newest first."""


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

    async def remove_template(self, name: str) -> int:
        """Delete a template; return the bytes it gave back. The next machine of its shape makes it anew."""
        ...

    async def rename(self, name: str, new: str) -> SnapshotRecord:
        """Call a snapshot otherwise; machines and snapshots that came of it keep it as their parent."""
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
        templates: The template folders.
    """

    def __init__(self, store: SnapshotStore, machines: MachineStore, templates: SnapshotStore) -> None:
        self.store = store
        self._machines = machines
        self._templates = templates

    def lineage(self) -> Lineage:
        """Return every snapshot. Blocking."""
        records, damaged = self.store.scan()
        forks: dict[str, list[str]] = {}
        for machine in self._machines.records():
            if machine.parent:
                forks.setdefault(machine.parent, []).append(machine.id)
        return Lineage(
            snapshots=[self._view(r) for r in records],
            damaged=damaged,
            forks=forks,
            templates=self.templates(),
        )

    def templates(self) -> list[TemplateView]:
        """Return the templates, the newest first. Blocking."""
        found = [self._template(record) for record in self._templates.records()]
        return sorted(found, key=lambda view: view.record.created, reverse=True)

    def _template(self, record: SnapshotRecord) -> TemplateView:
        own, shared = self._templates.sizes(record.name)
        used = record.created
        with contextlib.suppress(OSError):
            # Forks read it.
            used = max(used, (self._templates.folder(record.name) / STATE).stat().st_atime)
        return TemplateView(record=record, own=own, shared=shared, used=used)

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
        return await off_loop(_remove, self.store, name)

    async def remove_template(self, name: str) -> int:
        """Delete a template; return the bytes it gave back."""
        return await off_loop(_remove, self._templates, name)

    async def rename(self, name: str, new: str) -> SnapshotRecord:
        """Call a snapshot otherwise; machines and snapshots that came of it keep it as their parent."""
        await off_loop(self._check_rename, name, new)
        return await unbroken(self._rename(name, new))

    def _check_rename(self, name: str, new: str) -> None:
        self.store.get(name)
        if CheckpointName.parse(name) is not None:
            raise SnapshotError(
                f"{name} is a checkpoint: rewinding finds it by its name",
                remedy=f"fork it and save the fork: vmbench snapshot fork {name}",
            )
        if CheckpointName.parse(check_name(new)) is not None:
            raise SnapshotError(f"{new} is what a run calls its checkpoints", remedy="choose another name")
        if new == name:
            raise SnapshotError(f"the snapshot is called {name!r} already", remedy="choose another name")
        self.store.free(new)

    async def _rename(self, name: str, new: str) -> SnapshotRecord:
        forks = [m.id for m in await off_loop(self._machines.records) if m.parent == name]
        changed: list[str] = []
        async with contextlib.AsyncExitStack() as stack:
            for fork in forks:
                # Nobody else writes the machine's record meanwhile.
                lock = self._machines.root / fork / OPERATION
                with contextlib.suppress(FileNotFoundError):  # it was removed
                    await stack.enter_async_context(
                        held(lock, f"rename {name}: {fork} came of it", timeout=RENAME_DEADLINE)
                    )
                    changed.append(fork)
            try:
                for fork in changed:
                    await off_loop(self._machines.reparent, fork, new)
                return await off_loop(self.store.rename, name, new)
            except BaseException:
                for fork in changed:
                    await off_loop(self._machines.reparent, fork, name)
                raise

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


def _remove(store: SnapshotStore, name: str) -> int:
    freed = store.size(name)
    store.remove(name)
    return freed


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
