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
from collections.abc import Awaitable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeVar

from backends import keys
from backends.base import (
    BackendError,
    ExecResult,
    MachineDied,
    MachineRequest,
    MachineState,
    MachineTimeout,
    OutputSink,
    PhaseSink,
    WrongState,
)
from backends.guest import GuestChannel, preload
from backends.process import ProcessIdentity, identify
from backends.qemu import console, monitor, sockets
from backends.qemu.argv import CONSOLE_LOG, SOCKETS, LaunchSpec, argv
from backends.qemu.control import ControlChannel
from backends.store import MachineFolder, MachineRecord

QEMU_LOG = "qemu.log"
NICENESS = 5
"""Guests yield to the person: added to the niceness of the guest's process."""
GOING_DOWN = 2.0
"""Seconds that a broken connection waits to learn whether the guest's process ends."""
POLITE_COMMAND = "sync; poweroff -f"

T = TypeVar("T")


class QemuMachine:
    """A guest in a QEMU process; fulfils ``backends.base.Machine``.

    Args:
        held: The machine's folder and lock.
        request: What was asked for.
        launch: How QEMU is started, but for the sockets' descriptors.
        pair: The machine's keys.
    """

    def __init__(
        self, held: MachineFolder, request: MachineRequest, launch: LaunchSpec, pair: keys.MachineKeys
    ) -> None:
        self._held = held
        self._request = request
        self._launch = launch
        self._keys = pair
        self._process: subprocess.Popen[bytes] | None = None
        self._exit: asyncio.Task[None] | None = None
        self._control: ControlChannel | None = None
        self._guest: GuestChannel | None = None
        self._stopping = False

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
        """Boot and wait until the guest takes commands; see ``backends.base.Machine.start``."""
        if self.state is not MachineState.CREATED:
            raise WrongState(f"{self.id} is {self.state}", remedy="create a new machine")
        say = on_phase or (lambda phase, detail: None)
        deadline = time.monotonic() + self._request.boot_timeout
        say("booting", f"{self._launch.machine_type}, {self.accel}")
        await self._spawn()
        loading = asyncio.create_task(asyncio.to_thread(preload))
        try:
            self._control = await self._until(deadline, ControlChannel.open(self.folder), "QEMU")
            port = await self._until(deadline, monitor.forwarded_port(self.folder), "QEMU's monitor")
            self._held.update(ssh_port=port)
            await self._until(deadline, self._control.ready(), "the guest's ready line")
            await loading
            self._guest = GuestChannel(
                port=port,
                client_key=self._keys.client_private,
                host_key=self._keys.host_public,
                kill=self._rescue,
                env=self._request.env,
            )
            left = max(1.0, deadline - time.monotonic())
            await self._until(deadline, self._guest.connect(timeout=left), "the guest's SSH server")
        finally:
            await asyncio.shield(loading)
        self._held.update(state=MachineState.RUNNING)
        say("ready", "")

    async def _spawn(self) -> None:
        listening = [sockets.listen(self.folder, name) for name in SOCKETS]
        fds = [s.fileno() for s in listening]
        self._launch = dataclasses.replace(self._launch, qmp_fd=fds[0], control_fd=fds[1], console_fd=fds[2])
        self._held.update(state=MachineState.STARTING)
        log = os.open(self.folder / QEMU_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # Not by asyncio, whose transports kill their children when the loop ends: a kept guest stays.
            self._process = subprocess.Popen(  # noqa: ASYNC220 - vfork takes a millisecond
                ["nice", "-n", str(NICENESS), *argv(self._launch)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[*fds, self._held.lock_fd],
                start_new_session=True,
            )
        except OSError as error:
            raise BackendError(f"QEMU does not start: {error}", remedy="vmbench doctor") from error
        finally:
            os.close(log)
            for made in listening:
                made.close()
        identity = identify(self._process.pid)
        self._exit = asyncio.create_task(self._reap(self._process, identity))
        self._held.update(process=identity)

    async def _reap(self, process: subprocess.Popen[bytes], identity: ProcessIdentity | None) -> None:
        """Wait for the guest's process, and note in the record how it went."""
        if identity is not None:
            await identity.gone()
        process.wait()
        if self.state in (MachineState.STARTING, MachineState.RUNNING) and self.folder.exists():
            ended = MachineState.STOPPED if self._stopping else MachineState.DIED
            with contextlib.suppress(OSError):
                self._held.update(state=ended, process=None)

    async def _until(self, deadline: float, wanted: Awaitable[T], what: str) -> T:
        """Wait for something of a booting guest, no longer than the deadline or the guest's process."""
        assert self._exit is not None
        task = asyncio.ensure_future(wanted)
        try:
            left = max(0.0, deadline - time.monotonic())
            await asyncio.wait({task, self._exit}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if self._exit.done():
                raise MachineDied(self._death(), detail=console.tail(self.console_log))
            if not task.done():
                raise MachineTimeout(
                    f"{self.id} did not boot within {self._request.boot_timeout:g}s: no sign of {what}",
                    remedy="see its console below; a loaded host may need a longer boot_timeout",
                    detail=console.tail(self.console_log),
                )
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, BackendError):
                    await task
            elif not task.cancelled():
                task.exception()

    def _death(self) -> str:
        """Say in one line why the guest's process ended."""
        assert self._process is not None
        code = self._process.returncode
        try:
            said = (self.folder / QEMU_LOG).read_text(errors="replace").strip().splitlines()
        except OSError:
            said = []
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return f"{self.id}'s QEMU was killed by {signal.Signals(-code).name}"
        if code == 0:
            return f"{self.id} was switched off from inside"
        return f"{self.id}'s QEMU ended with exit code {code}" + (f": {said[-1]}" if said else "")

    async def _rescue(self, command: str) -> None:
        assert self._control is not None
        await self._control.run(command)

    async def control(self, command: str, *, timeout: float = 5.0) -> tuple[int, bytes]:
        """Run a short command beside SSH, and return its exit code and merged output.

        Raises:
            BackendError: the guest gives no answer.
        """
        self._running()
        assert self._control is not None
        return await self._control.run(command, timeout=timeout)

    def _running(self) -> GuestChannel:
        if self._exit is not None and self._exit.done() and not self._stopping:
            raise MachineDied(self._death(), detail=console.tail(self.console_log))
        if self.state is not MachineState.RUNNING or self._guest is None:
            raise WrongState(f"{self.id} is {self.state}, not running", remedy="start it first")
        return self._guest

    async def _alive(self, wanted: Awaitable[T]) -> T:
        """Wait for something of a running guest, and no longer than its process lives."""
        assert self._exit is not None
        task = asyncio.ensure_future(wanted)
        try:
            await asyncio.wait({task, self._exit}, return_when=asyncio.FIRST_COMPLETED)
            if task.done() and isinstance(task.exception(), BackendError):
                # A guest that goes down closes its connections a moment before its process ends.
                await asyncio.wait({self._exit}, timeout=GOING_DOWN)
            if self._exit.done() and not (task.done() and task.exception() is None):
                raise MachineDied(self._death(), detail=console.tail(self.console_log))
            return await task
        finally:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, BackendError):
                    await task
            elif not task.cancelled():
                task.exception()

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
        return await self._alive(
            guest.exec(command, cwd=cwd, env=env, stdin=stdin, timeout=timeout, on_output=on_output)
        )

    async def copy_in(self, source: Path, target: str, *, timeout: float = 60.0) -> None:
        """Copy a host file or folder into the guest."""
        await self._alive(self._running().copy_in(source, target, timeout=timeout))

    async def copy_out(self, source: str, target: Path, *, timeout: float = 60.0) -> None:
        """Copy a guest file or folder to the host."""
        await self._alive(self._running().copy_out(source, target, timeout=timeout))

    def forward(self, port: int, host: str = "127.0.0.1") -> AbstractAsyncContextManager[int]:
        """Open a loopback port on this host that leads to ``host:port`` as the guest sees it."""
        return self._running().forward(port, host)

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

    async def reboot(self, *, timeout: float = 60.0) -> None:
        """Reboot the guest from inside; disks are kept."""
        guest = self._running()
        assert self._control is not None
        deadline = time.monotonic() + timeout
        before = await self._boot_id()
        await guest.reset()
        with contextlib.suppress(BackendError):
            await self._control.run("sync; reboot -f", timeout=0.5)
        try:
            await self._until(deadline, self._control.ready(), "the guest's ready line")
            left = max(1.0, deadline - time.monotonic())
            await self._until(deadline, guest.connect(timeout=left), "the guest's SSH server")
        except MachineTimeout as error:
            raise MachineTimeout(
                f"{self.id} did not come back from its reboot within {timeout:g}s",
                detail=console.tail(self.console_log),
            ) from error
        if await self._boot_id() == before:
            raise BackendError(f"{self.id} did not reboot", detail=console.tail(self.console_log))

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
            if self._control is not None and self.state is MachineState.RUNNING:
                with contextlib.suppress(BackendError):
                    await self._control.run(POLITE_COMMAND, timeout=min(1.0, timeout))
                await asyncio.wait({self._exit}, timeout=timeout)
            await self._kill()
        await self._hang_up()
        if self.state is not MachineState.STOPPED and self.folder.exists():
            self._held.update(state=MachineState.STOPPED, process=None)

    async def _kill(self) -> None:
        if self._process is not None and self._exit is not None and not self._exit.done():
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await asyncio.shield(self._exit)

    async def _hang_up(self) -> None:
        if self._guest is not None:
            await self._guest.close()
        if self._control is not None:
            await self._control.close()

    async def remove(self) -> None:
        """Stop the guest by force and delete its folder."""
        self._stopping = True
        await self._kill()
        await self._hang_up()
        await asyncio.to_thread(self._held.delete)

    async def release(self) -> None:
        """Let go of a kept machine, which runs on without this process."""
        await self._hang_up()
        self._held.close()
