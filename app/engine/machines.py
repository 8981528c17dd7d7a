"""All machines of this user, whoever made them: what they are, what they use, and what is done to them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from app.engine.admission import Admission
from app.engine.forwards import Forward, Ports, forwarding
from app.engine.machines_api import MachineView, Offer
from app.engine.offload import off_loop, unbroken
from app.engine.raising import OnLost, bring_up, raise_machines
from backends.base import (
    Backend,
    BackendError,
    InUse,
    Machine,
    MachineRequest,
    MachineState,
    PhaseSink,
)
from backends.panics import Panics
from backends.process import this_process
from backends.snapshots import SnapshotRecord, check_name
from backends.store import CONSOLE_LOG, MachineRecord, MachineStore
from backends.wishes import wish, wish_of

if TYPE_CHECKING:
    from app.engine.usage import Usage, UsageSampler

UP = (MachineState.STARTING, MachineState.RUNNING, MachineState.PAUSED)


async def take_up(backend: Backend, machine: str) -> Machine:
    """Take up a machine, or walk into one that another vmbench works with.

    Raises:
        UnknownMachine: there is none, or more than one.
        WrongState: another vmbench is just starting it.
    """
    try:
        return await backend.adopt(machine)
    except InUse:
        return await backend.visit(machine)


class Machines:
    """Fulfils ``app.engine.machines_api.MachinesApi``.

    Args:
        store: The machine folders.
        backends: Returns every backend by its name; called when one is needed.
        default_backend: Returns which of them makes machines where none is named.
        admission: Says when there is memory for a machine.
        snapshot: Returns the record of a snapshot by its name. Blocking.
        images: Returns the names of the images there are. Blocking.
        on_lost: Is told of machines that could not be removed.
    """

    def __init__(
        self,
        store: MachineStore,
        backends: Callable[[], Mapping[str, Backend]],
        *,
        default_backend: Callable[[], str],
        admission: Admission,
        snapshot: Callable[[str], SnapshotRecord],
        images: Callable[[], Sequence[str]],
        on_lost: OnLost,
    ) -> None:
        self.store = store
        self._backends = backends
        self._default_backend = default_backend
        self._admission = admission
        self._snapshot = snapshot
        self._images = images
        self._on_lost = on_lost
        self._sampler: UsageSampler | None = None
        self._panics = Panics()
        self._forwards: dict[Forward, asyncio.Task[None]] = {}

    # what there is

    def machines(self) -> Sequence[MachineView]:
        """Return every machine, oldest first. Blocking."""
        return [self._view(record) for record in self.store.records()]

    def _view(self, record: MachineRecord) -> MachineView:
        from backends.keys import ssh_command

        folder, pid = self.store.root / record.id, record.pid
        ssh = ssh_command(folder, record.id, record.ssh_port) if pid and record.ssh_port else ""
        used = record.owner if record.in_use else None
        return MachineView(
            record=record,
            folder=folder,
            pid=pid,
            ssh=ssh,
            used_by=None if used is None else used.pid,
            ours=used is not None and used == this_process(),
            wish=None if used is None else wish_of(folder),
            panic=self._panics.of(folder / CONSOLE_LOG, record.console_start) if pid else "",
        )

    def usage(self, machines: Iterable[MachineView]) -> Mapping[str, Usage]:
        """Return what machines use, by their ids. Blocking, some ms a machine."""
        if self._sampler is None:
            from app.engine.usage import UsageSampler

            self._sampler = UsageSampler()
        return self._sampler.sample((view.id, view.pid, view.folder) for view in machines)

    def offer(self) -> Offer:
        """Return what new machines can be made of. Blocking."""
        default = self._default_backend()
        found = []
        for name, backend in self._backends().items():
            able = backend.available()
            found.append((name, "" if able.ok else able.reason))
        return Offer(
            backends=sorted(found, key=lambda entry: (entry[0] != default, bool(entry[1]))),
            images=self._images(),
        )

    def backend(self, name: str | None = None) -> Backend:
        """Return a backend by its name, or the one that machines are made by where none is named.

        Raises:
            BackendError: there is none of this name.
        """
        backends = self._backends()
        chosen = name or self._default_backend()
        if chosen not in backends:
            raise BackendError(
                f"there is no backend {chosen!r} here", remedy=f"there are: {', '.join(backends)}"
            )
        return backends[chosen]

    @asynccontextmanager
    async def machine(self, name: str, *, beside: bool = False) -> AsyncIterator[Machine]:
        """Take up the machine with this id or prefix, and let go of it at the end.

        Args:
            name: The id or prefix.
            beside: Walk into one that another vmbench works with, too, without a hold on it.

        Raises:
            UnknownMachine: there is none, or more than one.
            InUse: a living vmbench is running a test on it, and it is not to be walked into.
        """
        record = await off_loop(self.store.find, name)
        backend = await off_loop(self.backend, record.backend)
        machine = await (take_up(backend, record.id) if beside else backend.adopt(record.id))

        async def release() -> None:
            await machine.release()

        try:
            yield machine
        finally:
            await unbroken(release())

    # new ones

    async def up(self, request: MachineRequest, backend: str | None, on_phase: PhaseSink) -> str:
        """Make, start and keep a machine; return its id."""
        (machine,) = await self.up_many(request, backend, 1, on_phase)
        return machine.id

    async def up_many(
        self, request: MachineRequest, backend: str | None, count: int, on_phase: PhaseSink
    ) -> list[Machine]:
        """Make, start and keep machines at once: all of them, or none.

        Raises:
            BackendError: one cannot be made.
        """
        chosen = await off_loop(self.backend, backend)
        await chosen.prepare(request.image, on_phase=on_phase)
        return await raise_machines(
            self._admission,
            lambda: chosen.create(request),
            count,
            memory=request.memory,
            reason=request.label or "vmbench up",
            on_phase=on_phase,
            on_lost=self._on_lost,
        )

    async def fork(self, snapshot: str, label: str, on_phase: PhaseSink) -> str:
        """Start and keep a machine from a snapshot; return its id."""
        (machine,) = await self.fork_many(snapshot, label, 1, on_phase)
        return machine.id

    async def fork_many(self, snapshot: str, label: str, count: int, on_phase: PhaseSink) -> list[Machine]:
        """Start and keep machines from a snapshot at once: all of them, or none.

        Raises:
            BackendError: one cannot be made.
        """
        record = await off_loop(self._snapshot, snapshot)
        backend = await off_loop(self.backend, record.backend)
        return await raise_machines(
            self._admission,
            lambda: backend.fork(snapshot, label=label),
            count,
            memory=record.memory,
            reason=label or f"fork of {snapshot}",
            on_phase=on_phase,
            on_lost=self._on_lost,
        )

    # their lives

    async def start(self, machine: str, on_phase: PhaseSink | None = None) -> None:
        """Start a machine with the disk it had."""
        async with self.machine(machine) as found:
            await bring_up(found, on_phase)

    async def stop(self, machine: str, *, timeout: float = 10.0) -> None:
        """Stop a machine politely for ``timeout`` seconds, then by force."""
        async with self.machine(machine) as found:
            await found.stop(timeout=timeout)

    async def kill(self, machine: str) -> None:
        """Stop a machine as a power cut would."""
        async with self.machine(machine) as found:
            await found.kill()

    async def pause(self, machine: str) -> None:
        """Halt its processors."""
        async with self.machine(machine) as found:
            await found.pause()

    async def resume(self, machine: str) -> None:
        """Let its processors go on."""
        async with self.machine(machine) as found:
            await found.resume()

    async def reboot(self, machine: str, *, discard: bool = False, timeout: float = 60.0) -> None:
        """Reboot it; ``discard`` throws away what was written to its disk."""
        async with self.machine(machine) as found:
            await found.reboot(discard=discard, timeout=timeout)

    async def save(self, machine: str, name: str) -> SnapshotRecord:
        """Save it as a snapshot."""
        check_name(name)
        async with self.machine(machine) as found:
            return await found.save(name)

    async def restore(
        self,
        machine: str,
        snapshot: str,
        *,
        stop: bool = False,
        start: bool = False,
        on_phase: PhaseSink | None = None,
    ) -> None:
        """Make it what a snapshot was: ``stop`` it before if it runs, ``start`` it after."""
        await off_loop(self._snapshot, snapshot)
        async with self.machine(machine) as found:
            if stop and found.state in UP:
                if on_phase is not None:
                    on_phase("stopping", "")
                await found.stop(timeout=2)
            await found.restore(snapshot)
            if start:
                await bring_up(found, on_phase)

    async def keep(self, machine: str, reason: str) -> None:
        """Let it outlive the vmbench that made it, also when a test runs on it now."""
        await off_loop(self._note_keep, machine, True, reason)

    async def drop(self, machine: str) -> None:
        """Keep it no longer: it goes with the vmbench that made it, or when the next one starts."""
        await off_loop(self._note_keep, machine, False, "")

    def _note_keep(self, machine: str, keep: bool, reason: str) -> None:
        record = self.store.find(machine)
        if record.run and not record.keep and record.owner is not None and record.owner.alive():
            # Whoever runs the test reads the wish when it is over.
            wish(self.store.root / record.id, keep)
            return
        self.store.change(machine, keep=keep, keep_reason=reason)

    async def relabel(self, machine: str, label: str) -> None:
        """Say what it is for."""
        await off_loop(self.store.change, machine, label=label)

    async def remove(self, machine: str) -> None:
        """Stop it by force and delete its folder."""
        record = await off_loop(self.store.find, machine)
        for forward in [forward for forward in self._forwards if forward.machine == record.id]:
            await self.close_forward(forward)
        await unbroken(off_loop(self.store.remove, record.id))

    # ports

    async def forward(self, machine: str, ports: Ports) -> Forward:
        """Lead a port of this host into it, until it ends, ``close_forward`` or ``close``."""
        opened: asyncio.Future[Forward] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._forwarding(machine, ports, opened))
        both: set[asyncio.Future[Any]] = {task, opened}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not opened.done():
            opened.cancel()
            await task
            raise BackendError(f"{machine} ended before the port was open")
        forward = opened.result()
        self._forwards[forward] = task
        task.add_done_callback(lambda _: self._forwards.pop(forward, None))
        return forward

    async def _forwarding(self, machine: str, ports: Ports, opened: asyncio.Future[Forward]) -> None:
        async with self.machine(machine) as found, forwarding(found, ports) as forward:
            if not opened.done():
                opened.set_result(forward)
            await found.died()

    def forwards(self) -> Sequence[Forward]:
        """Return the ports that lead into machines, by this vmbench."""
        return tuple(self._forwards)

    async def close_forward(self, forward: Forward) -> None:
        """Let a port lead nowhere. Idempotent."""
        task = self._forwards.get(forward)
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, BackendError):
                await task

    async def close(self) -> None:
        """Let every port lead nowhere."""
        for forward in list(self._forwards):
            await self.close_forward(forward)
