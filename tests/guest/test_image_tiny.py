"""The tiny guest, booted for real: what its init promises, on both machine types."""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from backends.base import MachineState
from backends.images.http import HttpSource
from backends.images.manifest import read_manifest
from backends.images.store import ImageStore
from backends.images.tiny import TinyGuest
from backends.qemu.machine import QemuMachine

Boot = Callable[..., Awaitable[QemuMachine]]

BOTH = pytest.mark.parametrize("backend", ["microvm", "qemu"])
READY = re.compile(rb"vmbench: ready")


async def said(machine: QemuMachine, command: str) -> str:
    done = await machine.exec(command, timeout=180)
    assert done.ok, (command, done)
    return done.stdout.decode().strip()


async def ready_again(machine: QemuMachine, command: str) -> None:
    """Run a command in the guest that restarts it, and wait for the next marker on the console."""
    start = machine.console_log.stat().st_size
    before = await said(machine, "cat /proc/sys/kernel/random/boot_id")
    await machine.exec(f"setsid sh -c '{command}' >/dev/null 2>&1 &")
    await machine.wait_console(READY, timeout=240, start=start)
    async with asyncio.timeout(240):
        code, output = await machine.control("cat /proc/sys/kernel/random/boot_id", timeout=180)
    assert code == 0
    assert output.decode().strip() != before


@BOTH
async def test_a_fresh_guest_is_furnished_and_poweroff_ends_its_process(boot: Boot, backend: str) -> None:
    machine = await boot(backend, cpus=2)
    assert await said(machine, "nproc") == "2"
    assert await said(machine, "hostname") == machine.id
    assert await said(machine, "id -u; whoami; echo $HOME") == "0\nroot\n/root"
    assert 'NAME="vmbench tiny guest"' in await said(machine, "cat /etc/os-release")

    mounts = dict(line.split()[1:3] for line in (await said(machine, "cat /proc/mounts")).splitlines())
    assert (
        mounts
        | {
            "/proc": "proc",
            "/sys": "sysfs",
            "/dev": "devtmpfs",
            "/dev/pts": "devpts",
            "/sys/fs/cgroup": "cgroup2",
        }
        == mounts
    )

    assert "inet addr:10.0.2.15 " in await said(machine, "ifconfig eth0")
    assert "default via 10.0.2.2 dev eth0" in await said(machine, "ip route")
    assert await said(machine, f"ping -c 1 -W 20 {machine.id} >/dev/null && echo up") == "up"
    assert await said(machine, "cat /etc/resolv.conf") == "nameserver 10.0.2.3"

    assert await said(machine, "stat -c %a / /root /root/.ssh /root/.ssh/authorized_keys /tmp /dev/shm") == (
        "755\n700\n700\n600\n1777\n1777"
    )
    assert await said(machine, "touch /tmp/a /run/a /dev/shm/a /var/tmp/a && echo fine") == "fine"
    assert await said(machine, "ls /data; [ -b /dev/vda ] || echo no disk") == "no disk"
    assert await said(machine, "head -c 8 /dev/hwrng | wc -c") == "8"
    assert "virtio_blk" not in await said(machine, "lsmod"), "no driver without a device"
    assert await said(machine, "dmesg | grep -iE 'kernel panic|oops:|segfault|call trace:' || true") == ""

    await machine.exec("poweroff")
    async with asyncio.timeout(180):
        assert await machine.died()
    assert machine.state in (MachineState.DIED, MachineState.STOPPED)


async def test_orphans_are_reaped_and_the_console_has_a_shell(boot: Boot) -> None:
    machine = await boot()
    assert await said(machine, "for i in 1 2 3 4 5; do (true & true & exec true) & done; wait; echo") == ""
    async with asyncio.timeout(180):
        while (await said(machine, "grep -l '^State:.*Z' /proc/[0-9]*/status 2>/dev/null | wc -l")) != "0":
            pass
    # The console's shell has a controlling terminal, so that Ctrl-C and job control work.
    process = await said(machine, """ps -o pid,args | awk '$2 == "-/bin/sh" { print $1 }'""")
    stat = await said(machine, f"cat /proc/{process}/stat")
    terminal = int(stat.rpartition(")")[2].split()[4])
    assert terminal == 4 << 8 | 64


async def test_the_control_shell_comes_back_when_it_ends(boot: Boot) -> None:
    machine = await boot()
    shell = "ls -l /proc/*/fd/0 2>/dev/null | grep vport | sed 's|.*/proc/||; s|/.*||' | head -1"
    process = await said(machine, shell)
    await said(machine, f"kill -9 {process}")
    # What is asked while nobody has the port open is lost.
    async with asyncio.timeout(180):
        while await said(machine, shell) in ("", process):
            pass
    # Its greeting comes before the answer.
    code, output = await machine.control("echo here", timeout=180)
    assert code == 0
    assert output.endswith(b"here\n")


@BOTH
async def test_the_disk_is_formatted_once_and_survives_every_way_to_restart(boot: Boot, backend: str) -> None:
    machine = await boot(backend, disk=64)
    assert "/dev/vda on /data type ext4" in await said(machine, "mount")
    await said(machine, "echo precious >/data/file")
    await ready_again(machine, "reboot")
    code, output = await machine.control("cat /data/file; nproc; hostname", timeout=180)
    assert (code, output.decode()) == (0, f"precious\n1\n{machine.id}\n")
    await machine.reboot(timeout=240)
    assert await said(machine, "cat /data/file") == "precious"


async def test_a_disk_with_something_else_on_it_is_left_alone(boot: Boot) -> None:
    machine = await boot(disk=16)
    await said(machine, "umount /data && printf precious | dd of=/dev/vda bs=1 conv=notrunc 2>/dev/null")
    await said(machine, "dd if=/dev/zero of=/dev/vda bs=1024 seek=1 count=4 conv=notrunc 2>/dev/null; sync")
    await machine.reboot(timeout=240)
    assert await said(machine, "head -c 8 /dev/vda") == "precious"
    assert "/data" not in await said(machine, "mount")
    assert b"cannot mount /dev/vda on /data" in machine.console_log.read_bytes()


async def test_the_pinned_way_makes_the_same_image(image_store: ImageStore, tmp_path: Path) -> None:
    """The same packages over HTTP make the same digest and the same bytes as those from apt."""
    image = await image_store.ensure("tiny")
    manifest = read_manifest(image.folder)
    assert manifest is not None
    paths = {package: image_store.downloads.path(package) for package in manifest.packages}
    if not all(path.exists() for path in paths.values()):
        pytest.skip("the packages of the image are not in the cache any more")
    served = {hashlib.sha1(path.read_bytes()).hexdigest(): path for path in paths.values()}
    by_path = {path: digest for digest, path in served.items()}
    roles = [requirement.role for requirement in TinyGuest.requirements]
    pins = tmp_path / "pins.toml"
    pins.write_text(
        "".join(
            f"[[package]]\nname = {each.name!r}\nversion = {each.version!r}\nroles = {roles!r}\n"
            f"size = {each.size}\nsha1 = {by_path[path]!r}\nsha256 = {each.sha256!r}\n"
            for each, path in paths.items()
        )
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = served[self.path.rpartition("/")[2]].read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            source = HttpSource(mirror=f"http://127.0.0.1:{server.server_port}/file", pins=pins)
            store = ImageStore(tmp_path / "images", source=lambda: source)
            again = await store.ensure("tiny")
        finally:
            server.shutdown()
            thread.join()
    made = read_manifest(again.folder)
    assert made is not None
    assert (again.digest, made.files, made.source) == (image.digest, manifest.files, "http")
    assert await store.verify("tiny") == []
