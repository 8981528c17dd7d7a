"""Eight microVMs at once against one: from asking for them to the end of a command in each.

Prints a line for people and one of JSON; ``ratio`` is eight's time over one's, both medians of turns
taken in one run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))

from backends.base import MachineRequest  # noqa: E402
from backends.images.store import ImageStore  # noqa: E402
from backends.qemu.backend import QemuBackend, make_backends  # noqa: E402
from backends.qemu.machine import QemuMachine  # noqa: E402
from backends.store import MachineStore  # noqa: E402


async def together(backend: QemuBackend, count: int) -> float:
    """Return the milliseconds until each of ``count`` machines has run a command."""
    began = time.perf_counter()

    async def one() -> None:
        machine = await backend.create(MachineRequest())
        try:
            await machine.start()
            assert (await machine.exec("true")).ok
            finished.append(time.perf_counter())
        finally:
            machines.append(machine)

    machines: list[QemuMachine] = []
    finished: list[float] = []
    await asyncio.gather(*[one() for _ in range(count)])
    taken = (max(finished) - began) * 1000
    await asyncio.gather(*[machine.remove() for machine in machines])
    return taken


async def measure(rounds: int, cache: Path) -> dict[int, list[float]]:
    """Take turns, a single machine as warm-up."""
    taken: dict[int, list[float]] = {1: [], 8: []}
    with tempfile.TemporaryDirectory() as folder:
        backends = make_backends(MachineStore(Path(folder) / "machines"), ImageStore(cache))
        backend = backends["microvm"]
        await backend.prepare("tiny")
        await together(backend, 1)
        for _ in range(rounds):
            for count, times in taken.items():
                times.append(await together(backend, count))
        await backend.close()
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=5, help="rounds")
    parser.add_argument("--cache", type=Path, default=REPO / ".cache" / "images")
    options = parser.parse_args()
    taken = asyncio.run(measure(options.n, options.cache))
    medians = {count: statistics.median(times) for count, times in taken.items()}
    for count, times in taken.items():
        low, high = min(times), max(times)
        spread = f"({low:.0f}-{high:.0f}) [{len(times)}]"
        print(f"{count} at once {medians[count]:7.0f} ms {spread}", file=sys.stderr)
    result = {
        "bench": "parallel",
        "n": options.n,
        "unit": "ms",
        "cores": os.cpu_count(),
        "medians": {str(count): round(median) for count, median in medians.items()},
        "ratio": round(medians[8] / medians[1], 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
