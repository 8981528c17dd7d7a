"""Looks at the host: what works, what is missing, and the command that mends it.

Everything here blocks for up to some seconds: call it off the event loop.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import psutil

from app.engine.memory import available_memory, default_reserve
from app.paths import Paths
from backends.base import HostNotAble
from backends.images.store import ImageStore
from backends.qemu import accel

LEAST_PYTHON = (3, 11)
LEAST_QEMU = (7, 0)
LEAST_DISK = 1024
"""MiB that images, machines and runs should find free."""
LEAST_MEMORY = 512
"""MiB that a single machine with some room needs."""


class Status(StrEnum):
    """How a check went."""

    OK = "ok"
    WARN = "warn"
    """Tests can run, though slower or fewer at once."""
    FAIL = "fail"
    """Tests cannot run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One look at the host."""

    name: str
    status: Status
    found: str
    remedy: str = ""
    """What to type, or to change, when it is not well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The ways to ask the host, so that tests can answer for it."""

    which: Callable[[str], str | None] = shutil.which
    version: Callable[[str], str] = accel.qemu_version
    facts: Callable[[], accel.HostFacts] = accel.host_facts
    available_memory: Callable[[], int] = available_memory
    total_memory: Callable[[], int] = lambda: int(psutil.virtual_memory().total) >> 20
    free_disk: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free >> 20
    cores: Callable[[], int] = lambda: _cores_allowed()
    python: tuple[int, int, int] = sys.version_info[:3]
    root: Path = Path("/")
    """Stands for ``/``: release file and control groups are looked for below it."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    terminal: bool = True
    """Whether a person sits at both ends."""
    superuser: bool = field(default_factory=lambda: os.geteuid() == 0)
    columns: int = 80


def _cores_allowed() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def examine(
    paths: Paths, host: Host | None = None, *, requested_accel: str = "auto", isolation: str = "auto"
) -> list[Check]:
    """Return every check, in the order in which one would mend things."""
    host = host or Host()
    return [
        _python(host),
        *_qemu(host),
        _qemu_img(host),
        _acceleration(host, paths, requested_accel),
        _memory(host),
        _cores(host),
        *_disks(host, paths),
        _control_groups(host),
        _images(paths),
        _terminal(host),
        isolation_check(isolation),
    ]


def install_command(host: Host, program: str) -> str:
    """Return the command that installs ``qemu-system-x86_64`` or ``qemu-img`` on this system."""
    managers = {
        "apt": ("sudo apt-get install -y --no-install-recommends", "qemu-system-x86", "qemu-utils"),
        "dnf": ("sudo dnf install -y", "qemu-system-x86-core", "qemu-img"),
        "pacman": ("sudo pacman -S --needed", "qemu-base", "qemu-base"),
        "brew": ("brew install", "qemu", "qemu"),
    }
    command, system, image = managers.get(_manager(host), ("install", "QEMU for x86_64", "qemu-img"))
    if host.superuser:
        command = command.removeprefix("sudo ")
    return f"{command} {image if program == 'qemu-img' else system}"


def _manager(host: Host) -> str:
    if host.facts().system == "darwin":
        return "brew"
    try:
        lines = (host.root / "etc/os-release").read_text().splitlines()
    except OSError:
        lines = []
    words = dict(line.split("=", 1) for line in lines if "=" in line)
    ids = f"{words.get('ID', '')} {words.get('ID_LIKE', '')}".replace('"', "").split()
    known = {"debian": "apt", "ubuntu": "apt", "fedora": "dnf", "rhel": "dnf", "arch": "pacman"}
    found = next((known[i] for i in ids if i in known), "")
    return found or next(
        (m for m in ("apt", "dnf", "pacman") if host.which("apt-get" if m == "apt" else m)), ""
    )


