"""QEMU's command line from a frozen specification. The one place that knows QEMU's flags."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Literal

from backends.qemu import control, monitor
from backends.store import CONSOLE_LOG as CONSOLE_LOG

CONSOLE_SOCKET = "console.sock"

MachineType = Literal["microvm", "q35"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSpec:
    """Everything a QEMU process is started with. Paths are relative to the machine's folder."""

    binary: str
    machine_type: MachineType
    accel: str
    cpus: int
    memory: int
    """MiB."""
    kernel: str
    initrd: str
    cmdline: tuple[str, ...]
    tsc_khz: int | None
    """The host's time stamp counter in kHz, which TCG hands to the guest; ``None`` where it is not known."""
    qmp_fd: int
    control_fd: int
    console_fd: int
    """Listening Unix sockets that the process inherits."""
    disk: str | None = None
    """A qcow2 file, if the guest has a disk."""
    name: str = ""
    ram_file: str | None = None
    """File that backs the guest's memory; ``None`` for anonymous memory."""
    ram_shared: bool = False
    """Whether the guest's writes go to that file; otherwise it is mapped privately."""
    incoming: bool = False
    """Wait for a saved state instead of booting."""

    def to_json(self) -> str:
        """Return the specification as JSON; the sockets' descriptors mean nothing in another process."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> LaunchSpec:
        """Read a specification.

        Raises:
            ValueError: the text is none.
        """
        try:
            values = json.loads(text)
            values["cmdline"] = tuple(values["cmdline"])
            return cls(**values)
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a launch specification: {error}") from error


def cpu_model(accel: str) -> str:
    """Return the CPU model: TCG boots fastest with a small one that has random numbers of its own."""
    return "qemu64,+rdrand" if accel == "tcg" else "host"


def kernel_arguments(spec: LaunchSpec) -> tuple[str, ...]:
    """Return the guest kernel's command line.

    ``tsc_early_khz`` is mandatory under TCG on microvm: it has no timer to calibrate against, and
    without it a busy host makes the boot hang. ``noreplace-smp`` saves patching with a single vCPU.
    """
    arguments = ["console=ttyS0", "panic=-1", "quiet", "cryptomgr.notests=1", "random.trust_cpu=1"]
    if spec.accel == "tcg" and spec.tsc_khz:
        arguments += [f"tsc_early_khz={spec.tsc_khz}", "tsc=reliable"]
    if spec.cpus == 1:
        arguments.append("noreplace-smp")
    return (*arguments, *spec.cmdline)


def argv(spec: LaunchSpec) -> tuple[str, ...]:
    """Return the whole command line."""
    bus = "device" if spec.machine_type == "microvm" else "pci"
    found = [
        spec.binary,
        *("-name", spec.name or "vmbench"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-vga", "none"),
        *("-M", f"{_machine(spec.machine_type)},memory-backend=ram", "-object", _memory(spec)),
        *("-accel", spec.accel, "-cpu", cpu_model(spec.accel)),
        *("-m", str(spec.memory), "-smp", str(spec.cpus)),
        *("-kernel", spec.kernel, "-initrd", spec.initrd, "-append", " ".join(kernel_arguments(spec))),
        *("-chardev", f"socket,id=qmp,fd={spec.qmp_fd},server=on,wait=off"),
        *("-mon", "chardev=qmp,mode=control"),
        *("-chardev", _console(spec.console_fd), "-serial", "chardev:console"),
        *("-chardev", f"socket,id=control,fd={spec.control_fd},server=on,wait=off"),
        *("-device", f"virtio-serial-{bus}"),
        *("-device", f"virtserialport,chardev=control,name={control.PORT_NAME}"),
        *("-netdev", "user,id=net0,hostfwd=tcp:127.0.0.1:0-:22"),
        *("-device", f"virtio-net-{bus},netdev=net0" + (",romfile=" if bus == "pci" else "")),
        *("-object", "rng-random,id=rng0,filename=/dev/urandom"),
        *("-device", f"virtio-rng-{bus},rng=rng0"),
    ]
    if spec.incoming:
        found += ["-incoming", "defer"]
    if spec.disk is not None:
        found += ["-drive", f"if=none,id=disk0,file={spec.disk},format=qcow2,discard=unmap"]
        found += ["-device", f"virtio-blk-{bus},drive=disk0"]
    return tuple(found)


def _machine(machine_type: MachineType) -> str:
    if machine_type == "microvm":
        return "microvm"
    return "q35,sata=off,smbus=off,usb=off,i8042=off,vmport=off"


def _memory(spec: LaunchSpec) -> str:
    size = f"id=ram,size={spec.memory}M"
    if spec.ram_file is None:
        return f"memory-backend-ram,{size}"
    share = "on" if spec.ram_shared else "off"
    # QEMU reads a doubled comma as one.
    return f"memory-backend-file,{size},mem-path={spec.ram_file.replace(',', ',,')},share={share}"


def _console(fd: int) -> str:
    return f"socket,id=console,fd={fd},server=on,wait=off,logfile={CONSOLE_LOG},logappend=on"


SOCKETS = (monitor.SOCKET, control.SOCKET, CONSOLE_SOCKET)
"""Names of the sockets, in the order of the specification's descriptors."""
