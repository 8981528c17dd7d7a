"""Boot to first command, as a ratio to the bare QEMU boot of the same kernel to the same marker.

Both take turns in one run. The bare boot is the command line of vmbench's own machine, its console on
a pipe, until the marker line is printed; vmbench's is from asking for a machine to the end of ``true``
over SSH. Prints a line for people and one of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))

from backends.base import MachineRequest  # noqa: E402
from backends.images.store import ImageStore  # noqa: E402
from backends.qemu import argv as command_lines  # noqa: E402
from backends.qemu import sockets  # noqa: E402
from backends.qemu.backend import QemuBackend, make_backends  # noqa: E402
from backends.qemu.machine import QemuMachine  # noqa: E402
from backends.store import MachineStore  # noqa: E402

MARKER = b"vmbench: ready"


def bare_boot(machine: QemuMachine) -> float:
    """Return the milliseconds from spawn to marker of the machine's own command line."""
    listening = [sockets.listen(machine.folder, f"bare-{name}") for name in command_lines.SOCKETS[:2]]
    fds = [s.fileno() for s in listening]
    launch = dataclasses.replace(machine.launch, qmp_fd=fds[0], control_fd=fds[1])
    line = ["file:/dev/stdout" if word == "chardev:console" else word for word in command_lines.argv(launch)]
    at = line.index(next(word for word in line if word.startswith("socket,id=console")))
    del line[at - 1 : at + 1]
    began = time.perf_counter()
    process = subprocess.Popen(
        line, cwd=machine.folder, stdout=subprocess.PIPE, pass_fds=fds, stdin=subprocess.DEVNULL
    )
    assert process.stdout is not None
    seen = b""
    while MARKER not in seen:
        chunk = os.read(process.stdout.fileno(), 4096)
        if not chunk:
            raise SystemExit("the bare boot ended before its marker")
        seen += chunk
    taken = (time.perf_counter() - began) * 1000
    process.kill()
    process.wait()
    process.stdout.close()
    for name, made in zip(command_lines.SOCKETS, listening, strict=False):
        made.close()
        (machine.folder / f"bare-{name}").unlink()
    return taken


async def full_boot(backend: QemuBackend) -> float:
    """Return the milliseconds from asking for a machine to the end of its first command."""
    began = time.perf_counter()
    machine = await backend.create(MachineRequest())
    try:
        await machine.start()
        assert (await machine.exec("true")).ok
        return (time.perf_counter() - began) * 1000
    finally:
        await machine.remove()


async def measure(rounds: int, cache: Path) -> dict[str, list[float]]:
    """Take turns, one warm-up round first."""
    taken: dict[str, list[float]] = {"bare": [], "vmbench": []}
    with tempfile.TemporaryDirectory() as folder:
        backends = make_backends(MachineStore(Path(folder) / "machines"), ImageStore(cache))
        backend = backends["microvm"]
        await backend.prepare("tiny")
        pattern = await backend.create(MachineRequest())
        for number in range(rounds + 1):
            bare = await asyncio.to_thread(bare_boot, pattern)
            full = await full_boot(backend)
            if number:
                taken["bare"].append(bare)
                taken["vmbench"].append(full)
        await pattern.remove()
        await backend.close()
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=11, help="rounds")
    parser.add_argument("--cache", type=Path, default=REPO / ".cache" / "images")
    options = parser.parse_args()
    taken = asyncio.run(measure(options.n, options.cache))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    for name, times in taken.items():
        low, high = min(times), max(times)
        print(f"{name:<10} {medians[name]:7.0f} ms ({low:.0f}-{high:.0f}) [{len(times)}]", file=sys.stderr)
    pairs = [full / bare for bare, full in zip(taken["bare"], taken["vmbench"], strict=True)]
    result = {
        "bench": "boot",
        "n": options.n,
        "unit": "ms",
        "medians": {name: round(median) for name, median in medians.items()},
        "ratio": round(statistics.median(pairs), 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
