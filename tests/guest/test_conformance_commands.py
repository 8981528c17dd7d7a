"""What every backend's machines must do for those who work in them, on real guests."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from app.engine.commands import CommandLog
from backends import share_host
from backends.base import BackendError, MachineState, MachineTimeout, WrongState
from backends.commands import MASK
from backends.qemu.machine import QemuMachine
from backends.share import Shares
from backends.share_guest import Share
from tests.guest_clock import tells_the_time

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
    await _terminals(machine)
    await _stats(machine)
    await _pause(machine)


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
    done = await machine.exec("echo begun; sleep 1234 & sh -c 'sleep 1234'; wait", timeout=3)
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


async def _terminals(machine: QemuMachine) -> None:
    terminal = await machine.terminal(columns=91, rows=17)
    seen = b""
    terminal.write(b"stty size; echo $TERM; printf '\\346\\227\\245\\n'\n")
    async with asyncio.timeout(120):
        while "日".encode() not in seen:
            seen += await terminal.read()
        assert b"17 91" in seen and b"xterm-256color" in seen
        terminal.resize(100, 40)
        terminal.write(b"stty size\n")
        while b"40 100" not in seen:
            seen += await terminal.read()
        terminal.write(b"exit 7\n")
        assert await terminal.wait() == 7
        while await terminal.read():
            pass
    await terminal.close()
    await terminal.close()
    other = await machine.terminal("sleep 3456")
    while not (await machine.exec("ps -o args | grep '^sleep 3456'")).ok:
        pass
    await other.close()
    async with asyncio.timeout(120):
        while (await machine.exec("ps -o args | grep '^sleep 3456'")).ok:
            pass


async def _stats(machine: QemuMachine) -> None:
    stats = await machine.stats()
    assert 0 < stats.pss <= stats.rss < 600 << 20
    assert 200 << 20 < stats.guest_memory_total <= 256 << 20 and stats.guest_memory_used > 1 << 20
    assert stats.disk_size > 0 and stats.uptime > 0 and stats.cpu_percent >= 0
    assert stats.network_received > 0 and stats.network_sent > 0


async def _pause(machine: QemuMachine) -> None:
    await machine.pause()
    assert machine.state is MachineState.PAUSED
    with pytest.raises(WrongState, match="is paused") as caught:
        await machine.exec("true")
    assert "vmbench resume" in caught.value.remedy
    with pytest.raises(WrongState):
        await machine.pause()
    assert (await machine.stats()).rss > 0
    await machine.resume()
    assert machine.state is MachineState.RUNNING
    assert await tells_the_time(machine)


@BOTH
async def test_copies_forwards_console_and_reboot(
    boot: Boot, backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share_host, "BATCH", 1 << 18)
    machine = await boot(backend, disk=32, cold=True)
    await _copies(machine, tmp_path)
    await _shares(machine, tmp_path)
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


async def _shares(machine: QemuMachine, tmp_path: Path) -> None:
    """Every byte both ways, by checksums of either side; read-only shares cannot be written to."""
    host = tmp_path / "share"
    (host / "empty").mkdir(parents=True)
    (host / "größe 日本.bin").write_bytes(bytes(range(256)) * 40)
    (host / "big").write_bytes(os.urandom(600_000))
    (host / "run").write_text("#!/bin/sh\necho ran\n")
    (host / "run").chmod(0o755)
    (host / "link").symlink_to("run")
    shares = Shares(machine)
    await shares.attach(Share(host, "/srv/both"))
    assert (await machine.exec("./link", cwd="/srv/both")).stdout == b"ran\n"
    assert (await machine.exec("ls -d empty", cwd="/srv/both")).ok
    sums = (await machine.exec("sha256sum big größe*", cwd="/srv/both")).stdout.decode()
    assert re.findall(r"^[0-9a-f]{64}", sums, re.MULTILINE) == [
        hashlib.sha256((host / name).read_bytes()).hexdigest() for name in ("big", "größe 日本.bin")
    ]
    await machine.exec(
        "mkdir -p new/deep; head -c 600000 /dev/urandom >new/deep/back; "
        "printf '\\000\\377\\n' >bytes; rm run; ln -s ../bytes new/l; ln -s /etc/passwd out; chmod 640 big",
        cwd="/srv/both",
    )
    (host / "here").write_text("from here")
    report = (await shares.sync())["/srv/both"]
    said = (await machine.exec("sha256sum new/deep/back here", cwd="/srv/both")).stdout.decode().split()
    assert said[0] == hashlib.sha256((host / "new/deep/back").read_bytes()).hexdigest()
    assert (host / "bytes").read_bytes() == b"\x00\xff\n" and not (host / "run").exists()
    assert (host / "new/l").read_bytes() == b"\x00\xff\n" and (host / "big").stat().st_mode & 0o777 == 0o640
    assert said[3] == "here" and set(report.left_out) == {"out"} and not (host / "out").is_symlink()
    await shares.attach(Share(host, "/srv/read", read_only=True))
    assert (await machine.exec("cat here", cwd="/srv/read")).stdout == b"from here"
    denied = await machine.exec("echo no >here", cwd="/srv/read")
    assert not denied.ok and b"ead-only" in denied.stderr
    (host / "here").write_text("changed")
    await shares.sync("/srv/read")
    assert (await machine.exec("cat here", cwd="/srv/read")).stdout == b"changed"
    assert not (await machine.exec("rm here", cwd="/srv/read")).ok
    await shares.detach("/srv/read")
    assert (await machine.exec("rm here", cwd="/srv/read")).ok
    assert [s.guest for s in shares.attached()] == ["/srv/both"]
    await shares.detach("/srv/both")
    assert shares.attached() == []


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
    waiting = asyncio.create_task(machine.wait_console(re.compile(rb"num=(\d+)"), timeout=120, start=start))
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
    await machine.reboot(discard=True)
    assert not (await machine.exec("cat /data/file")).ok, "a discarding reboot throws the disk away"
    assert (await machine.exec("echo new >/data/file; hostname")).stdout == f"{machine.id}\n".encode()


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


async def test_what_qemu_and_the_control_channel_are_told_is_logged(boot: Boot) -> None:
    log = CommandLog()
    with log.listening():
        machine = await boot()
        await machine.pause()
        await machine.resume()
        await machine.exec("true")
    told = [command for command in log.all() if command.machine == machine.id]
    monitor = [json.loads(command.text)["execute"] for command in told if command.kind == "qmp"]
    assert {"migrate-incoming", "stop", "cont"} <= set(monitor)
    assert not any(name.startswith("query-") for name in monitor), "what is only asked, again and again"
    woken = [command.text for command in told if command.kind == "control" and "wake" in command.text]
    assert woken and all(MASK in text and not re.search(r"\\[0-7]{3}", text) for text in woken)
    assert all(
        command.duration is not None and not command.error for command in told if command.kind == "qmp"
    )
