"""Forks against boots, taking turns in one run.

From asking for a machine to the end of its first command, over the control channel and over SSH; how
that grows with the guest's RAM and with RAM that was written to; eight at once, and their memory.
Prints lines for people and one of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))

from backends.base import MachineRequest  # noqa: E402
from backends.images.store import ImageStore  # noqa: E402
from backends.qemu.backend import QemuBackend, make_backends  # noqa: E402
from backends.qemu.machine import QemuMachine  # noqa: E402
from backends.snapshots import SnapshotStore  # noqa: E402
from backends.store import MachineStore  # noqa: E402

AT_ONCE = 8
DIRTY = 300
"""MiB of random data in the guest's RAM."""

Maker = Callable[[], Awaitable[QemuMachine]]
Figures = dict[str, list[float]]


async def first_commands(make: Maker) -> tuple[float, float]:
    """Return the milliseconds to the first command on the control channel, and over SSH."""
    began = time.perf_counter()
    machine = await make()
    try:
        await machine.start()
        code, _ = await machine.control("true")
        control = (time.perf_counter() - began) * 1000
        assert code == 0 and (await machine.exec("true")).ok
        return control, (time.perf_counter() - began) * 1000
    finally:
        await machine.remove()


async def at_once(make: Maker) -> tuple[float, float]:
    """Return the milliseconds until all have run a command, and the MiB of memory charged to one."""
    began = time.perf_counter()
    machines = [await make() for _ in range(AT_ONCE)]
    try:

        async def one(machine: QemuMachine) -> None:
            await machine.start()
            assert (await machine.exec("true")).ok

        await asyncio.gather(*[one(m) for m in machines])
        taken = (time.perf_counter() - began) * 1000
        memory = [pss(m.record.pid) for m in machines]
        return taken, statistics.mean(memory)
    finally:
        await asyncio.gather(*[m.remove() for m in machines])


def pss(pid: int | None) -> float:
    """Return the MiB charged to a process when what it shares is divided among the sharers."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"no Pss of {pid}")


class Bench:
    """Takes the figures."""

    def __init__(self, backend: QemuBackend, rounds: int) -> None:
        self.backend = backend
        self.rounds = rounds

    def boots(self, memory: int = 256) -> Maker:
        """Return what makes a machine that boots."""
        return lambda: self.backend.create(MachineRequest(memory=memory, cold=True))

    def templates(self, memory: int = 256) -> Maker:
        """Return what makes a machine that is forked from a template."""
        return lambda: self.backend.create(MachineRequest(memory=memory))

    def forks(self, snapshot: str) -> Maker:
        """Return what makes a fork of a snapshot."""
        return lambda: self.backend.fork(snapshot)

    async def turns(self, makers: Mapping[str, Maker]) -> Figures:
        """Take turns, one warm-up round first."""
        taken: Figures = {f"{name} {channel}": [] for name in makers for channel in ("control", "ssh")}
        for number in range(self.rounds + 1):
            for name, make in makers.items():
                control, ssh = await first_commands(make)
                if number:
                    taken[f"{name} control"].append(control)
                    taken[f"{name} ssh"].append(ssh)
        return taken

    async def dirtied(self) -> Figures:
        """Return the times of saving and forking guests with little and with much written RAM."""
        machine = await self.backend.create(MachineRequest(memory=1024))
        saves: Figures = {}
        try:
            await machine.start()
            for name in ("calm", "dirtied"):
                if name == "dirtied":
                    command = f"dd if=/dev/urandom of=/tmp/dirt bs=1M count={DIRTY} 2>/dev/null"
                    assert (await machine.exec(command)).ok
                began = time.perf_counter()
                await machine.save(name)
                saves[f"save {name}"] = [(time.perf_counter() - began) * 1000]
        finally:
            await machine.remove()
        taken = await self.turns({f"fork {name}": self.forks(name) for name in ("calm", "dirtied")})
        return {**saves, **taken}

    async def together(self, rounds: int) -> Figures:
        """Return the times and the memory of eight forks and eight boots."""
        taken: Figures = {f"{name} {what}": [] for name in ("fork", "boot") for what in ("all ms", "pss MiB")}
        for _ in range(rounds):
            for name, make in (("fork", self.templates()), ("boot", self.boots())):
                time_taken, memory = await at_once(make)
                taken[f"{name} all ms"].append(time_taken)
                taken[f"{name} pss MiB"].append(memory)
        return taken


async def measure(rounds: int, cache: Path) -> dict[str, Figures]:
    """Take every figure in a scratch state folder."""
    with tempfile.TemporaryDirectory(prefix="vmbench-bench-") as name:
        root = Path(name)
        backends = make_backends(
            MachineStore(root / "machines"),
            ImageStore(cache),
            snapshots=SnapshotStore(root / "snapshots"),
            templates=SnapshotStore(root / "templates"),
        )
        backend = backends["microvm"]
        await backend.prepare("tiny")
        bench = Bench(backend, rounds)
        found = {"256 MiB": await bench.turns({"fork": bench.templates(), "boot": bench.boots()})}
        sizes = {f"fork {size} MiB": bench.templates(size) for size in (256, 512, 1024, 2048)}
        found["RAM size"] = await bench.turns(sizes)
        found["RAM written to"] = await bench.dirtied()
        found["eight at once"] = await bench.together(max(1, rounds // 3))
        await backend.close()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=7, help="rounds")
    parser.add_argument("--cache", type=Path, default=REPO / ".cache" / "images")
    options = parser.parse_args()
    found = asyncio.run(measure(options.n, options.cache))
    medians = {
        part: {name: round(statistics.median(times), 1) for name, times in figures.items()}
        for part, figures in found.items()
    }
    for part, figures in found.items():
        print(part, file=sys.stderr)
        for name, times in figures.items():
            line = (
                f"  {name:<24} {medians[part][name]:8.0f} ({min(times):.0f}-{max(times):.0f}) [{len(times)}]"
            )
            print(line, file=sys.stderr)
    single, eight = medians["256 MiB"], medians["eight at once"]
    sizes = medians["RAM size"]
    result = {
        "bench": "fork",
        "n": options.n,
        "unit": "ms",
        "medians": medians,
        "ratios": {
            "boot to fork, control": round(single["boot control"] / single["fork control"], 1),
            "boot to fork, ssh": round(single["boot ssh"] / single["fork ssh"], 1),
            "fork 2048 to 256 MiB": round(sizes["fork 2048 MiB control"] / sizes["fork 256 MiB control"], 2),
            "eight boots to eight forks": round(eight["boot all ms"] / eight["fork all ms"], 1),
            "memory of a boot to a fork": round(eight["boot pss MiB"] / eight["fork pss MiB"], 1),
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
