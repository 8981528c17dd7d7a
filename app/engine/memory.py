"""How much memory this host, and the control groups vmbench runs in, still have to give. All in MiB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil

MIB = 1 << 20
LEAST_RESERVE = 512


def available_memory(root: Path = Path("/")) -> int:
    """Return the memory that can be taken now: what is available, but no more than any cgroup leaves.

    Args:
        root: Folder that stands for ``/``, so that tests can lay out files of their own.
    """
    host = psutil.virtual_memory().available // MIB
    return max(0, min([host, *_cgroup_rooms(root)]))


def default_reserve() -> int:
    """Return what is left to the host: a tenth of its memory, at least 512 MiB."""
    return max(LEAST_RESERVE, psutil.virtual_memory().total // MIB // 10)


def resident_memory(pid: int) -> int:
    """Return the resident memory of a process, 0 when it is gone or cannot be asked."""
    try:
        return int(psutil.Process(pid).memory_info().rss) // MIB
    except psutil.Error:
        return 0


def _cgroup_rooms(root: Path) -> Iterator[int]:
    """Yield the room of every control group, of version 1 or 2, that this process is in."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    mount = root / "sys/fs/cgroup"
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            for top in (mount, mount / "unified"):
                for folder in _upwards(top, path):
                    yield from _room(folder, "memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            for folder in _upwards(mount / "memory", path):
                yield from _room(
                    folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
                )


def _upwards(top: Path, path: str) -> Iterator[Path]:
    """Yield the group's folder and those above it; inside a container only the top may be there."""
    folder = top / path.lstrip("/")
    while folder != top and top in folder.parents:
        yield folder
        folder = folder.parent
    yield top


def _room(folder: Path, limit: str, usage: str, reclaimable: str) -> Iterator[int]:
    try:
        most = (folder / limit).read_text().strip()
        used = int((folder / usage).read_text())
        if most == "max":
            return
        free = int(most) - used
        for line in (folder / "memory.stat").read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == reclaimable:
                free += int(value)
    except (OSError, ValueError):
        return
    yield free // MIB
