"""What a guest's process and the guest itself use."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from backends.base import MachineDied, MachineStats

GUEST_COMMAND = "cat /proc/meminfo; cat /proc/net/dev"
SPAN = 0.2
"""Seconds over which the CPU's use is measured."""


def measure(pid: int, folder: Path, inside: bytes) -> MachineStats:
    """Measure a machine. Blocking for ``SPAN`` seconds.

    Args:
        pid: The guest's process.
        folder: The machine's folder.
        inside: What ``GUEST_COMMAND`` printed in the guest; empty if it could not be asked.

    Raises:
        MachineDied: the process has ended.
    """
    try:
        process = psutil.Process(pid)
        cpu = process.cpu_percent(interval=SPAN)
        memory = process.memory_full_info()
        written = process.io_counters().write_bytes if hasattr(process, "io_counters") else 0
        started = process.create_time()
    except psutil.Error as error:
        raise MachineDied(f"{folder.name}'s process {pid} has ended") from error
    used, total = parse_meminfo(inside.decode(errors="replace"))
    received, sent = parse_netdev(inside.decode(errors="replace"))
    return MachineStats(
        cpu_percent=cpu,
        rss=memory.rss,
        pss=getattr(memory, "pss", memory.rss),
        guest_memory_used=used,
        guest_memory_total=total,
        disk_written=written,
        disk_size=sum(p.lstat().st_blocks * 512 for p in folder.iterdir()),
        network_received=received,
        network_sent=sent,
        uptime=time.time() - started,
    )


def cpu_share(pid: int, span: float) -> float:
    """Return which share of a core a process uses for ``span`` seconds; 0 if it has ended. Blocking."""
    try:
        return psutil.Process(pid).cpu_percent(interval=span) / 100
    except psutil.Error:
        return 0.0


def parse_meminfo(text: str) -> tuple[int, int]:
    """Return used and total bytes of /proc/meminfo; zeros where it says nothing."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[2] == "kB":
            found[words[0].rstrip(":")] = int(words[1]) * 1024
    total = found.get("MemTotal", 0)
    return total - found.get("MemAvailable", total), total


def parse_netdev(text: str) -> tuple[int, int]:
    """Return received and sent bytes of every interface but lo in /proc/net/dev."""
    received = sent = 0
    for line in text.splitlines():
        name, colon, numbers = line.partition(":")
        words = numbers.split()
        if colon and len(words) == 16 and name.strip() != "lo":
            received, sent = received + int(words[0]), sent + int(words[8])
    return received, sent
