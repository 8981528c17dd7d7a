"""Saving, restoring and forking, on real guests of every backend."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backends.base import MachineRequest, MachineState, WrongState
from backends.images.store import ImageStore
from backends.qemu.backend import QemuBackend, make_backends
from backends.qemu.machine import QemuMachine
from backends.share import Shares
from backends.share_guest import Share
from backends.snapshots import SnapshotError, SnapshotStore
from backends.store import MachineStore
from tests.guest_clock import tells_the_time

Boot = Callable[..., Awaitable[QemuMachine]]
BOTH = pytest.mark.parametrize("backend", ["microvm", "qemu"])

REFUSED = {
    "": "needs a name",
    ".": "folder's own name",
    "..": "folder's own name",
    "../up": "is a path",
    "a/b": "is a path",
    "/etc": "is a path",
    "a\\b": "is a path",
    "a\0b": "control characters",
    "a\nb": "control characters",
    "\x1b[2J": "control characters",
    "a b": "not a snapshot's name",
    "größe": "not a snapshot's name",
    "x" * 101: "not a snapshot's name",
    ".hidden": "begins with a dot",
    "a:b": "not a snapshot's name",
}


@asynccontextmanager
async def forks(backend: QemuBackend, snapshot: str, count: int) -> AsyncIterator[list[QemuMachine]]:
    """Make and start forks at once; they are removed at the end."""
    made = [await backend.fork(snapshot) for _ in range(count)]
    try:
        await asyncio.gather(*[m.start() for m in made])
        yield made
    finally:
        for machine in made:
            await machine.remove()


async def output(machine: QemuMachine, command: str) -> str:
    done = await machine.exec(command)
    assert done.ok, done.stderr.decode()
    return done.stdout.decode().strip()


@BOTH
async def test_saved_restored_and_forked(
    boot: Boot, backends: dict[str, QemuBackend], snapshots: SnapshotStore, tmp_path: Path, backend: str
) -> None:
    machine = await boot(backend, disk=32, env={"COLOUR": "blue"})
    await output(machine, "echo saved >/data/disk; echo saved >/tmp/ram; sleep 5000 & echo $! >/tmp/pid")
    record = await machine.save("first")
    assert (record.name, record.with_ram, record.machine, record.parent) == ("first", True, machine.id, "")
    assert await output(machine, "cat /data/disk /tmp/ram; kill -0 $(cat /tmp/pid) && echo on") == (
        "saved\nsaved\non"
    ), "a saved machine goes on"
    await _names(machine, snapshots)
    await _forks_are_machines_of_their_own(backends[backend], machine)
    await _restored(machine, tmp_path)


async def _names(machine: QemuMachine, snapshots: SnapshotStore) -> None:
    for name, why in REFUSED.items():
        for refused in (machine.save(name), machine.restore(name)):
            if name and machine.state is MachineState.RUNNING and "restore" in refused.__qualname__:
                refused.close()
                continue
            with pytest.raises((SnapshotError, WrongState)) as caught:
                await refused
            if isinstance(caught.value, SnapshotError):
                assert why in caught.value.message
        with pytest.raises(SnapshotError, match=why.replace(".", r"\.")):
            snapshots.remove(name)
    with pytest.raises(SnapshotError, match="already called 'first'"):
        await machine.save("first")
    (snapshots.root / "file").write_text("")
    with pytest.raises(SnapshotError, match="is a file where the snapshot's folder should be"):
        await machine.save("file")
    with pytest.raises(SnapshotError, match="no snapshot is called 'none'"):
        snapshots.get("none")
    with pytest.raises(SnapshotError, match="no snapshot is called 'none'"):
        snapshots.remove("none")
    assert [r.name for r in snapshots.records()] == ["first"]
    assert snapshots.size("first") > 1 << 20


async def _forks_are_machines_of_their_own(backend: QemuBackend, source: QemuMachine) -> None:
    """Different random numbers, right clocks, and one's writes never show in the other."""
    async with forks(backend, "first", 2) as made:
        each = "cat /proc/sys/kernel/random/uuid; head -c 32 /dev/urandom | sha256sum; echo $COLOUR; hostname"
        said = [await output(m, each) for m in (*made, source)]
        uuids, randoms, colours, names = zip(*[s.splitlines() for s in said], strict=True)
        assert len(set(uuids)) == len(set(randoms)) == 3, "forks share no random numbers"
        assert set(colours) == {"blue"} and names == tuple(m.id for m in (*made, source))
        for machine in made:
            assert await tells_the_time(machine)
            assert machine.record.parent == "first" and machine.record.ssh_port
            assert await output(machine, "cat /tmp/ram; kill -0 $(cat /tmp/pid)") == "saved"
            await output(machine, f"echo {machine.id} >/data/disk; echo {machine.id} >/tmp/ram; sync")
            await output(
                machine, "head -c 4000000 /dev/urandom >/data/blob; sync; echo 3 >/proc/sys/vm/drop_caches"
            )
        for machine in (*made, source):
            mine = machine.id if machine is not source else "saved"
            assert await output(machine, "cat /data/disk /tmp/ram") == f"{mine}\n{mine}"
        assert await output(source, "ls /data/blob 2>/dev/null || echo none") == "none"
        grandchild = await made[0].save("second")
        assert grandchild.parent == "first"
        async with forks(backend, "second", 1) as (child,):
            assert await output(child, "cat /data/disk") == made[0].id
            await child.reboot(discard=True)
            assert await output(child, "cat /data/disk") == made[0].id, (
                "it returns to what it was forked from"
            )


