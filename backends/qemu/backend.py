"""The backends ``microvm`` and ``qemu``: one QEMU core, two machine types."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import platform
import time
from collections.abc import Callable, Mapping
from typing import ParamSpec

from backends import keys
from backends.base import Availability, BackendError, HostNotAble, MachineRequest, PhaseSink
from backends.images.builds import BootImage
from backends.images.progress import Progress
from backends.images.store import ImageStore
from backends.process import this_process
from backends.qemu import accel as accelerators
from backends.qemu import disks, furnish
from backends.qemu.argv import CONSOLE_LOG, LaunchSpec, MachineType
from backends.qemu.machine import QemuMachine
from backends.qemu.parts import Surroundings, assemble
from backends.qemu.template import Template
from backends.qemu.transfer import furnish_launch, take_over
from backends.qemu.visit import VisitedMachine, visited
from backends.reaper import Reaper
from backends.snapshots import SnapshotError, SnapshotRecord, SnapshotStore
from backends.store import MachineFolder, MachineRecord, MachineStore

ACTIONS = frozenset(
    {"add", "remove", "reset", "wait", "shell", "http", "copy", "console", "reboot"},
)
VERDICTS = "accel.json"

P = ParamSpec("P")


class QemuCore:
    """What both backends share: the store, the images, the reaper and the host's accelerator.

    Args:
        store: Where machines live.
        images: Where images come from.
        accel: ``auto``, ``tcg``, ``kvm`` or ``hvf``.
        snapshots: Where snapshots live; beside the machines unless told otherwise.
        templates: Where templates live; ``None`` boots every machine.
        isolated: Leave a core to the person, if there is one to spare.
    """

    def __init__(
        self,
        store: MachineStore,
        images: ImageStore,
        accel: str = "auto",
        *,
        snapshots: SnapshotStore | None = None,
        templates: SnapshotStore | None = None,
        isolated: bool = False,
    ) -> None:
        self.store = store
        self.images = images
        self.requested_accel = accel
        self.snapshots = snapshots or SnapshotStore(store.root.parent / "snapshots")
        self.templates = templates
        # Only Linux lets a process choose its cores.
        able = isolated and hasattr(os, "sched_getaffinity")
        self.affinity = spare_cores(frozenset(os.sched_getaffinity(0))) if able else None
        self.reaper = Reaper(store)
        self._verdict: accelerators.Verdict | None = None
        self._tsc_khz: int | None = None
        self._binary = ""
        self._failed_templates: dict[str, float] = {}
        self._deciding = asyncio.Lock()

    async def ready(self) -> accelerators.Verdict:
        """Find QEMU and decide the accelerator, once.

        Raises:
            HostNotAble: this host cannot run guests as asked.
        """
        async with self._deciding:
            if self._verdict is None:
                self._binary = accelerators.find_qemu()
                self._tsc_khz = await asyncio.to_thread(accelerators.tsc_khz)
                self._verdict = await self._decide()
            return self._verdict

    async def _decide(self) -> accelerators.Verdict:
        facts = await asyncio.to_thread(accelerators.host_facts)
        if found := accelerators.without_probe(self.requested_accel, facts):
            return found
        version = await asyncio.to_thread(accelerators.qemu_version, self._binary)
        image = await self.images.ensure("tiny")
        self.store.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return await accelerators.decide(
            self.requested_accel,
            cache=self.store.root / VERDICTS,
            key=f"{version} {image.digest}",
            probe=self._probe,
            facts=facts,
        )

    async def _probe(self, accel: str) -> str:
        """Boot a guest under ``accel``; return why it failed, or nothing."""
        request = MachineRequest(label=f"{accel} probe", boot_timeout=accelerators.PROBE_DEADLINE)
        machine = None
        try:
            machine = await self.create(request, "microvm", "microvm", accel=accel)
            await machine.start()
            done = await machine.exec("uname -r", timeout=5.0)
            return "" if done.ok else f"a command ended with {done.exit_code}"
        except BackendError as error:
            return error.message
        finally:
            if machine is not None:
                await machine.remove()

    async def create(
        self,
        request: MachineRequest,
        backend: str,
        machine_type: MachineType,
        *,
        accel: str,
        template: bool = False,
    ) -> QemuMachine:
        """Make a machine's folder with keys, initramfs and disk.

        Args:
            request: What is asked for.
            backend: The backend's name.
            machine_type: QEMU's machine type.
            accel: The accelerator.
            template: Whether its start may fork a template, made if there is none.

        Raises:
            BackendError: the folder, the image or the disk cannot be made.
        """
        image = await self.images.ensure(request.image)
        await self.reaper.ensure()
        launch = LaunchSpec(
            binary=self._binary or accelerators.find_qemu(),
            machine_type=machine_type,
            accel=accel,
            cpus=request.cpus,
            memory=request.memory,
            kernel=furnish.KERNEL,
            initrd=furnish.INITRD,
            cmdline=image.cmdline,
            tsc_khz=self._tsc_khz,
            qmp_fd=-1,
            control_fd=-1,
            console_fd=-1,
        )
        return await _made(self._create, request, backend, launch, image, template)

    def _create(
        self, request: MachineRequest, backend: str, launch: LaunchSpec, image: BootImage, template: bool
    ) -> QemuMachine:
        held = self.store.create(lambda name: _record(name, request, backend, launch.accel, image))
        try:
            pair = keys.generate()
            furnish.lay_boot_files(held.path, image.kernel, image.initramfs)
            furnish.lay_keys(held.path, held.record.id, pair)
            layers = (disks.blank(held.path, request.disk),) if request.disk else ()
            launch = dataclasses.replace(launch, name=held.record.id, disk=layers[0] if layers else None)
            furnish.write_launch(held.path, launch)
            (held.path / CONSOLE_LOG).touch(mode=0o600)
            held.update(host_key=pair.host_public, layers=layers)
        except (OSError, BackendError) as error:
            held.delete()
            raise self._no_room(error) from error
        parts = assemble(held, launch, self.surroundings(request.boot_timeout))
        if not template or self.templates is None or request.cold:
            return QemuMachine(parts)
        origin = Template(self, self.templates, parts, request, backend, image.digest, self._failed_templates)
        return QemuMachine(parts, origin)

    def _no_room(self, error: OSError | BackendError) -> BackendError:
        if isinstance(error, BackendError):
            return error
        return BackendError(
            f"cannot make a machine in {self.store.root}: {error.strerror or error}",
            remedy="free some disk space, or point VMBENCH_STATE to another disk",
        )

    def surroundings(self, boot_timeout: float = 120.0) -> Surroundings:
        """Return what machines of this core need of it."""
        return Surroundings(snapshots=self.snapshots, affinity=self.affinity, boot_timeout=boot_timeout)

    async def fork(self, name: str, *, label: str, run: str) -> QemuMachine:
        """Make a machine from a snapshot; see ``backends.base.Backend.fork``."""
        verdict = await self.ready()
        snapshot = await asyncio.to_thread(self.snapshots.get, name)
        if snapshot.with_ram and snapshot.accel != verdict.accel:
            raise SnapshotError(
                f"{name!r} was saved under {snapshot.accel}, this host runs {verdict.accel}",
                remedy=f"use --accel {snapshot.accel}, or boot instead",
            )
        await self.reaper.ensure()
        return await _made(self._fork, snapshot, label, run)

    def _fork(self, snapshot: SnapshotRecord, label: str, run: str) -> QemuMachine:
        held = self.store.create(
            lambda machine: MachineRecord(
                id=machine,
                backend=snapshot.backend,
                image=snapshot.image,
                image_digest=snapshot.image_digest,
                cpus=snapshot.cpus,
                memory=snapshot.memory,
                disk=snapshot.disk,
                label=label or snapshot.label,
                run=run,
                created=time.time(),
                accel=snapshot.accel,
                owner=this_process(),
            )
        )
        try:
            (held.path / CONSOLE_LOG).touch(mode=0o600)
            source = self.snapshots.folder(snapshot.name)
            held.update(parent=snapshot.name, **take_over(held.path, held.record.id, snapshot, source))
            blank = LaunchSpec(
                binary=self._binary,
                machine_type="microvm",
                accel=snapshot.accel,
                cpus=1,
                memory=0,
                kernel="",
                initrd="",
                cmdline=(),
                tsc_khz=None,
                qmp_fd=-1,
                control_fd=-1,
                console_fd=-1,
                name=held.record.id,
            )
            launch = furnish_launch(held.path, blank, snapshot, held.record.layers)
        except (OSError, BackendError) as error:
            held.delete()
            raise self._no_room(error) from error
        return QemuMachine(assemble(held, launch, self.surroundings()))

    async def adopt(self, name: str) -> QemuMachine:
        """Take up another vmbench's machine; see ``backends.base.Backend.adopt``."""
        held = await asyncio.to_thread(self.store.open, name)
        machine = QemuMachine(assemble(held, self._launch_of(held), self.surroundings()))
        await machine.attach()
        return machine

    async def visit(self, name: str) -> VisitedMachine:
        """Walk into a machine that another vmbench works with; see ``backends.base.Backend.visit``."""
        held = await asyncio.to_thread(self.store.visit, name)
        machine = visited(held, self._launch_of(held), self.surroundings())
        await machine.attach()
        return machine

    def _launch_of(self, held: MachineFolder) -> LaunchSpec:
        try:
            return LaunchSpec.from_json((held.path / furnish.LAUNCH).read_text())
        except (OSError, ValueError) as error:
            held.close()
            raise BackendError(
                f"{held.record.id}'s folder is damaged: {error}", remedy=f"vmbench rm {held.record.id}"
            ) from error


