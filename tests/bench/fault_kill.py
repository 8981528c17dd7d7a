"""Kills vmbench by SIGKILL at random moments and looks at what it leaves.

A process boots, saves, forks, runs commands and removes, in a scratch state folder, on machines of its
own and on a kept one. After every kill: no process of a machine that nobody kept, the kept machine with
its mark on disk and in RAM, every snapshot that is listed forks. Prints a line of JSON; exits with 1 if
anything was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))

from backends.base import BackendError, MachineRequest  # noqa: E402
from backends.images.store import ImageStore  # noqa: E402
from backends.qemu.backend import QemuBackend, make_backends  # noqa: E402
from backends.snapshots import SnapshotStore  # noqa: E402
from backends.store import MachineStore  # noqa: E402

MARK = "kept-and-not-lost"


class Scratch:
    """A scratch state folder."""

    def __init__(self, root: Path, images: Path) -> None:
        self.root, self.images = root, images
        self.machines = MachineStore(root / "machines")
        self.snapshots = SnapshotStore(root / "snapshots")
        self.templates = SnapshotStore(root / "templates")

    def backend(self) -> QemuBackend:
        """Return a backend as a fresh vmbench would make it."""
        return make_backends(
            self.machines, ImageStore(self.images), snapshots=self.snapshots, templates=self.templates
        )["microvm"]

    def sweep(self) -> None:
        """Do what every vmbench does when it starts."""
        self.machines.reclaim()
        self.snapshots.sweep()
        self.templates.sweep()

    def processes(self) -> list[tuple[int, str]]:
        """Return pid and machine of every guest's process in this folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    where, program = (entry / "cwd").readlink(), (entry / "comm").read_text()
                except OSError:
                    continue
                if program.startswith("qemu-system") and where.is_relative_to(self.machines.root):
                    found.append((int(entry.name), where.name))
        return found


def say(step: str) -> None:
    """Tell the killer what is being done."""
    print(step, flush=True)


async def work(scratch: Scratch, kept: str, seed: int) -> None:
    """Do everything that can be interrupted, over and over, until killed."""
    backend, chance = scratch.backend(), random.Random(seed)
    held = await backend.adopt(kept)
    for number in range(1000):
        name = f"s{seed}-{number}"
        match chance.choice(("exec", "save", "boot", "fork", "remove")):
            case "exec":
                say("exec")
                await held.exec("sync; sleep 0.3")
            case "save":
                say("save")
                await held.save(name)
            case "boot":
                say("boot")
                machine = await backend.create(MachineRequest(cold=chance.random() < 0.5, disk=16))
                await machine.start()
                say("save-new")
                await machine.save(f"{name}-new")
                say("remove-machine")
                await machine.remove()
            case "fork" if scratch.snapshots.records():
                say("fork")
                machine = await backend.fork(chance.choice(scratch.snapshots.records()).name)
                await machine.start()
                say("exec-fork")
                await machine.exec("true")
                await machine.remove()
            case "remove" if len(scratch.snapshots.records()) > 2:
                say("remove-snapshot")
                scratch.snapshots.remove(chance.choice(scratch.snapshots.records()).name)


async def make_kept(scratch: Scratch) -> str:
    """Make the machine that must survive everything."""
    backend = scratch.backend()
    machine = await backend.create(MachineRequest(disk=16))
    await machine.start()
    await machine.exec(f"echo {MARK} | tee /data/mark >/tmp/mark; sync")
    await machine.keep("a fault run")
    await machine.release()
    return machine.id


def kill_once(scratch: Scratch, kept: str, seed: int, delay: float) -> str:
    """Run the worker, kill it after ``delay`` seconds of work, and return what it was doing."""
    command = [sys.executable, __file__, "--worker", kept, "--seed", str(seed)]
    command += ["--state", str(scratch.root), "--cache", str(scratch.images)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        said = [worker.stdout.readline().strip()]
        time.sleep(delay)
        os.kill(worker.pid, signal.SIGKILL)
        said += worker.stdout.read().splitlines()
        worker.wait()
        if worker.returncode != -signal.SIGKILL:
            said.append(f"ended by itself with {worker.returncode}")
    return [s for s in said if s][-1]


async def inspect(scratch: Scratch, kept: str, thoroughly: bool) -> list[str]:
    """Return what is wrong."""
    wrong = []
    scratch.sweep()
    records = {r.id: r for r in scratch.machines.records()}
    wrong += [f"the process {pid} of {m} lives on" for pid, m in scratch.processes() if m != kept]
    wrong += [f"{name} was not kept, but is there" for name in records if name != kept]
    backend = scratch.backend()
    try:
        machine = await backend.adopt(kept)
        done = await machine.exec("cat /data/mark /tmp/mark", timeout=120)
        if done.stdout.decode().split() != [MARK, MARK]:
            wrong.append(f"{kept} is damaged: {done}")
        await machine.release()
    except (BackendError, OSError) as error:
        wrong.append(f"{kept} cannot be taken up: {error}")
    listed = scratch.snapshots.records()
    for record in listed if thoroughly else listed[-1:]:
        wrong += await restores(backend, record.name)
    await backend.close()
    return wrong


async def restores(backend: QemuBackend, name: str) -> list[str]:
    """Return what is wrong with a snapshot."""
    machine = None
    try:
        machine = await backend.fork(name)
        await machine.start()
        done = await machine.exec("true", timeout=120)
        return [] if done.ok else [f"{name}: a command ends with {done.exit_code}"]
    except BackendError as error:
        return [f"{name} does not restore: {error} {error.detail}"]
    finally:
        if machine is not None:
            await machine.remove()


async def rounds(scratch: Scratch, count: int, seed: int) -> Mapping[str, object]:
    """Kill ``count`` times; return what was met."""
    chance = random.Random(seed)
    kept = await make_kept(scratch)
    wrong: list[str] = []
    during: Counter[str] = Counter()
    try:
        for number in range(count):
            step = await asyncio.to_thread(kill_once, scratch, kept, seed + number, chance.uniform(0, 3))
            during[step] += 1
            found = await inspect(scratch, kept, thoroughly=number == count - 1)
            wrong += [f"kill {number + 1} during {step}: {what}" for what in found]
            print(f"{number + 1:3} killed during {step:<16} {'; '.join(found) or 'well'}", file=sys.stderr)
    finally:
        scratch.machines.remove(kept)
    listed = len(scratch.snapshots.records())
    return {"fault": "kill", "n": count, "seed": seed, "during": during, "snapshots": listed, "wrong": wrong}


def run(count: int, seed: int, images: Path) -> Mapping[str, object]:
    """Kill ``count`` times in a scratch folder of its own."""
    with tempfile.TemporaryDirectory(prefix="vmbench-fault-") as folder:
        return asyncio.run(rounds(Scratch(Path(folder), images), count, seed))


def main() -> None:
    """Kill and print, or be what is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=50, help="kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=REPO / ".cache" / "images")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--state", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        asyncio.run(work(Scratch(options.state, options.cache), options.worker, options.seed))
        return
    result = run(options.n, options.seed, options.cache)
    print(json.dumps(result))
    sys.exit(1 if result["wrong"] else 0)


if __name__ == "__main__":
    main()
