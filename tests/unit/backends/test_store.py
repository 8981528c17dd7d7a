"""The machine store: ids, records, locks, reclaiming, and two processes at once."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backends.base import MachineState, UnknownMachine, WrongState
from backends.names import ID_PATTERN
from backends.process import ProcessIdentity, identify, this_process
from backends.store import RECORD, MachineFolder, MachineRecord, MachineStore, holders, locked

REPO = Path(__file__).resolve().parents[3]


def record(name: str, **changes: object) -> MachineRecord:
    base = MachineRecord(
        id=name,
        backend="microvm",
        image="tiny",
        image_digest="d" * 8,
        cpus=1,
        memory=256,
        disk=None,
        label="a test",
        run="r1",
        created=1.0,
        owner=this_process(),
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def dead_process() -> ProcessIdentity:
    return dataclasses.replace(this_process(), start="1")


@pytest.fixture
def store(tmp_path: Path) -> MachineStore:
    return MachineStore(tmp_path / "machines")


def sleeper(folder: MachineFolder | None = None) -> subprocess.Popen[bytes]:
    fds = [folder.lock_fd] if folder else []
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=fds)


def test_a_created_machine_has_a_private_folder_a_lock_and_a_record(store: MachineStore) -> None:
    held = store.create(record)
    assert ID_PATTERN.fullmatch(held.record.id)
    assert held.path.stat().st_mode & 0o777 == 0o700
    assert (held.path / RECORD).stat().st_mode & 0o777 == 0o600
    assert locked(held.path)
    assert [r.id for r in store.records()] == [held.record.id]
    held.delete()
    assert store.records() == []
    assert list(store.root.iterdir()) == []


def test_a_record_survives_its_json(store: MachineStore) -> None:
    made = record("calm-otter", process=this_process(), keep=True, ssh_port=5, state=MachineState.RUNNING)
    assert MachineRecord.from_json(made.to_json()) == made


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"state": "odd"}', "\x00", '{"state": "running"}'])
def test_no_record_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        MachineRecord.from_json(text)


def test_machines_are_found_by_any_unambiguous_prefix(store: MachineStore) -> None:
    held = store.create(record)
    name = held.record.id
    assert store.find(name).id == name
    assert store.find(name[:4]).id == name
    with pytest.raises(UnknownMachine, match="no machine"):
        store.find("nobody")
    with pytest.raises(UnknownMachine):
        store.find("")
    held.delete()


def test_an_ambiguous_prefix_names_the_candidates(store: MachineStore) -> None:
    for name in ("calm-otter", "calm-owl"):
        (store.root / name).mkdir(parents=True)
        (store.root / name / RECORD).write_text(record(name).to_json())
    with pytest.raises(UnknownMachine, match="calm-otter, calm-owl"):
        store.find("calm")
    assert store.find("calm-owl").id == "calm-owl"


def test_a_running_machine_whose_process_is_gone_has_died(store: MachineStore) -> None:
    held = store.create(record)
    held.update(state=MachineState.RUNNING, process=dead_process())
    assert store.records()[0].state is MachineState.DIED
    assert store.records()[0].pid is None
    held.delete()


def test_reclaim_kills_and_removes_what_a_dead_vmbench_left_and_nothing_else(store: MachineStore) -> None:
    orphan, kept, mine = (store.create(record) for _ in range(3))
    process = sleeper(orphan)
    orphan.update(state=MachineState.RUNNING, process=identify(process.pid), owner=dead_process())
    kept.update(keep=True, owner=dead_process())
    orphan.close()
    messages = store.reclaim()
    assert len(messages) == 1 and orphan.record.id in messages[0] and "a test" in messages[0]
    assert process.wait(60) == -signal.SIGKILL
    assert {r.id for r in store.records()} == {kept.record.id, mine.record.id}
    assert store.reclaim() == []
    kept.delete()
    mine.delete()


def test_reclaim_finds_a_guest_that_never_reached_the_record(store: MachineStore) -> None:
    orphan = store.create(record)
    process = sleeper(orphan)
    orphan.update(owner=dead_process())
    orphan.close()
    assert [h.pid for h in holders(orphan.path)] == [process.pid]
    assert len(store.reclaim()) == 1
    assert process.wait(60) == -signal.SIGKILL


def test_reclaim_never_kills_a_process_that_merely_has_the_pid(store: MachineStore) -> None:
    orphan = store.create(record)
    process = sleeper()
    alive = identify(process.pid)
    assert alive is not None
    orphan.update(process=dataclasses.replace(alive, start="1"), owner=dead_process())
    orphan.close()
    assert len(store.reclaim()) == 1
    assert process.poll() is None
    process.kill()
    process.wait()


def test_an_unreadable_folder_is_left_alone_while_it_is_young_or_held(store: MachineStore) -> None:
    folder = store.root / "calm-otter"
    folder.mkdir(parents=True)
    assert store.reclaim() == []
    os.utime(folder, (1, 1))
    assert len(store.reclaim()) == 1
    assert not folder.exists()


def test_a_machine_of_another_living_run_is_not_removed(store: MachineStore) -> None:
    held = store.create(record)
    process = sleeper()
    held.update(owner=identify(process.pid))
    with pytest.raises(WrongState, match="another vmbench"):
        store.remove(held.record.id)
    process.kill()
    process.wait()
    assert store.remove(held.record.id).id == held.record.id
    assert store.records() == []


def test_the_lock_lives_as_long_as_the_guests_process(store: MachineStore) -> None:
    held = store.create(record)
    process = sleeper(held)
    held.close()
    assert locked(held.path)
    process.kill()
    process.wait()
    assert not locked(held.path)


def test_reports_are_taken_once(store: MachineStore) -> None:
    store.root.mkdir(parents=True)
    assert store.take_reports() == []
    store.report(["one", "two"])
    store.report([])
    assert store.take_reports() == ["one", "two"]
    assert store.take_reports() == []


def test_many_processes_create_at_once_without_a_clash(store: MachineStore) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "sys.path.insert(0, 'tests/unit/backends')\n"
        "from test_store import record; from backends.store import MachineStore\n"
        "store = MachineStore(Path(sys.argv[1]))\n"
        "print(*[store.create(record).record.id for _ in range(20)])\n"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(store.root)],
            stdout=subprocess.PIPE,
            cwd=REPO,
            env={**os.environ, "PYTHONPATH": str(REPO)},
        )
        for _ in range(3)
    ]
    ids = [name for run in runs for name in run.communicate()[0].decode().split()]
    assert len(ids) == len(set(ids)) == 60
    assert len(store.reclaim()) == 60


def test_the_reaper_removes_the_machines_of_a_killed_vmbench(store: MachineStore) -> None:
    script = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "sys.path.insert(0, 'tests/unit/backends')\n"
        "from test_store import record, sleeper; from backends.process import identify\n"
        "from backends.store import MachineStore; from backends.reaper import Reaper\n"
        "async def main():\n"
        "    store = MachineStore(Path(sys.argv[1]))\n"
        "    reaper = Reaper(store); await reaper.ensure()\n"
        "    for keep in (False, True):\n"
        "        held = store.create(record)\n"
        "        guest = sleeper(held)\n"
        "        held.update(process=identify(guest.pid), keep=keep)\n"
        "        print(guest.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", script, str(store.root)],
        stdout=subprocess.PIPE,
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )
    assert run.stdout is not None
    pids = [int(run.stdout.readline()) for _ in range(2)]
    unkept, kept = (identify(pid) for pid in pids)
    assert unkept is not None and kept is not None
    run.kill()
    run.wait()
    run.stdout.close()
    assert unkept.wait_gone(60)
    reports: list[str] = []
    deadline = time.monotonic() + 60
    while not reports and time.monotonic() < deadline:
        reports = store.take_reports()
        time.sleep(0.05)
    assert len(reports) == 1 and "reclaimed" in reports[0]
    assert kept.alive()
    assert [r.keep for r in store.records()] == [True]
    kept.signal()
    assert kept.wait_gone(60)
