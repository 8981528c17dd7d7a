"""A machine's state saved as a snapshot, and a snapshot laid back into a machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

from qemu.qmp import QMPError

from backends.base import BackendError, MachineState
from backends.files import move
from backends.qemu import disks, migration, monitor, transfer, waking
from backends.qemu.parts import Parts
from backends.snapshots import RAM, STATE, SnapshotRecord, SnapshotStore

RESTORING = "restoring"
"""File that names the snapshot while a restore is under way."""


async def save(parts: Parts, name: str) -> SnapshotRecord:
    """Save a machine that runs, is halted or is stopped; return what was saved.

    Raises:
        BackendError: it cannot be saved.
    """
    store = parts.around.snapshots
    if parts.held.record.state is MachineState.STOPPED:
        return await asyncio.to_thread(_save_stopped, parts, store, name)
    with store.saving(name) as folder:
        try:
            return await _save_live(parts, folder, name)
        except OSError as error:
            raise BackendError(
                f"cannot save {name}: {error.strerror or error}", remedy="free some disk space"
            ) from error


async def _save_live(parts: Parts, folder: Path, name: str) -> SnapshotRecord:
    held, control = parts.held, parts.channels.control
    frozen = held.record.layers
    turn = control.turn() if control is not None else contextlib.nullcontext()
    async with turn, monitor.monitor(parts.folder, timeout=120.0) as client:
        version = await monitor.version(client)
        if held.record.state is MachineState.RUNNING:
            await client.execute("stop")
        try:
            if frozen:
                await _add_layer(parts, client, frozen)
            await migration.save(client, folder / STATE, shared=False)
            record = await asyncio.to_thread(_lay, parts, folder, name, frozen, version)
        finally:
            if held.record.state is MachineState.RUNNING:
                await client.execute("cont")
    if held.record.state is MachineState.RUNNING and parts.channels.control is not None:
        with contextlib.suppress(BackendError):  # a clock that is behind is no reason to fail
            await waking.set_clock(parts.channels.control)
    return record


async def _add_layer(parts: Parts, client: monitor.Client, frozen: tuple[str, ...]) -> None:
    top = await asyncio.to_thread(disks.overlay, parts.folder, frozen[0])
    # Noted before it is so: if this process dies in between, the new layer is empty above the one
    # that the guest still writes to, and nothing is lost; the other way round its writes would be.
    parts.use_layers((top, *frozen))
    try:
        await client.execute(
            "blockdev-snapshot-sync",
            {"device": "disk0", "snapshot-file": top, "format": "qcow2", "mode": "existing"},
        )
    except QMPError:
        parts.use_layers(frozen)
        (parts.folder / top).unlink(missing_ok=True)
        raise


def _save_stopped(parts: Parts, store: SnapshotStore, name: str) -> SnapshotRecord:
    frozen = parts.held.record.layers
    with store.saving(name) as folder:
        record = _lay(parts, folder, name, frozen, "")
        if frozen:
            parts.use_layers((disks.overlay(parts.folder, frozen[0]), *frozen))
        return record


def _lay(parts: Parts, folder: Path, name: str, layers: tuple[str, ...], version: str) -> SnapshotRecord:
    """Link everything a fork needs beside its state, and write the record."""
    return transfer.lay_snapshot(parts.folder, parts.held.record, parts.launch, folder, name, layers, version)


async def save_template(parts: Parts, store: SnapshotStore, name: str) -> None:
    """Save the state of a guest whose memory is a file of its folder, and end it.

    Raises:
        BackendError: it cannot be saved.
    """
    control = await parts.channels.open_control()
    with store.saving(name) as folder:
        async with control.turn(), monitor.monitor(parts.folder, timeout=60.0) as client:
            version = await monitor.version(client)
            await client.execute("stop")
            await migration.save(client, folder / STATE, shared=True)
        # The guest must be gone before its memory is sealed: it writes to that very file.
        await parts.process.kill()
        ram = parts.folder / RAM
        ram.chmod(0o400)
        await asyncio.to_thread(move, ram, folder / RAM)
        await asyncio.to_thread(_lay, parts, folder, name, parts.held.record.layers, version)


def restore(parts: Parts, name: str) -> None:
    """Make a stopped machine what the snapshot was. Blocking.

    Raises:
        SnapshotError: there is no such snapshot, or it is damaged.
    """
    store = parts.around.snapshots
    store.get(name)
    # A restore that is cut short is done again by whoever takes the machine up.
    (parts.folder / RESTORING).write_text(name)
    take_over(parts, store, name)
    parts.held.update(parent=name)
    (parts.folder / RESTORING).unlink()


def restore_again(parts: Parts) -> None:
    """Do again a restore that was cut short, if one was. Blocking.

    Raises:
        SnapshotError: its snapshot is gone, or damaged.
    """
    if (parts.folder / RESTORING).exists():
        restore(parts, (parts.folder / RESTORING).read_text())


def take_over(parts: Parts, store: SnapshotStore, name: str, *, env: Mapping[str, str] | None = None) -> None:
    """Lay a snapshot's files into the machine's folder; its next start resumes from it. Blocking.

    Args:
        parts: The machine.
        store: Where the snapshot is.
        name: Its name.
        env: Variables that commands see, instead of the snapshot's.

    Raises:
        SnapshotError: there is no such snapshot, or it is damaged.
    """
    snapshot = store.get(name)
    changes = transfer.take_over(parts.folder, parts.held.record.id, snapshot, store.folder(name))
    if env is not None:
        changes["env"] = dict(env)
    parts.held.update(**changes)
    parts.launch = transfer.furnish_launch(parts.folder, parts.launch, snapshot, parts.held.record.layers)
