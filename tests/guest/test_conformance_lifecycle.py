"""What every backend's machines must do from their making to their removal, on real guests."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from backends.base import (
    BackendError,
    MachineRequest,
    MachineState,
    MachineTimeout,
    UnknownMachine,
    WrongState,
)
from backends.images.store import ImageStore
from backends.process import identify, this_process
from backends.qemu.backend import QemuBackend, make_backends
from backends.qemu.machine import QemuMachine
from backends.store import MachineStore, write_record

Boot = Callable[..., Awaitable[QemuMachine]]
BOTH = pytest.mark.parametrize("backend", ["microvm", "qemu"])


@BOTH
async def test_from_creation_to_removal(
    backends: dict[str, QemuBackend], machine_store: MachineStore, backend: str
) -> None:
    machine = await backends[backend].create(MachineRequest(disk=16))
    try:
        await _before_the_start(machine)
        await machine.start()
        key = machine.folder / "id_ed25519"
        assert key.stat().st_mode & 0o777 == 0o600 and machine.folder.stat().st_mode & 0o777 == 0o700
        await machine.exec("echo kept >/data/file; sync")
        process = identify(machine.record.pid or 0)
        with pytest.raises(WrongState, match="cannot start"):
            await machine.start()
        await machine.stop()
        await machine.stop()
        assert machine.state is MachineState.STOPPED and process is not None and not process.alive()
        with pytest.raises(WrongState, match="is stopped") as caught:
            await machine.exec("true")
        assert f"vmbench start {machine.id}" in caught.value.remedy
        with pytest.raises(WrongState, match="is stopped"):
            await machine.stats()
        await machine.start()
        assert (await machine.exec("cat /data/file")).stdout == b"kept\n"
        await machine.stop(timeout=0)
        assert machine.state is MachineState.STOPPED
    finally:
        await machine.remove()
        await machine.remove()
    assert machine_store.records() == [] and not machine.folder.exists()


async def _before_the_start(machine: QemuMachine) -> None:
    assert machine.state is MachineState.CREATED and machine.ssh_command == ""
    for refused in (machine.stats(), machine.exec("true"), machine.pause(), machine.save("early")):
        with pytest.raises(WrongState, match="is created") as caught:
            await refused
        assert f"vmbench start {machine.id}" in caught.value.remedy


async def test_the_stop_of_a_guest_that_does_not_listen_is_forced(boot: Boot) -> None:
    machine = await boot()
    await machine.pause()
    await machine.stop(timeout=0.5)
    assert machine.state is MachineState.STOPPED and machine.record.pid is None


async def test_what_is_not_there(backends: dict[str, QemuBackend], machine_store: MachineStore) -> None:
    with pytest.raises(UnknownMachine, match="no machine is called 'calm-otter'") as caught:
        await backends["microvm"].adopt("calm-otter")
    assert "vmbench ps" in caught.value.remedy
    for odd in ("", "..", "../../etc", "a\0b"):
        with pytest.raises(UnknownMachine):
            await backends["microvm"].adopt(odd)
    machine = await backends["microvm"].create(MachineRequest())
    shutil.rmtree(machine.folder)
    await machine.remove()
    await machine.stop()
    assert machine_store.records() == []


async def test_a_guest_that_never_takes_ssh_ends_at_the_deadline(backends: dict[str, QemuBackend]) -> None:
    machine = await backends["microvm"].create(MachineRequest(boot_timeout=3, cold=True))
    try:
        starting = asyncio.create_task(machine.start())
        while machine.record.process is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert machine.record.process.signal(signal.SIGSTOP)
        with pytest.raises(MachineTimeout, match="did not boot within 3s"):
            await starting
    finally:
        await machine.remove()


async def test_five_at_once_have_ports_keys_and_names_of_their_own(boot: Boot) -> None:
    machines = await asyncio.gather(*[boot() for _ in range(5)])
    names = await asyncio.gather(*[m.exec("hostname") for m in machines])
    assert [n.stdout.decode().strip() for n in names] == [m.id for m in machines]
    assert len({m.record.ssh_port for m in machines}) == 5
    assert len({(m.folder / "id_ed25519").read_bytes() for m in machines}) == 5
    first, second = machines[:2]
    if ssh := shutil.which("ssh"):
        words = first.ssh_command.replace(str(first.folder / "id_ed25519"), str(second.folder / "id_ed25519"))
        stranger = [ssh, *words.split()[1:], "-o", "BatchMode=yes", "true"]
        done = await asyncio.to_thread(subprocess.run, stranger, capture_output=True, check=False)
        assert done.returncode == 255, "one machine's key must not open another"


ANOTHER = """
import asyncio, sys
from pathlib import Path
from backends.images.store import ImageStore
from backends.qemu.backend import make_backends
from backends.store import MachineStore, write_record

