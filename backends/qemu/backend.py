"""The backends ``microvm`` and ``qemu``: one QEMU core, two machine types."""

from __future__ import annotations

import asyncio
import contextlib
import platform
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from backends import keys
from backends.base import (
    Availability,
    BackendError,
    HostNotAble,
    MachineRequest,
    PhaseSink,
)
from backends.images import cpio
from backends.images.progress import Progress
from backends.images.store import BootImage, ImageStore
from backends.process import this_process
from backends.qemu import accel as accelerators
from backends.qemu.argv import LaunchSpec, MachineType
from backends.qemu.machine import QemuMachine
from backends.reaper import Reaper
from backends.store import MachineFolder, MachineRecord, MachineStore

ACTIONS = frozenset(
    {"add", "remove", "reset", "wait", "shell", "http", "copy", "console", "reboot"},
)
VERDICTS = "accel.json"
INITRD = "initrd.cpio"
DISK = "disk.qcow2"


class QemuCore:
    """What both backends share: the store, the images, the reaper and the host's accelerator.

    Args:
        store: Where machines live.
        images: Where images come from.
        accel: ``auto``, ``tcg``, ``kvm`` or ``hvf``.
    """

    def __init__(self, store: MachineStore, images: ImageStore, accel: str = "auto") -> None:
        self.store = store
        self.images = images
        self.requested_accel = accel
        self.reaper = Reaper(store)
        self._verdict: accelerators.Verdict | None = None
        self._tsc_khz: int | None = None
        self._binary = ""
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
        self, request: MachineRequest, backend: str, machine_type: MachineType, *, accel: str
    ) -> QemuMachine:
        """Make a machine's folder with keys, initramfs and disk.

        Raises:
            BackendError: the folder, the image or the disk cannot be made.
        """
        image = await self.images.ensure(request.image)
        await self.reaper.ensure()
        return await asyncio.to_thread(self._create, request, backend, machine_type, accel, image)

    def _create(
        self,
        request: MachineRequest,
        backend: str,
        machine_type: MachineType,
        accel: str,
        image: BootImage,
    ) -> QemuMachine:
        def record(name: str) -> MachineRecord:
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
            )

        held = self.store.create(record)
        try:
            pair = self._furnish(held, request, image)
        except (OSError, BackendError) as error:
            held.delete()
            if isinstance(error, BackendError):
                raise
            raise BackendError(
                f"cannot make a machine in {self.store.root}: {error.strerror or error}",
                remedy="free some disk space, or point VMBENCH_STATE to another disk",
            ) from error
        launch = LaunchSpec(
            binary=self._binary or accelerators.find_qemu(),
            machine_type=machine_type,
            accel=accel,
            cpus=request.cpus,
            memory=request.memory,
            kernel=str(image.kernel.resolve()),
            initrd=INITRD,
            cmdline=image.cmdline,
            tsc_khz=self._tsc_khz,
            qmp_fd=-1,
            control_fd=-1,
            console_fd=-1,
            disk=DISK if request.disk else None,
            name=held.record.id,
        )
        return QemuMachine(held, request, launch, pair)

    def _furnish(self, held: MachineFolder, request: MachineRequest, image: BootImage) -> keys.MachineKeys:
        pair = keys.generate()
        keys.write_files(pair, held.path, held.record.id)
        with image.initramfs.open("rb") as base, (held.path / INITRD).open("xb") as whole:
            shutil.copyfileobj(base, whole, 1 << 20)
            whole.write(b"\0" * (-whole.tell() % cpio.BLOCK))
            whole.write(cpio.archive(key_entries(pair, held.record.id)))
        (held.path / "console.log").touch()
        if request.disk:
            make_disk(held.path / DISK, request.disk)
        return pair


def key_entries(pair: keys.MachineKeys, machine: str) -> tuple[cpio.Entry, ...]:
    """Return what a machine's own part of the initramfs holds: its keys and its id."""
    return (
        cpio.directory("root", 0o700),
        cpio.directory("root/.ssh", 0o700),
        cpio.file("root/.ssh/authorized_keys", f"{pair.client_public}\n".encode(), 0o600),
        cpio.directory("etc/dropbear", 0o700),
        cpio.file("etc/dropbear/dropbear_ed25519_host_key", pair.host_private_dropbear, 0o600),
        cpio.directory("etc/vmbench", 0o755),
        cpio.file("etc/vmbench/machine", f"{machine}\n".encode(), 0o644),
    )


def make_disk(path: Path, size: int) -> None:
    """Make an empty qcow2 disk of ``size`` MiB. Blocking.

    Raises:
        BackendError: qemu-img is missing or fails.
    """
    try:
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", str(path), f"{size}M"],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
    except FileNotFoundError as error:
        raise HostNotAble("qemu-img is not installed", remedy="make setup installs it") from error
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", "") or str(error)
        raise BackendError(f"qemu-img cannot make {path}: {said.strip()}") from error


class QemuBackend:
    """A backend on the QEMU core; fulfils ``backends.base.Backend``.

    Args:
        core: What the backends share.
        name: ``microvm`` or ``qemu``.
    """

    def __init__(self, core: QemuCore, name: str) -> None:
        self._core = core
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

        await self._core.images.ensure(image, progress)
        await self._core.ready()

    async def create(self, request: MachineRequest) -> QemuMachine:
        """Make a machine's folder and everything in it."""
        verdict = await self._core.ready()
        return await self._core.create(request, self._name, self._machine_type, accel=verdict.accel)

    async def close(self) -> None:
        """Dismiss the reaper once nothing is left to watch over."""
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._core.reaper.close)


def make_backends(store: MachineStore, images: ImageStore, accel: str = "auto") -> Mapping[str, QemuBackend]:
    """Return the backends that stand on QEMU, by name, the default one first."""
    core = QemuCore(store, images, accel)
    return {name: QemuBackend(core, name) for name in ("microvm", "qemu")}
