"""From a machine's folder to a snapshot's and back: what is linked, what is made anew, what is recorded."""

from __future__ import annotations

import dataclasses
import shutil
import time
from pathlib import Path

from backends import keys
from backends.base import MachineState
from backends.qemu import disks, furnish
from backends.qemu.argv import LaunchSpec
from backends.snapshots import STATE, SnapshotRecord, seal
from backends.store import MachineRecord


def lay_snapshot(
    source: Path,
    machine: MachineRecord,
    launch: LaunchSpec,
    folder: Path,
    name: str,
    layers: tuple[str, ...],
    version: str,
) -> SnapshotRecord:
    """Link into ``folder`` everything a fork needs beside the saved state, and write the record. Blocking."""
    furnish.lay_boot_files(folder, source / furnish.KERNEL, source / furnish.INITRAMFS)
    shutil.copyfile(source / furnish.HOST_KEY, folder / furnish.HOST_KEY)
    (folder / furnish.HOST_KEY).chmod(0o600)
    furnish.lay_layers(source, folder, layers)
    furnish.lay_console(source, folder)
    return seal(
        folder,
        SnapshotRecord(
            name=name,
            created=time.time(),
            machine=machine.id,
            label=machine.label,
            parent=machine.parent,
            backend=machine.backend,
            machine_type=launch.machine_type,
            accel=launch.accel,
            cpus=launch.cpus,
            memory=launch.memory,
            disk=machine.disk,
            image=machine.image,
            image_digest=machine.image_digest,
            cmdline=launch.cmdline,
            tsc_khz=launch.tsc_khz,
            qemu_version=version,
            host_key=machine.host_key,
            env=machine.env,
            with_ram=(folder / STATE).exists(),
            layers=layers,
        ),
    )


def take_over(folder: Path, machine: str, snapshot: SnapshotRecord, source: Path) -> dict[str, object]:
    """Lay a snapshot's files into a machine's folder; return the changes to its record. Blocking.

    Raises:
        BackendError: there is no room for them.
    """
    # The largest comes first: where it has no room, the folder is as it was.
    furnish.clear_resume(folder)
    if snapshot.with_ram:
        furnish.lay_resume(folder, source)
    for stale in (furnish.KERNEL, furnish.INITRAMFS):
        (folder / stale).unlink(missing_ok=True)
    for old in folder.glob("disk-*.qcow2"):
        old.unlink()
    furnish.lay_boot_files(folder, source / furnish.KERNEL, source / furnish.INITRAMFS)
    pair = keys.generate_for_host((source / furnish.HOST_KEY).read_bytes())
    furnish.lay_keys(folder, machine, pair)
    furnish.lay_layers(source, folder, snapshot.layers)
    layers = snapshot.layers
    if layers:
        layers = (disks.overlay(folder, layers[0]), *layers)
    if snapshot.with_ram:
        furnish.lay_console(source, folder, (snapshot.machine, machine))
    return {
        "state": MachineState.CREATED,
        "cpus": snapshot.cpus,
        "memory": snapshot.memory,
        "disk": snapshot.disk,
        "image": snapshot.image,
        "image_digest": snapshot.image_digest,
        "layers": layers,
        "base": snapshot.layers,
        "env": snapshot.env,
        "host_key": snapshot.host_key,
        "process": None,
        "ssh_port": None,
    }


def furnish_launch(
    folder: Path, launch: LaunchSpec, snapshot: SnapshotRecord, layers: tuple[str, ...]
) -> LaunchSpec:
    """Return, and write into the folder, how the snapshot's guest is started. Blocking."""
    changed = dataclasses.replace(
        launch,
        machine_type="microvm" if snapshot.machine_type == "microvm" else "q35",
        accel=snapshot.accel,
        cpus=snapshot.cpus,
        memory=snapshot.memory,
        kernel=furnish.KERNEL,
        initrd=furnish.INITRD,
        cmdline=snapshot.cmdline,
        tsc_khz=snapshot.tsc_khz,
        disk=layers[0] if layers else None,
        incoming=False,
        ram_file=None,
    )
    furnish.write_launch(folder, changed)
    return changed
