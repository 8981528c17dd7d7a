"""Faults of the host: vmbench killed at random moments, and a disk that is full."""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from backends.base import BackendError, MachineRequest, MachineState
from backends.images.store import ImageStore
from backends.qemu.backend import make_backends
from backends.qemu.machine import QemuMachine
from backends.snapshots import SnapshotStore
from backends.store import MachineStore
from tests.real_user import User
from tests.small_disk import fill, litter, small_disk

Boot = Callable[..., Awaitable[QemuMachine]]
BENCH = Path(__file__).resolve().parents[1] / "bench" / "fault_kill.py"


@pytest.fixture
def fault_kill() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fault_kill", BENCH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_killed_at_random_moments_nothing_leaks_and_nothing_kept_is_lost(
    fault_kill: ModuleType, image_store: ImageStore
) -> None:
    result = fault_kill.run(3, 11, image_store.root)
    assert result["n"] == 3 and sum(result["during"].values()) == 3
    assert result["wrong"] == []


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file system of as many MiB as the test is parametrised with."""
    with small_disk(tmp_path / "small", request.param) as folder:
        yield folder


@pytest.mark.parametrize("disk", [60], indirect=True)
async def test_a_full_disk_while_saving_leaves_the_old_state(
    boot: Boot, snapshots: SnapshotStore, disk: Path
) -> None:
    machine = await boot(disk=16)
    await machine.exec("echo kept | tee /data/mark >/tmp/mark; head -c 80000000 /dev/urandom >/tmp/ram")
    snapshots.root = disk
    small = SnapshotStore(disk)
    for _ in range(2):
        with pytest.raises(BackendError) as caught:
            await machine.save("big")
        assert "space" in f"{caught.value.message} {caught.value.remedy}" or "full" in caught.value.remedy
        assert small.records() == [] and list(disk.iterdir()) == [], "no half snapshot is left"
        assert machine.state is MachineState.RUNNING
        assert (await machine.exec("cat /data/mark /tmp/mark")).stdout == b"kept\nkept\n"
    await machine.exec("rm /tmp/ram; echo 3 >/proc/sys/vm/drop_caches")
    snapshots.root = disk.parent / "snapshots"
    await machine.save("fits")
    assert [r.name for r in snapshots.records()] == ["fits"]


@pytest.mark.parametrize("disk", [200], indirect=True)
async def test_a_full_disk_while_making_a_machine_leaves_none(image_store: ImageStore, disk: Path) -> None:
    filler = fill(disk)
    store = MachineStore(disk / "machines")
    backend = make_backends(store, image_store, "tcg")["microvm"]
    with pytest.raises(BackendError) as caught:
        await backend.create(MachineRequest())
    assert "space" in caught.value.message.lower() + caught.value.remedy
    assert store.records() == [] and [p for p in store.root.glob("*") if p.is_dir()] == []
    filler.unlink()
    machine = await backend.create(MachineRequest())
    await machine.remove()
    await backend.close()


@pytest.mark.parametrize("disk", [160], indirect=True)
def test_a_machine_outlives_a_full_disk_of_all_that_vmbench_keeps(disk: Path, user: User) -> None:
    user.environ["VMBENCH_STATE"] = str(disk)
    machine = user.run("up", "--cold").stdout.strip()
    filler = fill(disk)
    refused = user.run("snapshot", "save", machine, "none", code=1)
    assert f"{disk}/snapshots/" in refused.stderr and "free some disk space" in refused.stderr
    assert list((disk / "snapshots").iterdir()) == []
    assert user.run("exec", machine, "--", "echo", "lives").stdout == "lives\n"
    user.run("stop", machine)
    refused = user.run("start", machine, code=1)
    assert f"cannot write {disk}/machines/{machine}/" in refused.stderr
    assert litter(disk) == []
    filler.unlink()
    user.run("start", machine)
    assert user.run("exec", machine, "--", "echo", "lives").stdout == "lives\n"
    user.run("rm", "-y", machine)
    assert user.run("snapshot", "list", "--json").stdout.strip() in ("[]", '{"snapshots": []}')


@pytest.mark.parametrize("disk", [400], indirect=True)
def test_templates_on_another_file_system_are_forked_and_a_full_one_costs_only_them(
    disk: Path, user: User
) -> None:
    templates = Path(user.environ["VMBENCH_STATE"]) / "templates"
    templates.unlink()
    templates.symlink_to(disk)
    filler = fill(disk)
    done = user.run("up")
    booted = done.stdout.strip()
    assert "warning: no template can be forked, so machines boot: " in done.stderr
    assert "no space left" in done.stderr and "free some disk space" in done.stderr
    assert list(disk.iterdir()) in ([filler], [*disk.glob(".*.lock"), filler])
    assert [record.id for record in user.store.records()] == [booted], "nothing is left of what was tried"
    filler.unlink()
    done = user.run("up")
    forked = done.stdout.strip()
    assert "warning" not in done.stderr and len(list(disk.glob("*/ram"))) == 1
    for machine in (booted, forked):
        assert user.run("exec", machine, "--", "hostname").stdout == f"{machine}\n"