async def main(machines, images, name, action):
    backend = make_backends(MachineStore(Path(machines)), ImageStore(Path(images)))["microvm"]
    machine = await backend.adopt(name)
    if action == "exec":
        print((await machine.exec("cat /tmp/mark")).stdout.decode().strip(), machine.state.value)
    elif action == "save":
        print((await machine.save("from-outside")).name)
    elif action == "stop":
        await machine.stop()
        print(machine.state.value)
    elif action == "start":
        await machine.start()
        print((await machine.exec("cat /data/mark")).stdout.decode().strip())
    await machine.release()
    await backend.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_kept_machine_is_taken_up_by_other_processes(
    boot: Boot, machine_store: MachineStore, image_store: ImageStore, tmp_path: Path
) -> None:
    machine = await boot(disk=16)
    await machine.exec("echo here | tee /tmp/mark >/data/mark; sync")

    async def other(action: str) -> tuple[str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", ANOTHER, str(machine_store.root), str(image_store.root), machine.id[:-1], action),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return out.decode().strip(), err.decode()

    said, error = await other("exec")
    assert not said and "belongs to a run of another vmbench" in error, "nobody takes up a running test's"
    await machine.keep("for tomorrow")
    await machine.release()
    assert (await other("exec"))[0] == "here running"
    assert (await other("save"))[0] == "from-outside"
    assert {said for said, _ in await asyncio.gather(other("exec"), other("exec"), other("exec"))} == {
        "here running"
    }
    assert (await other("stop"))[0] == "stopped"
    assert machine_store.find(machine.id).state is MachineState.STOPPED
    assert (await other("start"))[0] == "here"
    assert machine_store.find(machine.id).state is MachineState.RUNNING, "it outlives who started it"
    machine_store.remove(machine.id)
    assert machine_store.records() == []


VISITOR = """
import asyncio, sys
from pathlib import Path
from backends.base import BackendError, WrongState
from backends.images.store import ImageStore
from backends.qemu.backend import make_backends
from backends.store import MachineStore

async def main(machines, images, name):
    backend = make_backends(MachineStore(Path(machines)), ImageStore(Path(images)))["microvm"]
    machine = await backend.visit(name)
    print((await machine.exec("cat /tmp/mark; echo visited >/tmp/visited")).stdout.decode().strip())
    print((await machine.exec("sleep 4321", timeout=0.5)).timed_out)
    left = await machine.exec("cat /proc/[0-9]*/cmdline | tr '\\\\0' ' ' | grep -c 'sleep 432[1]'")
    print(left.stdout.decode().strip())
    terminal = await machine.terminal("echo in a terminal")
    print((await terminal.read()).decode().strip())
    await terminal.close()
    print((await machine.stats()).guest_memory_total > 100 << 20)
    refused = []
    for act in (machine.stop, machine.kill, machine.remove, machine.pause, machine.reboot, machine.console):
        try:
            await act()
        except WrongState as error:
            refused.append("another vmbench" in error.message and bool(error.remedy))
    for act in (machine.save, machine.keep):
        try:
            await act("x")
        except WrongState as error:
            refused.append("another vmbench" in error.message)
    print(refused == [True] * 8, flush=True)
    sys.stdin.readline()
    try:
        await machine.exec("sleep 600")
    except BackendError as error:
        print(error.message)
    await machine.release()
    await backend.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_another_process_walks_into_a_machine_at_work_and_changes_nothing_about_it(
    boot: Boot, machine_store: MachineStore, image_store: ImageStore
) -> None:
    machine = await boot()
    await machine.exec("echo here >/tmp/mark")
    before = {f: f.read_bytes() for f in machine.folder.iterdir() if f.suffix in (".json", ".lock")}
    visitor = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", VISITOR, str(machine_store.root), str(image_store.root), machine.id),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert visitor.stdin is not None and visitor.stdout is not None
    try:
        said = [(await visitor.stdout.readline()).decode().strip() for _ in range(6)]
        assert said == ["here", "True", "0", "in a terminal", "True", "True"]
        # The owner goes on as if nobody had come, its control channel and monitor included.
        assert (await machine.exec("cat /tmp/visited")).stdout == b"visited\n"
        assert (await machine.control("echo still"))[1].strip() == b"still"
        await machine.pause()
        await machine.resume()
        after = {f: f.read_bytes() for f in machine.folder.iterdir() if f.suffix == ".json"}
        assert {f: t for f, t in before.items() if f in after} == after
        assert machine_store.find(machine.id).in_use
        visitor.stdin.write(b"\n")
        await visitor.stdin.drain()
        deadline = time.monotonic() + 60
        while (
            await machine.exec("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -q 'sleep 60[0]'")
        ).exit_code:
            assert time.monotonic() < deadline, "the visitor's command does not run"
            await asyncio.sleep(0.1)
        # Each ends its own commands only.
        assert (await machine.exec("sleep 5432", timeout=0.5)).timed_out
        left = await machine.exec("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -oE 'sleep (60[0]|543[2])'")
        assert left.stdout.split(b"\n")[0] == b"sleep 600" and b"5432" not in left.stdout
        await machine.remove()
        assert (await visitor.stdout.readline()).decode().strip() == (
            f"{machine.id} is gone: whoever worked with it is done"
        )
        assert await visitor.wait() == 0
    finally:
        if visitor.returncode is None:
            visitor.kill()


async def test_stale_folders_and_sockets_are_cleaned(
    boot: Boot, backends: dict[str, QemuBackend], machine_store: MachineStore, image_store: ImageStore
) -> None:
    machine = await boot(disk=16)
    await machine.exec("echo kept >/data/file; sync")
    os.kill(machine.record.pid or 0, 9)
    await machine.died()
    assert list(machine.folder.glob("*.sock")), "a guest that is killed leaves its sockets"
    await machine.start()
    assert (await machine.exec("cat /data/file")).stdout == b"kept\n"
    await machine.remove()
    abandoned = await backends["microvm"].create(MachineRequest())
    stale = machine_store.root / abandoned.id
    gone = dataclasses.replace(this_process(), start="0")
    write_record(stale, dataclasses.replace(abandoned.record, owner=gone))
    messages = machine_store.reclaim()
    assert messages == [f"reclaimed {abandoned.id}: leftover machine, its vmbench is gone"]
    assert not stale.exists() and machine_store.records() == []


async def test_a_place_that_cannot_hold_machines_says_so(image_store: ImageStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    backend = make_backends(MachineStore(tmp_path / "file" / "machines"), image_store, "tcg")["microvm"]
    with pytest.raises(BackendError, match="cannot make a machine folder"):
        await backend.create(MachineRequest())
