"""A kept machine outlives the vmbench that made it."""

from __future__ import annotations

import asyncio
import shlex
import sys
from pathlib import Path

from backends.images.store import ImageStore
from backends.keys import ssh_command
from backends.store import MachineStore

PROGRAM = """
import asyncio, sys
from pathlib import Path

from app.engine.api import RunOptions
from app.engine.engine import Engine
from backends.images.store import ImageStore
from backends.qemu.backend import make_backends
from backends.store import MachineStore
from registry.model import Keep
from tests.fakes import make_registry, make_test, shell


async def main(machines: Path, images: Path, state: Path) -> None:
    backends = make_backends(MachineStore(machines), ImageStore(images))
    engine = Engine(make_registry, backends, "microvm", state / "runs", state)
    test = make_test("t", shell("echo here >/tmp/mark; false"), memory=256, keep=Keep.ON_FAILURE)
    registry = make_registry(test)
    run = await engine.start(registry, RunOptions())
    async for stamped in run.follow():
        if type(stamped.event).__name__ == "MachineKept":
            print(stamped.event.command, flush=True)
    await engine.close()
    for backend in backends.values():
        await backend.close()


asyncio.run(main(*map(Path, sys.argv[1:])))
"""


async def test_a_kept_machine_lives_on_and_can_be_walked_into(
    image_store: ImageStore, machine_store: MachineStore, tmp_path: Path
):
    maker = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", PROGRAM, str(machine_store.root), str(image_store.root), str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await maker.communicate()
    assert maker.returncode == 0
    (record,) = machine_store.records()
    try:
        assert (record.keep, record.state.value, record.pid is not None) == (True, "running", True)
        assert said.decode().strip() == f"vmbench shell {record.id}"
        assert record.ssh_port is not None
        command = shlex.split(ssh_command(machine_store.root / record.id, record.id, record.ssh_port))
        walk_in = await asyncio.create_subprocess_exec(
            *command, "cat /tmp/mark", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(120):
            seen, _ = await walk_in.communicate()
        assert seen == b"here\n"
    finally:
        machine_store.remove(record.id)
