"""Guests that go wrong: each ends in the right state, and says why."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable

import pytest

from backends.base import MachineDied, MachineRequest, MachineState, MachineTimeout
from backends.process import identify
from backends.qemu.backend import QemuBackend
from backends.qemu.machine import QemuMachine
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
    machine = await backends["microvm"].create(MachineRequest(boot_timeout=0.5))
    with pytest.raises(MachineTimeout, match=r"did not boot within 0\.5s"):
        await machine.start()
    await machine.remove()
    starved = await backends["microvm"].create(MachineRequest(memory=8, boot_timeout=5))
    with pytest.raises((MachineDied, MachineTimeout)):
        await starved.start()
    await starved.remove()
    assert machine_store.records() == []


async def test_cancelling_a_boot_leaves_no_process(
    backends: dict[str, QemuBackend], machine_store: MachineStore
) -> None:
    machine = await backends["microvm"].create(MachineRequest())
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
