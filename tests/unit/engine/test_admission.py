from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.engine.admission import OVERHEAD, Admission
from app.engine.memory import available_memory, default_reserve
from backends.base import MachineState
from backends.process import this_process
from backends.store import RECORD, MachineRecord


def admission(folder: Path, available: int = 1000, reserve: int = 0) -> Admission:
    return Admission(folder, reserve=reserve, available=lambda: available)


def need(memory: int) -> int:
    """Return the guest memory of which the whole machine takes ``memory``."""
    return memory - OVERHEAD


async def settle(task: asyncio.Task) -> bool:
    """Return whether a request is admitted, after its first look at the ledger at least."""
    done, _ = await asyncio.wait({task}, timeout=0.3)
    return bool(done)


async def test_leases_are_given_as_long_as_there_is_room(tmp_path):
    gate = admission(tmp_path, 1000, reserve=100)
    first = await gate.acquire(need(400))
    second = await gate.acquire(need(500))
    assert gate.room() == 0
    told = []
    third = asyncio.create_task(gate.acquire(need(100), on_wait=told.append))
    assert not await settle(third)
    assert told == ["waiting for memory: needs 100 MiB, 0 MiB are free"]
    await first.release()
    await first.release()
    lease = await third
    await second.release()
    await lease.release()
    assert gate.room() == 900


async def test_a_big_request_is_not_overtaken_by_small_ones(tmp_path):
    gate = admission(tmp_path, 1000)
    running = await gate.acquire(need(600))
    big = asyncio.create_task(gate.acquire(need(900)))
    assert not await settle(big)
    small = asyncio.create_task(gate.acquire(need(100)))
    assert not await settle(small)
    await running.release()
    lease = await big
    assert (await small).memory == 100
    await lease.release()


async def test_what_is_too_big_for_the_host_runs_alone(tmp_path):
    gate = admission(tmp_path, 1000)
    huge = await gate.acquire(5000)
    small = asyncio.create_task(gate.acquire(need(100)))
    assert not await settle(small)
    await huge.release()
    await (await small).release()


async def test_a_cancelled_request_leaves_nothing_behind(tmp_path):
    gate = admission(tmp_path, 1000)
    lease = await gate.acquire(need(1000))
    waiting = asyncio.create_task(gate.acquire(need(500)))
    assert not await settle(waiting)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await lease.release()
    assert json.loads((tmp_path / "leases.json").read_text()) == []


async def test_memory_that_a_guest_touched_is_not_counted_twice(tmp_path):
    gate = admission(tmp_path, 1000)
    lease = await gate.acquire(need(500))
    assert gate.room() == 500
    folder = tmp_path / "machine"
    folder.mkdir()
    record = MachineRecord(
        id="calm-otter",
        backend="fake",
        image="tiny",
        image_digest="",
        cpus=1,
        memory=500,
        disk=None,
        label="",
        run="",
        created=0.0,
        state=MachineState.RUNNING,
        process=this_process(),
    )
    (folder / RECORD).write_text(record.to_json())
    await lease.bind(folder)
    assert 500 < gate.room() <= 1000
    await lease.release()


async def test_a_lease_of_a_dead_process_is_dropped(tmp_path):
    other = holder(tmp_path, need(1000))
    gate = admission(tmp_path, 1000)
    assert gate.room() == 0
    waiting = asyncio.create_task(gate.acquire(need(800)))
    assert not await settle(waiting)
    other.kill()
    other.wait()
    lease = await waiting
    await lease.release()


async def test_several_processes_never_take_more_than_there_is(tmp_path):
    """Each process runs many machines; the sum of the leases in the ledger is checked at every step."""
    workers = []
    for _ in range(3):
        workers.append(subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path)]))  # noqa: ASYNC220, PERF401
    try:
        codes = [await asyncio.to_thread(worker.wait, 120) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert codes == [0, 0, 0]
    assert json.loads((tmp_path / "leases.json").read_text()) == []


WORKER = """
import asyncio, json, random, sys
from pathlib import Path
from app.engine import admission as module
from app.engine.admission import Admission

module.POLL = 0.01
folder = Path(sys.argv[1])

async def machine(gate, memory):
    lease = await gate.acquire(memory)
    entries = json.loads((folder / "leases.json").read_text())
    assert sum(e["memory"] for e in entries if not e["waiting"]) <= 1000, entries
    await asyncio.sleep(random.random() / 200)
    await lease.release()

async def main():
    gate = Admission(folder, reserve=0, available=lambda: 1000)
    await asyncio.gather(*(machine(gate, random.randrange(10, 900)) for _ in range(25)))

asyncio.run(main())
"""


def holder(folder: Path, memory: int) -> subprocess.Popen[bytes]:
    """Start a process that holds a lease until it is killed."""
    code = f"""
import asyncio
from pathlib import Path
from app.engine.admission import Admission

async def main():
    await Admission(Path({str(folder)!r}), reserve=0, available=lambda: 1000).acquire({memory})
    print("held", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    process.stdout.close()
    return process


def test_a_damaged_ledger_is_started_anew(tmp_path):
    (tmp_path / "leases.json").write_text('[{"id": 1')
    assert admission(tmp_path, 700).room() == 700


def lay_out(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MIB = 1 << 20


def test_the_tightest_control_group_of_version_2_decides(tmp_path):
    root = lay_out(
        tmp_path,
        {
            "proc/self/cgroup": "0::/user/app\n",
            "sys/fs/cgroup/user/memory.max": f"{100 * MIB}\n",
            "sys/fs/cgroup/user/memory.current": f"{90 * MIB}\n",
            "sys/fs/cgroup/user/memory.stat": f"anon 5\ninactive_file {20 * MIB}\n",
            "sys/fs/cgroup/user/app/memory.max": "max\n",
            "sys/fs/cgroup/user/app/memory.current": "5\n",
            "sys/fs/cgroup/user/app/memory.stat": "inactive_file 0\n",
        },
    )
    assert available_memory(root) == 30


def test_a_control_group_of_version_1_is_seen_from_inside_a_container(tmp_path):
    # In a container the path is the host's, and only the mount's top is there.
    root = lay_out(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{64 * MIB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{16 * MIB}\n",
            "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 0\n",
        },
    )
    assert available_memory(root) == 48


def test_without_control_groups_the_host_decides(tmp_path):
    assert available_memory(tmp_path) > 0
    assert default_reserve() >= 512
