"""Kept machines whose process was killed or hangs can still be held."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable

from backends.base import MachineState
from backends.process import identify
from backends.qemu.backend import QemuBackend
from backends.qemu.machine import QemuMachine

Boot = Callable[..., Awaitable[QemuMachine]]


async def test_a_kept_machine_is_mended_by_whoever_takes_it_up(
    boot: Boot, backends: dict[str, QemuBackend]
) -> None:
    backend = backends["microvm"]
    machine = await boot(disk=16)
    assert (await machine.exec("echo kept >/data/file; sync")).ok
    await machine.keep("to be held")
    await machine.release()
    await _killed_and_started_again(backend, machine.id)
    await _left_standing_still_by_a_killed_save(backend, machine.id)
    await _hanging_and_stopped(backend, machine.id)


async def _killed_and_started_again(backend: QemuBackend, name: str) -> None:
    process = backend.core.store.find(name).process
    assert process is not None
    process.signal(signal.SIGKILL)
    assert process.wait_gone(60)
    machine = await backend.adopt(name)
    assert machine.state is MachineState.DIED
    await machine.start()
    assert (await machine.exec("cat /data/file")).stdout == b"kept\n"
    await machine.release()


async def _left_standing_still_by_a_killed_save(backend: QemuBackend, name: str) -> None:
    from backends.qemu import monitor

    machine = await backend.adopt(name)
    async with monitor.monitor(machine.folder) as client:
        await client.execute("stop")
        # It goes on without who began it, and halts the guest once more at its end.
        await client.execute("migrate", {"uri": "exec:sleep 0.5; cat >/dev/null"})
    await machine.release()
    again = await backend.adopt(name)
    async with monitor.monitor(again.folder) as client:
        saving = await client.execute("query-migrate")
    assert isinstance(saving, dict) and saving["status"] == "cancelled"
    assert (await again.exec("cat /data/file", timeout=120)).stdout == b"kept\n"
    await again.release()


async def _hanging_and_stopped(backend: QemuBackend, name: str) -> None:
    pid = backend.core.store.find(name).pid
    assert pid is not None
    process = identify(pid)
    os.kill(pid, signal.SIGSTOP)
    machine = await backend.adopt(name)
    await machine.stop(timeout=0.5)
    assert process is not None and not process.alive()
    assert machine.state is MachineState.STOPPED
    await machine.remove()
