"""Guests that go wrong: each ends in the right state, and says why."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Awaitable, Callable

import pytest

from backends.base import BackendError, MachineDied, MachineRequest, MachineState, MachineTimeout
from backends.panics import Panics
from backends.process import identify
from backends.qemu.backend import QemuBackend
from backends.qemu.machine import QemuMachine
from backends.snapshots import SnapshotStore
from backends.store import MachineStore

Boot = Callable[..., Awaitable[QemuMachine]]


async def test_a_guest_that_dies_ends_every_wait_at_once(boot: Boot) -> None:
    machine = await boot()
    waits = [
        asyncio.create_task(machine.exec("sleep 1000")),
        asyncio.create_task(machine.wait_console(re.compile(b"never"), timeout=1000)),
        asyncio.create_task(machine.died()),
    ]
    pid = machine.record.pid
    assert pid is not None
    os.kill(pid, 9)
    failed = await asyncio.gather(*waits, return_exceptions=True)
    assert isinstance(failed[0], MachineDied) and "SIGKILL" in failed[0].message
    assert isinstance(failed[1], MachineDied)
    assert "SIGKILL" in str(failed[2])
    with pytest.raises(MachineDied):
        await machine.exec("true")
    assert machine.state is MachineState.DIED


async def test_a_guest_switched_off_from_inside_says_so(boot: Boot) -> None:
    machine = await boot()
    with pytest.raises(MachineDied, match="switched off from inside"):
        await machine.exec("poweroff -f; sleep 100")


async def test_a_boot_that_cannot_be_ready_ends_with_what_was_last_seen(
    backends: dict[str, QemuBackend], machine_store: MachineStore
) -> None:
    machine = await backends["microvm"].create(MachineRequest(boot_timeout=0.5, cold=True))
    with pytest.raises(MachineTimeout, match=r"did not boot within 0\.5s"):
        await machine.start()
    await machine.remove()
    starved = await backends["microvm"].create(MachineRequest(memory=8, boot_timeout=5, cold=True))
    with pytest.raises((MachineDied, MachineTimeout)):
        await starved.start()
    await starved.remove()
    assert machine_store.records() == []


async def test_cancelling_a_boot_leaves_no_process(
    backends: dict[str, QemuBackend], machine_store: MachineStore
) -> None:
    machine = await backends["microvm"].create(MachineRequest(cold=True))
    starting = asyncio.create_task(machine.start())
    while machine.record.pid is None:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    process = identify(machine.record.pid)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await machine.remove()
    assert process is not None and not process.alive()
    assert machine_store.records() == []


async def test_a_guest_that_panics_says_so(boot: Boot) -> None:
    machine = await boot()
    with pytest.raises(BackendError, match=r"kernel panicked and started anew: sysrq") as caught:
        await machine.exec("echo c >/proc/sysrq-trigger; sleep 200", timeout=200)
    assert "vmbench: ready" in caught.value.detail or "panic" in caught.value.detail
    assert machine.state is MachineState.RUNNING
    assert (await machine.exec("echo again")).stdout == b"again\n"
    # Whoever lists it is told, until somebody starts it anew.
    panics = Panics()
    assert panics.of(machine.console_log, machine.record.console_start) == "sysrq triggered crash"
    await machine.reboot(timeout=200)
    assert panics.of(machine.console_log, machine.record.console_start) == ""


async def test_a_guest_that_hangs_is_given_up_at_the_deadline_and_stopped_by_force(boot: Boot) -> None:
    machine = await boot()
    assert (await machine.exec("true")).ok
    process = machine.record.process
    assert process is not None and process.signal(signal.SIGSTOP)
    done = await machine.exec("echo never", timeout=1)
    assert done.timed_out and done.exit_code is None
    assert machine.state is MachineState.RUNNING
    await machine.stop(timeout=0.5)
    assert machine.state is MachineState.STOPPED and not process.alive()
    await machine.start()
    assert (await machine.exec("echo again")).stdout == b"again\n"


async def test_a_guest_that_floods_its_console_is_heard_to_the_end(boot: Boot) -> None:
    machine = await boot()
    start = machine.console_log.stat().st_size
    lines = 20000
    flood = asyncio.create_task(machine.exec(f"seq 1 {lines} >/dev/ttyS0; echo flood-is-over >/dev/ttyS0"))
    said = [await machine.exec(f"echo {n}") for n in range(5)]
    assert [s.stdout for s in said] == [b"%d\n" % n for n in range(5)], "it still takes commands"
    await machine.wait_console(re.compile(rb"flood-is-over"), timeout=240, start=start)
    assert (await flood).ok
    log = machine.console_log.read_bytes()[start:].replace(b"\r", b"")
    assert log.count(b"\n") >= lines and f"\n{lines}\n".encode() in log
    assert machine.state is MachineState.RUNNING


@pytest.mark.parametrize("how", ["poweroff -f", "poweroff"])
async def test_a_guest_that_switches_itself_off_has_stopped_or_says_why(boot: Boot, how: str) -> None:
    machine = await boot(disk=16)
    await machine.exec("echo kept >/data/file; sync")
    with contextlib.suppress(BackendError):
        await machine.exec(f"{how}; sleep 200", timeout=200)
    async with asyncio.timeout(120):
        assert "switched off from inside" in await machine.died()
    assert machine.state in (MachineState.STOPPED, MachineState.DIED)
    await machine.start()
    assert (await machine.exec("cat /data/file")).stdout == b"kept\n"


async def test_a_guest_that_dies_while_it_is_saved_or_forked_leaves_nothing_half(
    boot: Boot, backends: dict[str, QemuBackend], snapshots: SnapshotStore
) -> None:
    machine = await boot(disk=16)
    await machine.save("good")
    saving = asyncio.create_task(machine.save("bad"))
    while not list(snapshots.root.glob(".bad.*/state")) and not saving.done():  # noqa: ASYNC110
        await asyncio.sleep(0)
    os.kill(machine.record.pid or 0, 9)
    with pytest.raises(BackendError):
        await saving
    assert [r.name for r in snapshots.records()] == ["good"]
    assert [p.name for p in snapshots.root.iterdir()] == ["good"], "no half of one either"
    fork = await backends["microvm"].fork("good")
    try:
        starting = asyncio.create_task(fork.start())
        while fork.record.process is None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        fork.record.process.signal(9)
        with pytest.raises(MachineDied):
            await starting
        await fork.start()
        assert (await fork.exec("echo resumed")).ok, "its snapshot is still there to resume from"
    finally:
        await fork.remove()
