"""What checkpoints cost a test of ten steps, run with them and without, taking turns.

A step works for about a second and writes 2 MiB to memory and to the disk. Prints lines for people and
one of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))

from app.engine.api import RunOptions  # noqa: E402
from app.engine.engine import Engine  # noqa: E402
from app.engine.events import CheckpointSaved, Outcome, TestFinished  # noqa: E402
from backends.images.store import ImageStore  # noqa: E402
from backends.qemu.backend import make_backends  # noqa: E402
from backends.snapshots import SnapshotStore  # noqa: E402
from backends.store import MachineStore  # noqa: E402
from registry.model import MachineSpec  # noqa: E402
from tests.fakes import make_registry, make_test, shell  # noqa: E402

STEPS = 10
STEP = "dd if=/dev/urandom of=/tmp/{n} bs=1M count=2 2>/dev/null; cp /tmp/{n} /data/; sync; sleep 0.8"


async def measure(rounds: int, cache: Path) -> dict[str, list[float]]:
    """Return the test's seconds without and with checkpoints, and the seconds that each save took."""
    taken: dict[str, list[float]] = {"without": [], "with": [], "saves": []}
    steps = [shell(STEP.format(n=number)) for number in range(STEPS)]
    registry = make_registry(make_test("ten-steps", *steps, machine=MachineSpec(memory=256, disk=64)))
    with tempfile.TemporaryDirectory(prefix="vmbench-bench-") as name:
        root = Path(name)
        snapshots = SnapshotStore(root / "snapshots")
        backends = make_backends(
            MachineStore(root / "machines"),
            ImageStore(cache),
            snapshots=snapshots,
            templates=SnapshotStore(root / "templates"),
        )
        engine = Engine(
            lambda: registry, backends, "microvm", root / "runs", root / "state", snapshots=snapshots
        )
        engine.load()
        for number in range(rounds + 1):
            for kind in ("without", "with"):
                run = await engine.start(registry, RunOptions(checkpoints=kind == "with"))
                async for stamped in run.follow():
                    match stamped.event:
                        case CheckpointSaved() as saved if number:
                            taken["saves"].append(saved.duration)
                        case TestFinished() as done:
                            if done.outcome is not Outcome.PASSED:
                                raise SystemExit(f"the test {done.outcome.value}: {done.message}")
                            if number:
                                taken[kind].append(done.duration)
        await engine.close()
        for backend in backends.values():
            await backend.close()
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=5, help="rounds")
    parser.add_argument("--cache", type=Path, default=REPO / ".cache" / "images")
    options = parser.parse_args()
    taken = asyncio.run(measure(options.n, options.cache))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    for name, times in taken.items():
        line = f"{name:<8} {medians[name]:6.2f} s ({min(times):.2f}-{max(times):.2f}) [{len(times)}]"
        print(line, file=sys.stderr)
    share = statistics.median(
        [with_ / without - 1 for with_, without in zip(taken["with"], taken["without"], strict=True)]
    )
    result = {
        "bench": "checkpoints",
        "n": options.n,
        "unit": "s",
        "medians": {name: round(median, 3) for name, median in medians.items()},
        "cost": round(share, 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