async def _restored(machine: QemuMachine, tmp_path: Path) -> None:
    host = tmp_path / "work"
    host.mkdir()
    (host / "f").write_text("before")
    shares = Shares(machine)
    await shares.attach(Share(host, "/srv/work"))
    await machine.save("shared")
    (host / "f").write_text("after")
    await shares.sync()
    await output(machine, "echo later >/data/disk; echo later >/tmp/ram; sync")
    with pytest.raises(WrongState, match=r"cannot restore a snapshot: .* is running") as caught:
        await machine.restore("first")
    assert f"vmbench stop {machine.id}" in caught.value.remedy
    await machine.stop()
    await machine.restore("shared")
    await machine.start()
    assert await output(machine, "cat /data/disk /tmp/ram /srv/work/f") == "saved\nsaved\nbefore"
    assert await tells_the_time(machine)
    await shares.sync()
    assert await output(machine, "cat /srv/work/f") == "after" and (host / "f").read_text() == "after"
    await machine.stop()
    await machine.restore("first")
    await machine.start()
    assert await output(machine, "cat /data/disk; ls /srv/work 2>/dev/null || echo none") == "saved\nnone"


async def test_a_stopped_machine_is_saved_and_its_forks_boot(
    boot: Boot, backends: dict[str, QemuBackend]
) -> None:
    machine = await boot(disk=16)
    await output(machine, "echo on-disk >/data/file; sync")
    await machine.stop()
    record = await machine.save("cold")
    assert not record.with_ram
    async with forks(backends["microvm"], "cold", 1) as (fork,):
        assert await output(fork, "cat /data/file; hostname") == f"on-disk\n{fork.id}"
        await output(fork, "echo changed >/data/file; sync")
    await machine.start()
    assert await output(machine, "cat /data/file") == "on-disk"


async def test_snapshots_go_in_any_order_and_space_comes_back(
    boot: Boot, backends: dict[str, QemuBackend], snapshots: SnapshotStore, machine_store: MachineStore
) -> None:
    backend = backends["microvm"]
    machine = await boot(disk=32)
    for step in ("one", "two", "three"):
        await output(machine, f"echo {step} >/data/step; head -c 2000000 /dev/urandom >/data/{step}; sync")
        await machine.save(step)
    snapshots.remove("two")
    async with forks(backend, "one", 1) as (first,), forks(backend, "three", 1) as (last,):
        snapshots.remove("one")
        await machine.remove()
        snapshots.remove("three")
        assert await output(first, "cat /data/step; ls /data/two /data/three 2>/dev/null | wc -l") == "one\n0"
        assert await output(last, "cat /data/step; ls /data/one /data/two | wc -l") == "three\n2"
        assert await output(last, "cat /data/one /data/two /data/three | wc -c") == "6000000"
    assert snapshots.records() == [] and machine_store.records() == []
    left = [
        p for p in itertools.chain(snapshots.root.rglob("*"), machine_store.root.rglob("*")) if p.is_file()
    ]
    assert sum(p.stat().st_size for p in left) < 1 << 20, f"space is given back: {left}"


