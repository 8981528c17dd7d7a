"""One QEMU guest: its process, its channels and what can be done with it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from qemu.qmp import QMPError

from backends import commands, keys
from backends.base import (
    BackendError,
    ExecResult,
    MachineDied,
    MachineState,
    MachineStats,
    MachineTimeout,
    OutputSink,
    PhaseSink,
    Terminal,
    WrongState,
)
from backends.guest import GuestChannel, preload
from backends.process import ProcessIdentity, identify
from backends.qemu import console, disks, furnish, migration, monitor, sockets, usage, waking
from backends.qemu.argv import CONSOLE_LOG, SOCKETS, LaunchSpec, argv
from backends.qemu.control import ControlChannel
from backends.qemu.serial import SerialTerminal
from backends.qemu.transfer import furnish_launch, lay_snapshot, take_over
from backends.snapshots import RAM, STATE, SnapshotRecord, SnapshotStore
from backends.states import require
from backends.store import OPERATION, STATE_WHEN_GONE, MachineFolder, MachineRecord, held

if TYPE_CHECKING:
    from backends.qemu.template import Template

QEMU_LOG = "qemu.log"
NICENESS = 5
"""Guests yield to the person: added to the niceness of the guest's process."""
GOING_DOWN = 2.0
"""Seconds that a broken connection waits to learn whether the guest's process ends."""
SETTLE_DEADLINE, SETTLE_SPAN, SETTLED = 5.0, 0.25, 0.08
"""A template is saved when its guest used less than this share of a core for so many seconds."""
UNFREEZE_DEADLINE = 3.0
RESTORING = "restoring"
"""File that names the snapshot while a restore is under way."""
MARKER = re.compile(rb"vmbench: ready\r?\n")
"""What a guest prints on its console once its SSH server listens."""
POLITE_COMMAND = "sync; poweroff -f"