async def _made(make: Callable[P, QemuMachine], *args: P.args, **kwargs: P.kwargs) -> QemuMachine:
    """Make a machine in a thread; cancelled meanwhile, the machine is removed as soon as it is there."""
    making = asyncio.ensure_future(asyncio.to_thread(make, *args, **kwargs))
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        with contextlib.suppress(BackendError):
            await (await making).remove()
        raise


def _record(name: str, request: MachineRequest, backend: str, accel: str, image: BootImage) -> MachineRecord:
    return MachineRecord(
        id=name,
        backend=backend,
        image=image.name,
        image_digest=image.digest,
        cpus=request.cpus,
        memory=request.memory,
        disk=request.disk,
        label=request.label,
        run=request.run,
        created=time.time(),
        accel=accel,
        owner=this_process(),
        env=request.env,
    )


def spare_cores(cores: frozenset[int]) -> frozenset[int] | None:
    """Return the cores for guests when one is left to the person; ``None`` where there is none to spare."""
    return cores - {min(cores)} if len(cores) > 1 else None


class QemuBackend:
    """A backend on the QEMU core; fulfils ``backends.base.Backend``.

    Args:
        core: What the backends share.
        name: ``microvm`` or ``qemu``.
    """

    def __init__(self, core: QemuCore, name: str) -> None:
        self.core = core
        self._name = name
        self._machine_type: MachineType = "microvm" if name == "microvm" else "q35"

    @property
    def name(self) -> str:
        """The backend's name."""
        return self._name

    @property
    def actions(self) -> frozenset[str]:
        """Step actions that can run on this backend's machines."""
        return ACTIONS

    def available(self) -> Availability:
        """Tell whether this host has what the backend needs."""
        try:
            accelerators.find_qemu()
        except HostNotAble as error:
            return Availability(ok=False, reason=error.message, remedy=error.remedy)
        if self._machine_type == "microvm" and platform.machine() not in ("x86_64", "AMD64"):
            return Availability(
                ok=False,
                reason="microvm has no clock of its own that could be calibrated on this CPU",
                remedy="use the backend qemu",
            )
        return Availability(ok=True)

    async def prepare(self, image: str, *, on_phase: PhaseSink | None = None) -> None:
        """Decide the accelerator and have the image in the cache."""
        available = self.available()
        if not available.ok:
            raise HostNotAble(f"{self._name}: {available.reason}", remedy=available.remedy)

        def progress(step: Progress) -> None:
            if on_phase is not None:
                share = f" {step.done * 100 // step.total}%" if step.total else ""
                on_phase("image", f"{step.stage}{share}")

        await self.core.images.ensure(image, progress)
        await self.core.ready()

    async def create(self, request: MachineRequest) -> QemuMachine:
        """Make a machine's folder and everything in it."""
        verdict = await self.core.ready()
        return await self.core.create(
            request, self._name, self._machine_type, accel=verdict.accel, template=True
        )

    async def fork(self, snapshot: str, *, label: str = "", run: str = "") -> QemuMachine:
        """Make a machine whose start resumes from a snapshot."""
        return await self.core.fork(snapshot, label=label, run=run)

    async def adopt(self, name: str) -> QemuMachine:
        """Take up a machine that another vmbench made and kept."""
        return await self.core.adopt(name)

    async def visit(self, name: str) -> VisitedMachine:
        """Walk into a machine that another vmbench works with."""
        return await self.core.visit(name)

    async def close(self) -> None:
        """Dismiss the reaper once nothing is left to watch over."""
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self.core.reaper.close)


def make_backends(
    store: MachineStore,
    images: ImageStore,
    accel: str = "auto",
    *,
    snapshots: SnapshotStore | None = None,
    templates: SnapshotStore | None = None,
    isolation: str = "off",
) -> Mapping[str, QemuBackend]:
    """Return the backends that stand on QEMU, by name, the default one first.

    Args:
        store: Where machines live.
        images: Where images come from.
        accel: ``auto``, ``tcg``, ``kvm`` or ``hvf``.
        snapshots: Where snapshots live; beside the machines unless told otherwise.
        templates: Where templates live; ``None`` boots every machine.
        isolation: ``auto`` leaves a core to the person if there is one to spare, ``off`` does not.
    """
    core = QemuCore(
        store, images, accel, snapshots=snapshots, templates=templates, isolated=isolation == "auto"
    )
    return {name: QemuBackend(core, name) for name in ("microvm", "qemu")}