async def test_a_snapshot_moves_as_one_file(
    boot: Boot, snapshots: SnapshotStore, image_store: ImageStore, templates: SnapshotStore, tmp_path: Path
) -> None:
    machine = await boot(disk=16)
    await output(machine, "echo moved >/tmp/ram; echo moved >/data/disk; sync")
    await machine.save("journey")
    snapshots.rename("journey", "travel")
    size = snapshots.export("travel", tmp_path / "travel.vmbench")
    assert size == (tmp_path / "travel.vmbench").stat().st_size
    with pytest.raises(SnapshotError, match="exists"):
        snapshots.export("travel", tmp_path / "travel.vmbench")
    await machine.remove()
    snapshots.remove("travel")
    elsewhere = SnapshotStore(tmp_path / "elsewhere" / "snapshots")
    elsewhere.import_(tmp_path / "travel.vmbench", "arrived")
    backend = make_backends(
        MachineStore(tmp_path / "elsewhere" / "machines"), image_store, snapshots=elsewhere
    )["microvm"]
    async with forks(backend, "arrived", 1) as (fork,):
        assert await output(fork, "cat /tmp/ram /data/disk") == "moved\nmoved"
    await backend.close()
    whole = (tmp_path / "travel.vmbench").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text").write_text("no snapshot")
    for bad in ("cut", "text", "absent"):
        with pytest.raises(SnapshotError, match="cannot read"):
            elsewhere.import_(tmp_path / bad, "bad")
    assert [r.name for r in elsewhere.records()] == ["arrived"]


async def test_a_damaged_snapshot_is_refused_and_a_damaged_template_made_anew(
    boot: Boot, backends: dict[str, QemuBackend], image_store: ImageStore, tmp_path: Path
) -> None:
    machine = await boot()
    await machine.save("hurt")
    state = tmp_path / "snapshots" / "hurt" / "state"
    content = state.read_bytes()
    state.write_bytes(content[:-100])
    with pytest.raises(SnapshotError, match="damaged: state is not as it was saved"):
        await backends["microvm"].fork("hurt")
    own = SnapshotStore(tmp_path / "templates")
    backend = make_backends(MachineStore(tmp_path / "other"), image_store, templates=own)["microvm"]
    for harm in (lambda p: None, lambda p: (p / "state").write_bytes(b"x"), lambda p: shutil.rmtree(p)):
        for record in own.records():
            harm(own.folder(record.name))
        made = await backend.create(MachineRequest())
        try:
            await made.start()
            assert await output(made, "hostname") == made.id
            assert len(own.records()) == 1
        finally:
            await made.remove()
    await backend.close()


async def test_a_template_serves_many_and_is_left_as_it_is(
    boot: Boot, templates: SnapshotStore, tmp_path: Path
) -> None:
    first, second = await boot(), await boot()
    assert first.record.image == second.record.image and len(templates.records()) >= 1
    await output(first, "head -c 50000000 /dev/zero | tr '\\0' x >/tmp/dirt; echo mine >/tmp/mine")
    third = await boot()
    for other in (second, third):
        assert await output(other, "ls /tmp/dirt /tmp/mine 2>/dev/null | wc -l") == "0"
    randoms = [await output(m, "head -c 16 /dev/urandom | sha256sum") for m in (first, second, third)]
    assert len(set(randoms)) == 3
    keys = {await output(m, "cat /root/.ssh/authorized_keys") for m in (first, second, third)}
    assert len(keys) == 3, "each fork lets in its own key alone"
