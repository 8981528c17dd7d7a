"""What commands about machines work with: the stores, the backends, signals, and clean ends."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.errors import FAILURES, report, warn
from backends.base import Backend, BackendError, Machine

if TYPE_CHECKING:
    from app.engine.machines import Machines
    from app.paths import Paths
    from app.settings import Settings
    from backends.snapshots import SnapshotStore
    from backends.store import MachineRecord, MachineStore


class Bench:
    """The machines and snapshots of this user.

    Args:
        paths: The user's folders.
        settings: The settings that hold in the working folder.
    """

    def __init__(self, paths: Paths, settings: Settings) -> None:
        self.paths = paths
        self.settings = settings

    @cached_property
    def machines(self) -> MachineStore:
        """The machine folders."""
        from app import wiring

        return wiring.machine_store(self.paths)

    @cached_property
    def snapshots(self) -> SnapshotStore:
        """The snapshot folders."""
        from app import wiring

        return wiring.snapshot_store(self.paths)

    @cached_property
    def backends(self) -> Mapping[str, Backend]:
        """Every backend by its name."""
        from app import wiring

        self.paths.make()
        return wiring.backends_for(self.paths, self.settings.run.accel, self.settings.run.isolation)

    @cached_property
    def room(self) -> Machines:
        """What is done with machines, as the workbench does it too."""
        from app import wiring

        def lost(machine: str, error: BaseException) -> None:
            report(f"could not remove {machine}: {error}", f"vmbench rm {machine}")

        return wiring.make_machines(self.paths, self.settings, backends=lambda: self.backends, on_lost=lost)

    def backend(self, name: str | None = None) -> Backend:
        """Return a backend by its name, or the one that machines are made by where none is named.

        Raises:
            BackendError: there is none of this name.
        """
        return self.room.backend(name)

    async def find(self, name: str) -> MachineRecord:
        """Return the record of the machine with this id or prefix.

        Raises:
            UnknownMachine: there is none, or more than one.
        """
        from app.engine.offload import off_loop

        return await off_loop(self.machines.find, name)

    async def find_all(self, names: Sequence[str]) -> list[MachineRecord]:
        """Return the records of several machines, each once; nothing was done when one is unknown."""
        found = [await self.find(name) for name in names]
        return list({record.id: record for record in found}.values())

    def machine(self, name: str) -> AbstractAsyncContextManager[Machine]:
        """Take up the machine with this id or prefix, and let go of it at the end.

        Raises:
            UnknownMachine: there is none, or more than one.
            InUse: a living vmbench is running a test on it.
        """
        return self.room.machine(name)

    @asynccontextmanager
    async def inside(self, name: str) -> AsyncIterator[Machine]:
        """Walk into the machine with this id or prefix, also beside another vmbench's test; leave at the end.

        Raises:
            UnknownMachine: there is none, or more than one.
            WrongState: another vmbench is just starting it.
        """
        record = await self.find(name)
        async with self.room.machine(record.id, beside=True) as machine:
            if record.in_use and record.owner is not None:
                warn(
                    f"{record.id} is at work for another vmbench (pid {record.owner.pid}): its test sees "
                    f"what you change, and it goes when that is done; vmbench keep {record.id} keeps it"
                )
            yield machine

    async def each(
        self, names: Sequence[str], act: Callable[[Machine], Awaitable[str]], *, at_once: bool = True
    ) -> int:
        """Do something to several machines, print what it says of each, and return the exit code."""
        records = await self.find_all(names)

        async def one(record: MachineRecord) -> int:
            try:
                async with self.machine(record.id) as machine:
                    said = await act(machine)
            except BackendError as error:
                report(error.message, error.remedy, error.detail)
                return FAILURES
            if said:
                print(said, flush=True)
            return 0

        if at_once:
            return max(await asyncio.gather(*(one(record) for record in records)), default=0)
        return max([await one(record) for record in records], default=0)


def make_bench(flags: Mapping[str, object] | None = None) -> Bench:
    """Return the bench of this user with the settings of the working folder. Blocking, shortly."""
    from app.paths import user_paths
    from app.settings import load_settings
    from registry.location import find_config

    paths = user_paths()
    settings = load_settings(project_file=find_config(Path.cwd()), user_file=paths.user_settings, flags=flags)
    for problem in settings.problems:
        warn(str(problem))
    return Bench(paths, settings)


def act(
    work: Callable[[Bench], Awaitable[int]],
    *,
    flags: Mapping[str, object] | None = None,
    endless: bool = False,
) -> int:
    """Run a command's work and return the exit code; a signal cancels it and lets it clean up.

    Args:
        work: Does it.
        flags: Settings given as flags, by key.
        endless: The work has no end of its own, so that Ctrl-C is a good one.
    """
    bench = make_bench(flags)

    async def whole() -> int:
        from app.cli.headless import Interrupts

        task = asyncio.ensure_future(work(bench))

        def cancel() -> None:
            task.cancel()

        interrupts = Interrupts(cancel, (lambda message: None) if endless else _say)
        interrupts.install()
        try:
            return await task
        except asyncio.CancelledError:
            if interrupts.exit_code is None:
                raise
            return 0 if endless and interrupts.received is signal.SIGINT else interrupts.exit_code

    return asyncio.run(whole())


def _say(message: str) -> None:
    words = "interrupted: cleaning up …" if message.startswith("cancelled") else message
    print(words, file=sys.stderr, flush=True)
