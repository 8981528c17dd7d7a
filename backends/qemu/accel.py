"""Which accelerator works on this host: decided by the CPU's flag and a probe boot, never by a device node.

A verdict holds for one boot of the host, one QEMU and one kernel; it is remembered in a file.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from backends.base import HostNotAble
from backends.commands import noted
from backends.process import boot_id

BINARY = "qemu-system-x86_64"
PROBE_DEADLINE = 10.0
"""Seconds a probe boot may take under a hardware accelerator; a working one needs less than one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An accelerator and why it was chosen."""

    accel: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What can be told without booting anything."""

    kvm_device: bool
    """``/dev/kvm`` exists and may be opened."""
    cpu_flag: bool
    """The CPU bears ``vmx`` or ``svm``."""
    system: str
    """``linux`` or ``darwin``."""
    machine: str
    """``x86_64``, ``arm64``, …"""


def host_facts() -> HostFacts:
    """Look at the host. Blocking, shortly."""
    try:
        flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        flags = None
    return HostFacts(
        kvm_device=os.access("/dev/kvm", os.R_OK | os.W_OK),
        cpu_flag=bool(flags and {"vmx", "svm"} & set(flags[1].split())),
        system=sys.platform,
        machine=platform.machine(),
    )


def find_qemu() -> str:
    """Return the path of QEMU.

    Raises:
        HostNotAble: it is not installed.
    """
    found = shutil.which(BINARY)
    if found is None:
        raise HostNotAble(
            f"{BINARY} is not installed", remedy="make setup installs it; vmbench doctor shows the command"
        )
    return found


def qemu_version(binary: str) -> str:
    """Return QEMU's version, such as ``7.2.22``. Blocking.

    Raises:
        HostNotAble: it does not start.
    """
    try:
        command = [binary, "--version"]
        with noted("tool", command) as ending:
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
            ending.exit_code = done.returncode
    except (OSError, subprocess.SubprocessError) as error:
        raise HostNotAble(f"{binary} does not start: {error}", remedy="reinstall QEMU") from error
    found = re.search(r"version (\S+)", done.stdout)
    return found[1] if found else done.stdout.strip()


def without_probe(requested: str, facts: HostFacts) -> Verdict | None:
    """Decide where no probe boot is needed; ``None`` where one is.

    Raises:
        HostNotAble: the accelerator asked for cannot work here.
    """
    if requested == "tcg":
        return Verdict(accel="tcg", reason="asked for")
    if requested == "kvm":
        if not facts.kvm_device:
            raise HostNotAble(
                "there is no /dev/kvm that this user may open",
                remedy="use --accel tcg, or join the group kvm: sudo usermod -aG kvm $USER",
            )
        return Verdict(accel="kvm", reason="asked for")
    if requested == "hvf":
        if facts.system != "darwin":
            raise HostNotAble("hvf exists on macOS only", remedy="use --accel auto")
        return Verdict(accel="hvf", reason="asked for")
    if facts.machine not in ("x86_64", "AMD64"):
        return Verdict(accel="tcg", reason=f"an x86_64 guest on a {facts.machine} host is emulated")
    if facts.system == "darwin":
        return None
    if not facts.kvm_device:
        return Verdict(accel="tcg", reason="/dev/kvm is missing or not accessible")
    if not facts.cpu_flag:
        return Verdict(
            accel="tcg", reason="/dev/kvm exists, but the CPU lacks vmx and svm: guests would hang in it"
        )
    return None


async def decide(
    requested: str,
    *,
    cache: Path,
    key: str,
    probe: Callable[[str], Awaitable[str]],
    facts: HostFacts | None = None,
) -> Verdict:
    """Decide which accelerator to use, booting a probe guest where only that can tell.

    Args:
        requested: ``auto``, ``tcg``, ``kvm`` or ``hvf``.
        cache: File of verdicts.
        key: What the verdict depends on besides the host's boot: QEMU's version, the kernel's digest.
        probe: Boots a guest under an accelerator; returns why it failed, or nothing.
        facts: What is known of the host; looked up when not given.

    Raises:
        HostNotAble: the accelerator asked for cannot work here.
    """
    facts = facts or host_facts()
    if verdict := without_probe(requested, facts):
        return verdict
    key = f"{boot_id()} {key}"
    remembered = _read(cache).get(key)
    if remembered is not None:
        return remembered
    accel = "hvf" if facts.system == "darwin" else "kvm"
    started = time.monotonic()
    failure = await probe(accel)
    if failure:
        verdict = Verdict(accel="tcg", reason=f"a probe guest under {accel} failed: {failure}")
    else:
        verdict = Verdict(accel=accel, reason=f"a probe guest booted in {time.monotonic() - started:.1f}s")
    _remember(cache, key, verdict)
    return verdict


def remembered(cache: Path) -> Verdict | None:
    """Return the newest verdict for this boot of the host, without probing. Blocking, shortly."""
    found = [v for k, v in _read(cache).items() if k.startswith(boot_id())]
    return found[-1] if found else None


def _read(cache: Path) -> dict[str, Verdict]:
    try:
        return {key: Verdict(**value) for key, value in json.loads(cache.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(cache: Path, key: str, verdict: Verdict) -> None:
    kept = {k: v for k, v in _read(cache).items() if k.startswith(boot_id())}
    temporary = cache.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps({k: asdict(v) for k, v in {**kept, key: verdict}.items()}, indent=1))
    temporary.replace(cache)


# rdtsc; shl rdx, 32; or rax, rdx; ret
_READ_TSC = bytes.fromhex("0f31 48c1e220 4809d0 c3")


def tsc_khz() -> int | None:
    """Measure the host's time stamp counter against the clock, in kHz. Blocking for 50 ms.

    TCG hands the host's counter to the guest, and nothing tells an unprivileged process its rate:
    ``cpu MHz`` in /proc/cpuinfo is the core's momentary frequency on bare metal.

    Returns:
        The rate, rounded to 10 kHz, or ``None`` on other CPUs and where code may not be mapped.
    """
    if platform.machine() not in ("x86_64", "AMD64"):
        return None
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except (OSError, ValueError):
        return _cpuinfo_khz()
    page.write(_READ_TSC)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    read = ctypes.CFUNCTYPE(ctypes.c_uint64)(address)
    first_tsc, first_ns = _sample(read)
    time.sleep(0.05)
    second_tsc, second_ns = _sample(read)
    return round((second_tsc - first_tsc) * 1_000_000 / (second_ns - first_ns) / 10) * 10


def _sample(read: Callable[[], int]) -> tuple[int, int]:
    """Read counter and clock together: of many tries, the one with the shortest time between."""
    tries = []
    for _ in range(50):
        before, now, after = read(), time.clock_gettime_ns(time.CLOCK_MONOTONIC), read()
        tries.append((after - before, (before + after) // 2, now))
    _, tsc, now = min(tries)
    return tsc, now


def _cpuinfo_khz() -> int | None:
    try:
        found = re.search(r"^cpu MHz\s*:\s*([\d.]+)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(float(found[1]) * 1000) if found else None
