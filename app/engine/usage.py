"""What machines use of this host, sampled from outside: no guest is asked, so fifty cost little."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a machine uses now. Bytes, unless a name says otherwise."""

    cpu_percent: float | None
    """Of one core, since the sample before; ``None`` in the first one."""
    memory: int
    """What it takes of the host, its share of what forks have in common (PSS) where the host tells it."""
    disk: int
    """Of its folder on the host's disk."""
    written: int
    """Since its process began."""


class UsageSampler:
    """Samples machines' processes again and again; each ``sample`` is blocking, some ms a machine."""

    def __init__(self) -> None:
        self._processes: dict[int, psutil.Process] = {}

    def sample(self, machines: Iterable[tuple[str, int | None, Path]]) -> Mapping[str, Usage]:
        """Sample machines.

        Args:
            machines: Id, process and folder of each; one without a process has only a disk.

        Returns:
            What each uses, by its id; those that are gone are left out.
        """
        found: dict[str, Usage] = {}
        seen: set[int] = set()
        for name, pid, folder in machines:
            try:
                disk = sum(path.lstat().st_blocks * 512 for path in folder.iterdir())
            except OSError:
                continue
            cpu, memory, written = (None, 0, 0) if pid is None else self._process(pid)
            if pid is not None:
                seen.add(pid)
            found[name] = Usage(cpu_percent=cpu, memory=memory, disk=disk, written=written)
        for pid in self._processes.keys() - seen:
            del self._processes[pid]
        return found

    def _process(self, pid: int) -> tuple[float | None, int, int]:
        try:
            process = self._processes.get(pid)
            fresh = process is None or not process.is_running()
            if process is None or fresh:
                process = self._processes[pid] = psutil.Process(pid)
            cpu = process.cpu_percent(interval=None)
            written = process.io_counters().write_bytes if hasattr(process, "io_counters") else 0
            return None if fresh else cpu, _memory(process), written
        except psutil.Error:
            self._processes.pop(pid, None)
            return None, 0, 0


def _memory(process: psutil.Process) -> int:
    try:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass  # another system, or not ours to read
    return int(process.memory_info().rss)
