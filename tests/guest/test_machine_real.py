"""What every backend's machines must do, on real guests."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from backends.base import (
    BackendError,
    MachineDied,
    MachineRequest,
    MachineState,
    MachineTimeout,
    WrongState,
)
from backends.process import identify
from backends.qemu.backend import QemuBackend
from backends.qemu.machine import QemuMachine
from backends.store import MachineStore

Boot = Callable[..., Awaitable[QemuMachine]]
BOTH = pytest.mark.parametrize("backend", ["microvm", "qemu"])


@BOTH
async def test_commands(boot: Boot, backend: str) -> None:
    machine = await boot(backend, env={"GREETING": "good day"})
    await _exit_codes_and_streams(machine)
    await _bytes_unicode_and_quotes(machine)
    await _scene(machine)
    await _big_output(machine)
    await _fifty(machine)
    await _timeout_kills(machine)


async def _exit_codes_and_streams(machine: QemuMachine) -> None:
    seen: list[tuple[str, bytes]] = []
    done = await machine.exec("echo out; echo err >&2; exit 7", on_output=lambda s, b: seen.append((s, b)))
    assert (done.exit_code, done.stdout, done.stderr) == (7, b"out\n", b"err\n")
    assert sorted(seen) == [("stderr", b"err\n"), ("stdout", b"out\n")]
    assert (await machine.exec("kill -9 $$")).exit_code == 137
    assert (await machine.exec("if then")).exit_code == 2


async def _bytes_unicode_and_quotes(machine: QemuMachine) -> None:
    everything = bytes(range(256)) * 3
    assert (await machine.exec("cat", stdin=everything)).stdout == everything
    assert (await machine.exec("cat")).stdout == b""
    text = "'single' \"double\" $HOME `tick` \\ back 日本語 🙂"
    assert (await machine.exec('printf %s "$TEXT"', env={"TEXT": text})).stdout.decode() == text
    assert (await machine.exec("printf '%s' 'größe'")).stdout.decode() == "größe"


async def _scene(machine: QemuMachine) -> None:
    assert (await machine.exec("pwd", cwd="/usr/bin")).stdout == b"/usr/bin\n"
    assert (await machine.exec("true", cwd="/not/there")).exit_code == 126
    assert (await machine.exec("echo $GREETING")).stdout == b"good day\n"
    with pytest.raises(BackendError, match="no name of a variable"):
        await machine.exec("true", env={"a b": "c"})


async def _big_output(machine: QemuMachine) -> None:
    done = await machine.exec("seq 1 60000; seq 1 20000 >&2")
    assert done.stdout == "".join(f"{i}\n" for i in range(1, 60001)).encode()
    assert done.stderr.count(b"\n") == 20000


async def _fifty(machine: QemuMachine) -> None:
    for number in range(50):
        assert (await machine.exec(f"echo {number}")).stdout == b"%d\n" % number
    results = await asyncio.gather(*[machine.exec(f"echo {n}; exit {n}") for n in range(50)])
    assert [(r.exit_code, r.stdout) for r in results] == [(n, b"%d\n" % n) for n in range(50)]


async def _timeout_kills(machine: QemuMachine) -> None:
    assert (await machine.exec("sleep 4321 >/dev/null 2>&1 &")).ok
    done = await machine.exec("echo begun; sleep 1234 & sh -c 'sleep 1234'; wait", timeout=1)
    assert done.timed_out and done.exit_code is None and done.stdout == b"begun\n"
    found = await machine.exec("ps -o args | grep '^sleep'")
    assert found.stdout.split() == [b"sleep", b"4321"], "the command's own processes only are killed"
    task = asyncio.create_task(machine.exec("sleep 2345"))
    while not (await machine.exec("ps -o args | grep '^sleep 2345'")).ok:
        pass
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await machine.exec("ps -o args | grep -c '^sleep 2345'")).stdout == b"0\n"


@BOTH
async def test_copies_forwards_console_and_reboot(boot: Boot, backend: str, tmp_path: Path) -> None:
    machine = await boot(backend, disk=32)
    await _copies(machine, tmp_path)
    await _forward(machine)
    await _console(machine)
    await _reboot(machine)


async def _copies(machine: QemuMachine, tmp_path: Path) -> None:
    blob = os.urandom(300_000)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "blob").write_bytes(blob)
    (tmp_path / "in" / "deep" / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (tmp_path / "in" / "deep" / "run.sh").chmod(0o755)
    await machine.copy_in(tmp_path / "in", "/srv/new/in")
    assert (await machine.exec("/srv/new/in/deep/run.sh")).stdout == b"ran\n"
    said = (await machine.exec("sha256sum /srv/new/in/blob")).stdout.decode()
    assert said.split()[0] == hashlib.sha256(blob).hexdigest()
    await machine.copy_out("/srv/new/in", tmp_path / "back" / "in")
    assert (tmp_path / "back" / "in" / "blob").read_bytes() == blob
    assert (tmp_path / "back" / "in" / "deep" / "run.sh").stat().st_mode & 0o777 == 0o755
    with pytest.raises(BackendError, match="there is no"):
        await machine.copy_in(tmp_path / "absent", "/srv/x")
    with pytest.raises(BackendError, match="absent"):
        await machine.copy_out("/srv/absent", tmp_path / "x")


async def _forward(machine: QemuMachine) -> None:
    await machine.exec(
        "mkdir -p /srv/www; echo hello >/srv/www/index.html; httpd -p 127.0.0.1:8080 -h /srv/www"
    )
    async with machine.forward(8080) as port, httpx.AsyncClient() as client:
        answers = await asyncio.gather(*[client.get(f"http://127.0.0.1:{port}/") for _ in range(5)])
        assert [a.text for a in answers] == ["hello\n"] * 5
    with pytest.raises(httpx.TransportError):
        async with machine.forward(1) as port, httpx.AsyncClient() as client:
            await client.get(f"http://127.0.0.1:{port}/")


async def _console(machine: QemuMachine) -> None:
    assert b"vmbench: ready" in machine.console_log.read_bytes()
    start = machine.console_log.stat().st_size
    waiting = asyncio.create_task(machine.wait_console(re.compile(rb"num=(\d+)"), timeout=10, start=start))
    await machine.exec("echo num=42 >/dev/ttyS0")
    assert (await waiting)[1] == b"42"
    with pytest.raises(MachineTimeout, match=r"timed out after 0\.2s") as caught:
        await machine.wait_console(re.compile(rb"never"), timeout=0.2)
    assert "num=42" in caught.value.detail


async def _reboot(machine: QemuMachine) -> None:
    await machine.exec("echo survived >/data/file; echo lost >/tmp/file")
    await machine.reboot()
    assert (await machine.exec("cat /data/file")).stdout == b"survived\n"
    assert not (await machine.exec("cat /tmp/file")).ok


async def test_plain_ssh_walks_in_and_a_wrong_host_key_is_refused(boot: Boot) -> None:
    machine = await boot()
    command = [*machine.ssh_command.split(), "-o", "BatchMode=yes", "hostname"]
    if shutil.which("ssh") is None:
        pytest.skip("no ssh client here")
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == machine.id, done.stderr
    assert (machine.folder / "id_ed25519").stat().st_mode & 0o777 == 0o600
    (machine.folder / "known_hosts").write_text(
        f"{machine.id} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n"
    )
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 255 and not done.stdout


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


async def test_stop_and_remove_are_idempotent_and_leave_nothing(
    boot: Boot, machine_store: MachineStore
) -> None:
    machine = await boot()
    process = identify(machine.record.pid or 0)
    assert process is not None
    await machine.stop()
    await machine.stop()
    assert machine.state is MachineState.STOPPED and not process.alive()
    with pytest.raises(WrongState, match="not running"):
        await machine.exec("true")
    with pytest.raises(WrongState):
        await machine.start()
    await machine.remove()
    await machine.remove()
    assert machine_store.records() == [] and not machine.folder.exists()


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


async def test_several_machines_at_once_have_ports_keys_and_names_of_their_own(boot: Boot) -> None:
    machines = await asyncio.gather(*[boot() for _ in range(3)])
    names = await asyncio.gather(*[m.exec("hostname") for m in machines])
    assert [n.stdout.decode().strip() for n in names] == [m.id for m in machines]
    assert len({m.record.ssh_port for m in machines}) == 3
    assert len({(m.folder / "id_ed25519").read_bytes() for m in machines}) == 3