LIVE = (MachineState.STARTING, MachineState.RUNNING, MachineState.PAUSED)
OPERATION_DEADLINE = 30.0
"""Seconds to wait for another vmbench that saves, restores or stops the same machine."""

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a machine needs of its backend."""

    snapshots: SnapshotStore
    affinity: frozenset[int] | None = None
    """Cores its process may run on; ``None`` for all."""
    boot_timeout: float = 120.0


class QemuMachine:
    """A guest in a QEMU process; fulfils ``backends.base.Machine``.

    Args:
        held: The machine's folder and lock.
        launch: How QEMU is started, but for the sockets' descriptors.
        around: What it needs of its backend.
    """

    def __init__(self, held: MachineFolder, launch: LaunchSpec, around: Surroundings) -> None:
        self._held = held
        self._launch = launch
        self._around = around
        self._process: subprocess.Popen[bytes] | None = None
        self._exit: asyncio.Task[None] | None = None
        self._control: ControlChannel | None = None
        self._control_turn = asyncio.Lock()
        self._guest: GuestChannel | None = None
        self._stopping = False
        self._template: Template | None = None
        self._console_start = 0

    def use_template(self, template: Template) -> None:
        """Let the first start fork a template instead of booting."""
        self._template = template

    @property
    def id(self) -> str:
        """The machine's short readable id."""
        return self._held.record.id

    @property
    def record(self) -> MachineRecord:
        """The machine's record as its folder holds it."""
        return self._held.record

    @property
    def folder(self) -> Path:
        """The machine's folder."""
        return self._held.path

    @property
    def console_log(self) -> Path:
        """File that the serial console is logged to."""
        return self.folder / CONSOLE_LOG

    @property
    def accel(self) -> str:
        """Accelerator in use."""
        return self._launch.accel

    @property
    def state(self) -> MachineState:
        """What the machine is doing now."""
        return self._held.record.state

    @property
    def ssh_command(self) -> str:
        """The plain ``ssh`` command that walks in; empty before the machine runs."""
        port = self._held.record.ssh_port
        return keys.ssh_command(self.folder, self.id, port) if port else ""

    @property
    def launch(self) -> LaunchSpec:
        """What QEMU is started with."""
        return self._launch

    async def start(self, *, on_phase: PhaseSink | None = None) -> None:
        """Boot or resume, and wait until the guest takes commands; see ``backends.base.Machine.start``.

        It resumes where the folder holds a saved state, or a template of its shape exists.
        """
        async with self._operation("start it"):
            self._held.reread()
            require("start", self.id, self.state)
            await self._start(on_phase or (lambda phase, detail: None))

    async def _start(self, say: PhaseSink) -> None:
        self._stopping = False
        template, self._template = self._template, None
        if template is not None:
            try:
                await template.lay(say)
                await self._resume(say, "fork of a template")
                return
            except BackendError:
                # A template that does not resume is not trusted again; the machine boots instead.
                self._stopping = True
                await self._kill()
                await self._hang_up()
                await asyncio.to_thread(template.forget)
                self._stopping = False
                self._held.update(state=MachineState.CREATED, process=None)
        elif (self.folder / furnish.RESUME_STATE).exists():
            await self._resume(say, f"fork of {self._held.record.parent}")
            return
        await self._boot(say)

    async def become_template(self, store: SnapshotStore, name: str, say: PhaseSink) -> None:
        """Boot with a file as memory, save the state the guest is ready in, and end.

        Raises:
            BackendError: it does not boot, or cannot be saved.
        """
        require("start", self.id, self.state)
        self._launch = dataclasses.replace(self._launch, ram_file=RAM, ram_shared=True)
        await self._boot(say)
        await self._settle()
        control = await self._open_control()
        with store.saving(name) as folder:
            async with control.turn(), monitor.monitor(self.folder, timeout=60.0) as client:
                version = await monitor.version(client)
                await client.execute("stop")
                await migration.save(client, folder / STATE, shared=True)
            self._stopping = True
            # The guest must be gone before its memory is sealed: it writes to that very file.
            await self._kill()
            ram = self.folder / RAM
            ram.chmod(0o400)
            ram.rename(folder / RAM)
            await asyncio.to_thread(self._lay_snapshot, folder, name, self._held.record.layers, version)

    async def _settle(self) -> None:
        """Let a fresh guest finish what its boot began: what is left of that, every fork would do again."""
        guest, control = self._running(), await self._open_control()
        await guest.exec("true", timeout=30.0)
        await guest.reset()
        await control.run("true; (true | true)", timeout=30.0)
        process = self._held.record.process
        deadline = time.monotonic() + SETTLE_DEADLINE
        while process is not None and time.monotonic() < deadline:
            if await asyncio.to_thread(usage.cpu_share, process.pid, SETTLE_SPAN) < SETTLED:
                return

    async def _boot(self, say: PhaseSink) -> None:
        deadline = time.monotonic() + self._around.boot_timeout
        say("booting", f"{self._launch.machine_type}, {self.accel}")
        self._console_start = self.console_log.stat().st_size
        await self._spawn()
        loading = asyncio.create_task(asyncio.to_thread(preload))
        try:
            self._control = await self._until(deadline, ControlChannel.open(self.folder), "QEMU")
            await self._until(deadline, self._find_port(), "QEMU's monitor")
            self._control.expect_boot()
            await self._until(deadline, self._booted(deadline), "the guest's ready line")
            await loading
            self._guest = self._channel()
            left = max(1.0, deadline - time.monotonic())
            await self._until(deadline, self._guest.connect(timeout=left), "the guest's SSH server")
        finally:
            await asyncio.shield(loading)
        self._held.update(state=MachineState.RUNNING)
        say("ready", "")

    async def _booted(self, deadline: float) -> None:
        """Wait until the console says that the SSH server listens, some moments before the channel does."""
        assert self._exit is not None
        left = max(0.0, deadline - time.monotonic())
        await console.wait_for(
            self.console_log, MARKER, timeout=left, start=self._console_start, gone=self._exit.done
        )

    async def _resume(self, say: PhaseSink, origin: str) -> None:
        deadline = time.monotonic() + self._around.boot_timeout
        say("booting", f"{origin}, {self._launch.machine_type}, {self.accel}")
        ram = self.folder / furnish.RESUME_RAM
        shared = ram.exists()
        self._launch = dataclasses.replace(
            self._launch, incoming=True, ram_file=furnish.RESUME_RAM if shared else None, ram_shared=False
        )
        await self._spawn()
        loading = asyncio.create_task(asyncio.to_thread(preload))
        try:
            self._control = await self._until(deadline, ControlChannel.open(self.folder), "QEMU")
            await self._until(deadline, self._load(shared), "the saved state's resuming")
            personal = waking.personalise(
                self._control, machine=self.id, client_key=keys.public_of(self.folder)
            )
            await self._until(deadline, personal, "the guest after it resumed")
        finally:
            await asyncio.shield(loading)
        self._guest = self._channel()
        await asyncio.to_thread(furnish.clear_resume, self.folder)
        self._launch = dataclasses.replace(self._launch, incoming=False, ram_file=None)
        self._held.update(state=MachineState.RUNNING)
        say("ready", "")

    async def _load(self, shared: bool) -> None:
        async with monitor.monitor(self.folder) as client:
            await migration.load(client, self.folder / furnish.RESUME_STATE, shared=shared)
            self._held.update(ssh_port=await monitor.forwarded_port(client))

    async def _find_port(self) -> None:
        async with monitor.monitor(self.folder) as client:
            self._held.update(ssh_port=await monitor.forwarded_port(client))

    def _channel(self) -> GuestChannel:
        record = self._held.record
        assert record.ssh_port is not None
        return GuestChannel(
            port=record.ssh_port,
            client_key=(self.folder / keys.CLIENT_KEY).read_bytes(),
            host_key=record.host_key,
            kill=self._rescue,
            env=record.env,
            machine=self.id,
            login=self.ssh_command,
        )

    async def _spawn(self) -> None:
        listening = [sockets.listen(self.folder, name) for name in SOCKETS]
        fds = [s.fileno() for s in listening]
        self._launch = dataclasses.replace(self._launch, qmp_fd=fds[0], control_fd=fds[1], console_fd=fds[2])
        self._held.update(state=MachineState.STARTING)
        command = ["nice", "-n", str(NICENESS), *argv(self._launch)]
        log = os.open(self.folder / QEMU_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # Not by asyncio, whose transports kill their children when the loop ends: a kept guest stays.
            self._process = subprocess.Popen(  # noqa: ASYNC220 - vfork takes a millisecond
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[*fds, self._held.lock_fd],
                start_new_session=True,
            )
            note = commands.begin("qemu", command, self.id)
        except OSError as error:
            commands.end(commands.begin("qemu", command, self.id), error=str(error))
            raise BackendError(f"QEMU does not start: {error}", remedy="vmbench doctor") from error
        finally:
            os.close(log)
            for made in listening:
                made.close()
        identity = identify(self._process.pid)
        self._exit = asyncio.create_task(self._reap(self._process, identity, note))
        self._held.update(process=identity)
        if self._around.affinity is not None:
            with contextlib.suppress(OSError):  # it may have ended already
                os.sched_setaffinity(self._process.pid, self._around.affinity)

    async def _reap(
        self,
        process: subprocess.Popen[bytes] | None,
        identity: ProcessIdentity | None,
        note: commands.Command | None = None,
    ) -> None:
        """Wait for the guest's process, and note in the record how it went."""
        if identity is not None:
            await identity.gone()
        if process is not None:
            process.wait()
            if note is not None:
                commands.end(note, process.returncode)
        # Another vmbench may have stopped it, and noted so.
        if self._held.reread().state in LIVE and self.folder.exists():
            ended = MachineState.STOPPED if self._stopping else MachineState.DIED
            with contextlib.suppress(OSError, BackendError):
                self._held.update(state=ended, process=None)

    async def _until(self, deadline: float, wanted: Awaitable[T], what: str) -> T:
        """Wait for something of a booting guest, no longer than the deadline or the guest's process."""
        assert self._exit is not None
        task = asyncio.ensure_future(wanted)
        try:
            left = max(0.0, deadline - time.monotonic())
            await asyncio.wait({task, self._exit}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if task.done() and isinstance(task.exception(), OSError | BackendError):
                # A process that is killed breaks connections a moment before it is seen to be gone.
                await asyncio.wait({self._exit}, timeout=GOING_DOWN)
            if self._exit.done():
                raise MachineDied(self._death(), detail=console.tail(self.console_log))
            if not task.done():
                raise MachineTimeout(
                    f"{self.id} did not boot within {self._around.boot_timeout:g}s: no sign of {what}",
                    remedy="see its console below; a loaded host may need a longer boot_timeout",
                    detail=console.tail(self.console_log),
                )
            return task.result()
        finally:
            await _put_down(task)

    def _death(self) -> str:
        """Say in one line why the guest's process ended."""
        code = self._process.returncode if self._process is not None else None
        try:
            said = (self.folder / QEMU_LOG).read_text(errors="replace").strip().splitlines()
        except OSError:
            said = []
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return f"{self.id}'s QEMU was killed by {signal.Signals(-code).name}"
        if code == 0:
            return f"{self.id} was switched off from inside"
        if code is None:
            return f"{self.id}'s QEMU ended" + (f": {said[-1]}" if said else "")
        return f"{self.id}'s QEMU ended with exit code {code}" + (f": {said[-1]}" if said else "")

    async def _rescue(self, command: str) -> None:
        try:
            await (await self._open_control()).run(command)
        except BackendError:
            # Another vmbench may hold the control channel; a second SSH connection does it too.
            if self._guest is not None:
                await self._guest.exec(command, timeout=5.0)

    async def _open_control(self) -> ControlChannel:
        async with self._control_turn:
            if self._control is None:
                try:
                    control = await ControlChannel.open(self.folder)
                    await control.attach()
                except OSError as error:
                    raise BackendError(f"{self.id}'s control channel is closed") from error
                self._control = control
            return self._control

    async def control(self, command: str, *, timeout: float = 5.0) -> tuple[int, bytes]:
        """Run a short command beside SSH, and return its exit code and merged output.

        Raises:
            BackendError: the guest gives no answer.
        """
        self._running()
        return await (await self._open_control()).run(command, timeout=timeout)

    def _running(self, move: str = "run a command") -> GuestChannel:
        if self._exit is not None and self._exit.done() and not self._stopping:
            raise MachineDied(self._death(), detail=console.tail(self.console_log))
        require(move, self.id, self.state)
        if self._guest is None:
            raise WrongState(f"{self.id} is not connected", remedy="try again")
        return self._guest

    async def _alive(self, wanted: Awaitable[T]) -> T:
        """Wait for something of a running guest, and no longer than its process lives."""
        assert self._exit is not None
        console_start = self.console_log.stat().st_size if self.console_log.exists() else 0
        task = asyncio.ensure_future(wanted)
        try:
            await asyncio.wait({task, self._exit}, return_when=asyncio.FIRST_COMPLETED)
            if task.done() and isinstance(task.exception(), BackendError):
                # A guest that goes down closes its connections a moment before its process ends.
                await asyncio.wait({self._exit}, timeout=GOING_DOWN)
            if self._exit.done() and not (task.done() and task.exception() is None):
                raise MachineDied(self._death(), detail=console.tail(self.console_log))
            failed = task.exception() if task.done() else None
            if isinstance(failed, BackendError) and (
                reason := console.panic(self.console_log, console_start)
            ):
                raise BackendError(
                    f"{self.id}'s kernel panicked and started anew: {reason}",
                    remedy="take it back to a snapshot, or look at its console",
                    detail=console.tail(self.console_log),
                ) from failed
            return await task
        finally:
            await _put_down(task)

    async def exec(
        self,
        command: str,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout: float | None = None,
        on_output: OutputSink | None = None,
    ) -> ExecResult:
        """Run a shell command in the guest; see ``backends.base.Machine.exec``."""
        guest = self._running()
        with commands.noted("guest", command, self.id) as ending:
            done = await self._alive(
                guest.exec(command, cwd=cwd, env=env, stdin=stdin, timeout=timeout, on_output=on_output)
            )
            ending.exit_code = done.exit_code
        return done

    async def copy_in(self, source: Path, target: str, *, timeout: float = 60.0) -> None:
        """Copy a host file or folder into the guest."""
        guest = self._running("copy files")
        with commands.noted("copy", ["vmbench", "cp", str(source), f"{self.id}:{target}"], self.id):
            await self._alive(guest.copy_in(source, target, timeout=timeout))

    async def copy_out(self, source: str, target: Path, *, timeout: float = 60.0) -> None:
        """Copy a guest file or folder to the host."""
        guest = self._running("copy files")
        with commands.noted("copy", ["vmbench", "cp", f"{self.id}:{source}", str(target)], self.id):
            await self._alive(guest.copy_out(source, target, timeout=timeout))

    def forward(self, port: int, host: str = "127.0.0.1") -> AbstractAsyncContextManager[int]:
        """Open a loopback port on this host that leads to ``host:port`` as the guest sees it."""
        return self._running("forward a port").forward(port, host)

    async def wait_console(
        self, pattern: re.Pattern[bytes], *, timeout: float, start: int = 0
    ) -> re.Match[bytes]:
        """Wait until ``pattern`` matches in the console; see ``backends.base.Machine.wait_console``."""
        exit_task = self._exit
        assert exit_task is not None
        match = await console.wait_for(
            self.console_log, pattern, timeout=timeout, start=start, gone=exit_task.done
        )
        if match is not None:
            return match
        seen = console.tail(self.console_log)
        if exit_task.done() and not self._stopping:
            raise MachineDied(self._death(), detail=seen)
        raise MachineTimeout(
            f"timed out after {timeout:g}s: {pattern.pattern.decode(errors='replace')!r} "
            "did not appear on the console",
            detail=seen,
        )

    async def terminal(
        self, command: str | None = None, *, columns: int = 80, rows: int = 24, term: str = "xterm-256color"
    ) -> Terminal:
        """Open a terminal with a login shell, or with ``command``."""
        guest = self._running()
        words = ["vmbench", "shell", self.id, *(["--", "sh", "-c", command] if command else [])]
        with commands.noted("terminal", words, self.id):
            return await self._alive(guest.terminal(command, columns=columns, rows=rows, term=term))

    async def console(self) -> Terminal:
        """Connect to the serial console; see ``backends.base.Machine.console``."""
        require("type into the console", self.id, self.state)
        return await SerialTerminal.open(self.folder, self.id)

    async def reboot(self, *, discard: bool = False, timeout: float = 60.0) -> None:
        """Reboot the guest; see ``backends.base.Machine.reboot``."""
        guest = self._running()
        require("reboot", self.id, self.state)
        if discard:
            await self._reboot_afresh()
            return
        control = await self._open_control()
        deadline = time.monotonic() + timeout
        before = await self._boot_id()
        await guest.reset()
        with contextlib.suppress(BackendError):
            await control.run("sync; reboot -f", timeout=0.5)
        try:
            await self._until(deadline, control.ready(), "the guest's ready line")
            left = max(1.0, deadline - time.monotonic())
            await self._until(deadline, guest.connect(timeout=left), "the guest's SSH server")
        except MachineTimeout as error:
            raise MachineTimeout(
                f"{self.id} did not come back from its reboot within {timeout:g}s",
                detail=console.tail(self.console_log),
            ) from error
        if await self._boot_id() == before:
            raise BackendError(f"{self.id} did not reboot", detail=console.tail(self.console_log))

    async def _reboot_afresh(self) -> None:
        """Boot again with the disk as it was when the machine was made."""
        self._stopping = True
        await self._kill()
        await self._hang_up()
        record = self._held.record
        if record.disk:
            base = record.base
            top = await asyncio.to_thread(
                lambda: (
                    disks.overlay(self.folder, base[0])
                    if base
                    else disks.blank(self.folder, record.disk or 0)
                )
            )
            for stale in set(record.layers) - set(base):
                (self.folder / stale).unlink(missing_ok=True)
            self._use_layers((top, *base))
        self._stopping = False
        self._held.update(state=MachineState.CREATED, process=None, ssh_port=None)
        await self._boot(lambda phase, detail: None)

    def _use_layers(self, layers: tuple[str, ...]) -> None:
        self._launch = dataclasses.replace(self._launch, disk=layers[0] if layers else None)
        furnish.write_launch(self.folder, self._launch)
        self._held.update(layers=layers)

    async def pause(self) -> None:
        """Halt the vCPUs."""
        require("pause", self.id, self.state)
        async with self._operation("pause it"), monitor.monitor(self.folder) as client:
            await client.execute("stop")
            self._held.update(state=MachineState.PAUSED)

    async def resume(self) -> None:
        """Let the vCPUs go on, with the clock set right."""
        require("resume", self.id, self.state)
        async with self._operation("resume it"):
            async with monitor.monitor(self.folder) as client:
                await client.execute("cont")
            self._held.update(state=MachineState.RUNNING)
            with contextlib.suppress(BackendError):  # a clock that is behind is no reason to fail
                await waking.set_clock(await self._open_control())

    async def stats(self) -> MachineStats:
        """Tell what the machine uses now."""
        require("show statistics", self.id, self.state)
        process = self._held.record.process
        if process is None or not process.alive():
            raise MachineDied(self._death(), detail=console.tail(self.console_log))
        inside = b""
        if self.state is MachineState.RUNNING:
            with contextlib.suppress(BackendError):
                inside = (await self.exec(usage.GUEST_COMMAND, timeout=10.0)).stdout
        return await asyncio.to_thread(usage.measure, process.pid, self.folder, inside)

    @asynccontextmanager
    async def _operation(self, what: str) -> AsyncIterator[None]:
        """Keep other vmbench processes from acting on the machine meanwhile."""
        async with held(self.folder / OPERATION, f"{what} ({self.id})", timeout=OPERATION_DEADLINE):
            yield

    async def save(self, name: str) -> SnapshotRecord:
        """Save the machine under ``name``; see ``backends.base.Machine.save``."""
        require("save a snapshot", self.id, self.state)
        store = self._around.snapshots
        await asyncio.to_thread(store.free, name)
        async with self._operation(f"save {name}"):
            self._held.reread()  # its parent may have been renamed
            if self.state is MachineState.STOPPED:
                return await asyncio.to_thread(self._save_stopped, store, name)
            with store.saving(name) as folder:
                try:
                    return await self._save_live(folder, name)
                except OSError as error:
                    raise BackendError(
                        f"cannot save {name}: {error.strerror or error}", remedy="free some disk space"
                    ) from error

    async def _save_live(self, folder: Path, name: str) -> SnapshotRecord:
        frozen = self._held.record.layers
        turn = self._control.turn() if self._control is not None else contextlib.nullcontext()
        async with turn, monitor.monitor(self.folder, timeout=120.0) as client:
            version = await monitor.version(client)
            if self.state is MachineState.RUNNING:
                await client.execute("stop")
            try:
                if frozen:
                    await self._add_layer(client, frozen)
                await migration.save(client, folder / STATE, shared=False)
                record = await asyncio.to_thread(self._lay_snapshot, folder, name, frozen, version)
            finally:
                if self.state is MachineState.RUNNING:
                    await client.execute("cont")
        if self.state is MachineState.RUNNING and self._control is not None:
            with contextlib.suppress(BackendError):  # a clock that is behind is no reason to fail
                await waking.set_clock(self._control)
        return record

    async def _add_layer(self, client: monitor.Client, frozen: tuple[str, ...]) -> None:
        top = await asyncio.to_thread(disks.overlay, self.folder, frozen[0])
        # Noted before it is so: if this process dies in between, the new layer is empty above the one
        # that the guest still writes to, and nothing is lost; the other way round its writes would be.
        self._use_layers((top, *frozen))
        try:
            await client.execute(
                "blockdev-snapshot-sync",
                {"device": "disk0", "snapshot-file": top, "format": "qcow2", "mode": "existing"},
            )
        except QMPError:
            self._use_layers(frozen)
            (self.folder / top).unlink(missing_ok=True)
            raise

    def _save_stopped(self, store: SnapshotStore, name: str) -> SnapshotRecord:
        frozen = self._held.record.layers
        with store.saving(name) as folder:
            record = self._lay_snapshot(folder, name, frozen, "")
            if frozen:
                self._use_layers((disks.overlay(self.folder, frozen[0]), *frozen))
            return record

    def _lay_snapshot(self, folder: Path, name: str, layers: tuple[str, ...], version: str) -> SnapshotRecord:
        """Link everything a fork needs beside its state, and write the record."""
        return lay_snapshot(self.folder, self._held.record, self._launch, folder, name, layers, version)

    async def restore(self, name: str) -> None:
        """Make the machine what the snapshot was; see ``backends.base.Machine.restore``."""
        require("restore a snapshot", self.id, self.state)
        async with self._operation(f"restore {name}"):
            await asyncio.to_thread(self._restore, name)

    def _restore(self, name: str) -> None:
        self._template = None
        store = self._around.snapshots
        store.get(name)
        # A restore that is cut short is done again by whoever takes the machine up.
        (self.folder / RESTORING).write_text(name)
        self.take_over(store, name)
        self._held.update(parent=name)
        (self.folder / RESTORING).unlink()

    def take_over(self, store: SnapshotStore, name: str, *, env: Mapping[str, str] | None = None) -> None:
        """Lay a snapshot's files into the machine's folder; its next start resumes from it. Blocking.

        Args:
            store: Where the snapshot is.
            name: Its name.
            env: Variables that commands see, instead of the snapshot's.

        Raises:
            SnapshotError: there is no such snapshot, or it is damaged.
        """
        snapshot, source = store.get(name), store.folder(name)
        changes = take_over(self.folder, self.id, snapshot, source)
        if env is not None:
            changes["env"] = dict(env)
        self._held.update(**changes)
        self._launch = furnish_launch(self.folder, self._launch, snapshot, self._held.record.layers)

    async def _boot_id(self) -> bytes:
        _, said = await self.control("cat /proc/sys/kernel/random/boot_id", timeout=10.0)
        return said.strip()

    async def died(self) -> str:
        """Return, when the guest's process has ended, why it did in one line."""
        assert self._exit is not None
        await asyncio.shield(self._exit)
        return self._death()

    async def keep(self, reason: str) -> None:
        """Mark the machine as kept."""
        await asyncio.to_thread(self._held.update, keep=True, keep_reason=reason)

    async def stop(self, *, timeout: float = 10.0) -> None:
        """Stop the guest: politely, then by force."""
        self._stopping = True
        if self._exit is not None and not self._exit.done():
            if self.state is MachineState.RUNNING:
                with contextlib.suppress(BackendError):
                    await (await self._open_control()).run(POLITE_COMMAND, timeout=min(1.0, timeout))
                await asyncio.wait({self._exit}, timeout=timeout)
            await self._kill()
        await self._hang_up()
        self._note_stopped()

    async def kill(self) -> None:
        """End the guest's process at once, as a power cut would. Idempotent."""
        self._stopping = True
        await self._kill()
        await self._hang_up()
        self._note_stopped()

    def _note_stopped(self) -> None:
        if self.state is MachineState.STOPPED or not self.folder.exists():
            return
        with contextlib.suppress(BackendError):  # it has ended, and whoever looks sees that
            self._held.update(state=MachineState.STOPPED, process=None, ssh_port=None)

    async def _kill(self) -> None:
        if self._exit is not None and not self._exit.done():
            process = self._held.record.process
            if self._process is not None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
            elif process is not None:
                process.signal(signal.SIGKILL)
            await asyncio.shield(self._exit)

    async def _hang_up(self) -> None:
        if self._guest is not None:
            await self._guest.close()
            self._guest = None
        if self._control is not None:
            await self._control.close()
            self._control = None

    async def remove(self) -> None:
        """Stop the guest by force and delete its folder."""
        self._stopping = True
        await self._kill()
        await self._hang_up()
        await asyncio.to_thread(self._held.delete)

    async def release(self) -> None:
        """Let go of a kept machine, which runs on without this process."""
        if self._exit is not None and not self._exit.done():
            self._exit.cancel()
        await self._hang_up()
        self._held.close()

    async def attach(self) -> None:
        """Take up a machine that another vmbench made: mend what it left half done, and connect lazily.

        Raises:
            BackendError: it was being restored to a snapshot that is gone.
        """
        async with self._operation("take it up"):
            self._held.reread()
            process = self._held.record.process
            alive = process is not None and process.alive()
            if alive and self.state is MachineState.STARTING:
                # Whoever starts a machine holds the operation's lock; nobody does.
                assert process is not None
                process.signal(signal.SIGKILL)
                await process.gone()
                self._held.update(state=MachineState.STOPPED, process=None)
                alive = False
            if not alive and self.state in STATE_WHEN_GONE:
                self._held.update(state=STATE_WHEN_GONE[self.state], process=None, ssh_port=None)
            if (self.folder / RESTORING).exists():
                await asyncio.to_thread(self._restore, (self.folder / RESTORING).read_text())
            if alive and self.state in LIVE:
                self._exit = asyncio.create_task(self._reap(None, process))
                await asyncio.to_thread(preload)
                self._guest = self._channel()
                await self._unfreeze()

    async def _unfreeze(self) -> None:
        """Let a guest go on that a save left standing still when its vmbench was killed."""
        if self.state is not MachineState.RUNNING:
            return
        # A process that hangs is no reason to refuse: it can still be stopped.
        with contextlib.suppress(BackendError):
            async with monitor.monitor(self.folder, timeout=UNFREEZE_DEADLINE) as client:
                status = await client.execute("query-status")
                if isinstance(status, dict) and not status.get("running"):
                    await client.execute("cont")


async def _put_down(task: asyncio.Future[T]) -> None:
    """Cancel a task that is not done and wait for its end; take the error of one that nobody awaited."""
    if not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, BackendError):
            await task
    elif not task.cancelled():
        task.exception()