def _python(host: Host) -> Check:
    version = ".".join(map(str, host.python))
    if host.python[:2] >= LEAST_PYTHON:
        return Check(name="python", status=Status.OK, found=version)
    return Check(
        name="python",
        status=Status.FAIL,
        found=f"{version} is too old",
        remedy="install Python 3.11 or newer",
    )


def _qemu(host: Host) -> list[Check]:
    binary = host.which(accel.BINARY)
    remedy = install_command(host, accel.BINARY)
    if binary is None:
        return [
            Check(name="qemu", status=Status.FAIL, found=f"{accel.BINARY} is not installed", remedy=remedy)
        ]
    try:
        version = host.version(binary)
    except HostNotAble as error:
        return [Check(name="qemu", status=Status.FAIL, found=error.message, remedy=error.remedy)]
    numbers = tuple(int(n) for n in version.split("-")[0].split(".")[:2] if n.isdigit())
    if numbers and numbers < LEAST_QEMU:
        found = f"{version} is too old, 7.0 or newer is needed ({binary})"
        return [Check(name="qemu", status=Status.FAIL, found=found, remedy=remedy)]
    return [Check(name="qemu", status=Status.OK, found=f"{version} ({binary})")]


def _qemu_img(host: Host) -> Check:
    found = host.which("qemu-img")
    if found:
        return Check(name="qemu-img", status=Status.OK, found=found)
    return Check(
        name="qemu-img",
        status=Status.FAIL,
        found="not installed; machines with a disk need it",
        remedy=install_command(host, "qemu-img"),
    )


def _acceleration(host: Host, paths: Paths, requested: str) -> Check:
    facts = host.facts()
    try:
        verdict = accel.without_probe(requested, facts)
    except HostNotAble as error:
        return Check(name="acceleration", status=Status.FAIL, found=error.message, remedy=error.remedy)
    if verdict is None:
        from backends.qemu.backend import VERDICTS

        verdict = accel.remembered(paths.machines / VERDICTS)
    device = "/dev/kvm " + ("usable" if facts.kvm_device else "missing or not accessible")
    flag = "CPU flag " + ("present" if facts.cpu_flag else "missing")
    known = f"{device}, {flag}" if facts.system == "linux" else facts.system
    if verdict is None:
        return Check(
            name="acceleration",
            status=Status.OK,
            found=f"likely ({known}); the first run boots a probe guest to be sure",
        )
    if verdict.accel != "tcg":
        return Check(
            name="acceleration", status=Status.OK, found=f"{verdict.accel}: {verdict.reason} ({known})"
        )
    return Check(
        name="acceleration",
        status=Status.OK if requested == "tcg" else Status.WARN,
        found=f"tcg, software emulation: {verdict.reason} ({known})",
        remedy="" if requested == "tcg" else _kvm_remedy(facts),
    )


def _kvm_remedy(facts: accel.HostFacts) -> str:
    if facts.system != "linux" or facts.machine not in ("x86_64", "AMD64"):
        return "none is needed: x86_64 guests are emulated on this CPU"
    if not facts.cpu_flag:
        return "switch on virtualization in the firmware, or nested virtualization where this is a VM itself"
    if not facts.kvm_device:
        return "sudo modprobe kvm, and sudo usermod -aG kvm $USER, then log in again"
    return "none is needed: guests boot in a second or two without it"


def _memory(host: Host) -> Check:
    available, total, reserve = host.available_memory(), host.total_memory(), default_reserve()
    found = f"{available} of {total} MiB available, {reserve} are left to the host"
    if available - reserve >= LEAST_MEMORY:
        return Check(name="memory", status=Status.OK, found=found)
    return Check(
        name="memory",
        status=Status.WARN,
        found=f"{found}: machines run one at a time",
        remedy="close something big, or lower run.reserve in vmbench.toml",
    )


def _cores(host: Host) -> Check:
    cores = host.cores()
    if cores > 1:
        return Check(name="cores", status=Status.OK, found=str(cores))
    return Check(
        name="cores",
        status=Status.WARN,
        found="1: guests and the workbench share it",
        remedy="give this host a second core, or run with --parallel 1",
    )


def _disks(host: Host, paths: Paths) -> list[Check]:
    checks = []
    for name, folder, variable in (
        ("cache", paths.cache, "VMBENCH_CACHE"),
        ("state", paths.state, "VMBENCH_STATE"),
    ):
        existing = next(p for p in (folder, *folder.parents) if p.exists())
        free = host.free_disk(existing)
        found = f"{folder}, {free / 1024:.1f} GiB free"
        remedy = f"free some space, or point {variable} to a folder elsewhere"
        if not os.access(existing, os.W_OK):
            found = f"{folder} cannot be written to"
            checks.append(Check(name=name, status=Status.FAIL, found=found, remedy=remedy))
        elif free < LEAST_DISK:
            checks.append(Check(name=name, status=Status.WARN, found=found, remedy=remedy))
        else:
            checks.append(Check(name=name, status=Status.OK, found=found))
    return checks


def _control_groups(host: Host) -> Check:
    """Tell which version is there; nothing depends on it, but limits of memory are read from it."""
    folder = host.root / "sys/fs/cgroup"
    try:
        controllers = (folder / "cgroup.controllers").read_text().split()
        found = f"version 2, controllers: {' '.join(controllers) or 'none'}"
    except OSError:
        if (folder / "unified").is_dir():
            found = "hybrid: limits of version 1"
        elif folder.is_dir() and any(folder.iterdir()):
            found = "version 1"
        else:
            found = "none: only the host's own memory counts"
    return Check(name="cgroups", status=Status.OK, found=found)


def _images(paths: Paths) -> Check:
    built = [i for i in ImageStore(paths.images).list() if i.built]
    if built:
        names = ", ".join(f"{i.name} ({i.size >> 20} MiB)" for i in built)
        return Check(name="images", status=Status.OK, found=names)
    return Check(
        name="images",
        status=Status.WARN,
        found="none is built yet; the first run does it",
        remedy="vmbench image build tiny",
    )


def _terminal(host: Host) -> Check:
    term = host.environ.get("TERM", "")
    if not host.terminal:
        return Check(name="terminal", status=Status.OK, found="none: commands print plain lines")
    if term in ("", "dumb"):
        return Check(
            name="terminal",
            status=Status.WARN,
            found=f"TERM is {term or 'not set'}: the workbench cannot draw",
            remedy="use a terminal with cursor control, or vmbench run",
        )
    locale = next((v for k in ("LC_ALL", "LC_CTYPE", "LANG") if (v := host.environ.get(k))), "")
    if "utf" not in locale.lower() and host.facts().system == "linux":
        return Check(
            name="terminal",
            status=Status.WARN,
            found=f"{term}, but the locale {locale or '(none)'} is not UTF-8",
            remedy="export LANG=C.UTF-8",
        )
    if host.columns < 80:
        return Check(
            name="terminal",
            status=Status.WARN,
            found=f"{term}, {host.columns} columns",
            remedy="make it 80 columns wide or more for the workbench",
        )
    return Check(name="terminal", status=Status.OK, found=f"{term}, {host.columns} columns")


def isolation_check(chosen: str) -> Check:
    """Tell which cores guests may use."""
    from backends.qemu.backend import spare_cores

    if chosen == "off":
        found = "off: guests run on any core"
    elif not hasattr(os, "sched_getaffinity"):
        found = "this system pins nothing; guests run on any core"
    elif (cores := spare_cores(frozenset(os.sched_getaffinity(0)))) is None:
        found = "one core for all; there is none to spare"
    else:
        yours = min(os.sched_getaffinity(0))
        listed = ", ".join(map(str, sorted(cores)))
        found = (
            f"guests run on core {listed}; core {yours} is left to you"
            if len(cores) < 9
            else (f"guests run on {len(cores)} cores; core {yours} is left to you")
        )
    return Check(name="isolation", status=Status.OK, found=found)
