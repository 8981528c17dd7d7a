"""One QEMU guest: its process, its channels and what can be done with it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from backends import commands
from backends.base import (
    BackendError,
    ExecResult,
    MachineState,
    MachineStats,
    MachineTimeout,
    OutputSink,
    PhaseSink,
    Terminal,
    WrongState,
)
from backends.guest import GuestChannel, preload
from backends.qemu import console, migration, monitor, saving, starting, usage, waking
from backends.qemu.argv import LaunchSpec
from backends.qemu.guest_process import LIVE
from backends.qemu.parts import Parts
from backends.qemu.serial import SerialTerminal
from backends.qemu.template import Template
from backends.snapshots import RAM, SnapshotRecord, SnapshotStore
from backends.states import require
from backends.store import OPERATION, STATE_WHEN_GONE, MachineRecord, held

POLITE_COMMAND = "sync; poweroff -f"
UNFREEZE_DEADLINE = 3.0
OPERATION_DEADLINE = 30.0
"""Seconds to wait for another vmbench that saves, restores or stops the same machine."""


class QemuMachine:
    """A guest in a QEMU process; fulfils ``backends.base.Machine``.

    Args:
        parts: What it is made of.
        template: What its first start forks instead of booting.
    """

    def __init__(self, parts: Parts, template: Template | None = None) -> None:
        self._parts = parts
        self._process = parts.process
        self._channels = parts.channels
        self._held = parts.held
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
        return self._parts.console_log

    @property
    def accel(self) -> str:
        """Accelerator in use."""
        return self._parts.launch.accel

    @property
    def state(self) -> MachineState:
        """What the machine is doing now."""
        return self._held.record.state

    @property
    def ssh_command(self) -> str:
        """The plain ``ssh`` command that walks in; empty before the machine runs."""
        return self._channels.ssh_command

    @property
    def launch(self) -> LaunchSpec:
        """What QEMU is started with, but for the sockets' descriptors."""
        return self._parts.launch

    async def start(self, *, on_phase: PhaseSink | None = None) -> None:
        """Boot or resume, and wait until the guest takes commands; see ``backends.base.Machine.start``.

        It resumes where the folder holds a saved state, or a template of its shape exists.
        """
        async with self._operation("start it"):
            self._held.reread()
            require("start", self.id, self.state)
            template, self._template = self._template, None
            await starting.start(self._parts, template, on_phase or (lambda phase, detail: None))

    async def become_template(self, store: SnapshotStore, name: str, say: PhaseSink) -> None:
        """Boot with a file as memory, save the state the guest is ready in, and end.

        Raises:
            BackendError: it does not boot, or cannot be saved.
        """
        require("start", self.id, self.state)
        self._parts.launch = dataclasses.replace(self._parts.launch, ram_file=RAM, ram_shared=True)
        await starting.boot(self._parts, say)
        await starting.settle(self._parts, self._running())
        await saving.save_template(self._parts, store, name)

    async def control(self, command: str, *, timeout: float = 5.0) -> tuple[int, bytes]:
        """Run a short command beside SSH, and return its exit code and merged output.

        Raises:
            BackendError: the guest gives no answer.
        """
        self._running()
        return await (await self._channels.open_control()).run(command, timeout=timeout)

    def _running(self, move: str = "run a command") -> GuestChannel:
        if self._process.ended() and not self._process.stopping:
            raise self._process.obituary()
        require(move, self.id, self.state)
        if self._channels.guest is None:
            raise WrongState(f"{self.id} is not connected", remedy="try again")
        return self._channels.guest

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
            done = await self._process.while_alive(
                guest.exec(command, cwd=cwd, env=env, stdin=stdin, timeout=timeout, on_output=on_output)
            )
            ending.exit_code = done.exit_code
        return done

    async def copy_in(self, source: Path, target: str, *, timeout: float = 60.0) -> None:
        """Copy a host file or folder into the guest."""
        guest = self._running("copy files")
        with commands.noted("copy", ["vmbench", "cp", str(source), f"{self.id}:{target}"], self.id):
            await self._process.while_alive(guest.copy_in(source, target, timeout=timeout))

    async def copy_out(self, source: str, target: Path, *, timeout: float = 60.0) -> None:
        """Copy a guest file or folder to the host."""
        guest = self._running("copy files")
        with commands.noted("copy", ["vmbench", "cp", f"{self.id}:{source}", str(target)], self.id):
            await self._process.while_alive(guest.copy_out(source, target, timeout=timeout))

    def forward(self, port: int, host: str = "127.0.0.1") -> AbstractAsyncContextManager[int]:
        """Open a loopback port on this host that leads to ``host:port`` as the guest sees it."""
        return self._running("forward a port").forward(port, host)

    async def wait_console(
        self, pattern: re.Pattern[bytes], *, timeout: float, start: int = 0
    ) -> re.Match[bytes]:
        """Wait until ``pattern`` matches in the console; see ``backends.base.Machine.wait_console``."""
        match = await console.wait_for(
            self.console_log, pattern, timeout=timeout, start=start, gone=self._process.ended
        )
        if match is not None:
            return match
        seen = console.tail(self.console_log)
        if self._process.ended() and not self._process.stopping:
            raise self._process.obituary()
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
            return await self._process.while_alive(
                guest.terminal(command, columns=columns, rows=rows, term=term)
            )

    async def console(self) -> Terminal:
        """Connect to the serial console; see ``backends.base.Machine.console``."""
        require("type into the console", self.id, self.state)
        return await SerialTerminal.open(self.folder, self.id)

    async def reboot(self, *, discard: bool = False, timeout: float = 60.0) -> None:
        """Reboot the guest; see ``backends.base.Machine.reboot``."""
        guest = self._running()
        require("reboot", self.id, self.state)
        if discard:
            await starting.reboot_afresh(self._parts)
        else:
            await starting.reboot(self._parts, guest, timeout)

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
                await waking.set_clock(await self._channels.open_control())

    async def stats(self) -> MachineStats:
        """Tell what the machine uses now."""
        require("show statistics", self.id, self.state)
        process = self._held.record.process
        if process is None or not process.alive():
            raise self._process.obituary()
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
        await asyncio.to_thread(self._parts.around.snapshots.free, name)
        async with self._operation(f"save {name}"):
            self._held.reread()  # its parent may have been renamed
            return await saving.save(self._parts, name)

    async def restore(self, name: str) -> None:
        """Make the machine what the snapshot was; see ``backends.base.Machine.restore``."""
        require("restore a snapshot", self.id, self.state)
        async with self._operation(f"restore {name}"):
            self._template = None
            await asyncio.to_thread(saving.restore, self._parts, name)

    async def died(self) -> str:
        """Return, when the guest's process has ended, why it did in one line."""
        await self._process.wait()
        return self._process.death()

    async def keep(self, reason: str) -> None:
        """Mark the machine as kept."""
        await asyncio.to_thread(self._held.update, keep=True, keep_reason=reason)

    async def stop(self, *, timeout: float = 10.0) -> None:
        """Stop the guest: politely, then by force."""
        self._process.stopping = True
        if self._process.runs and self.state is MachineState.RUNNING:
            with contextlib.suppress(BackendError):
                control = await self._channels.open_control()
                await control.run(POLITE_COMMAND, timeout=min(1.0, timeout))
            await self._process.wait_for(timeout)
        await self.kill()

    async def kill(self) -> None:
        """End the guest's process at once, as a power cut would. Idempotent."""
        await self._process.kill()
        await self._channels.hang_up()
        if self.state is MachineState.STOPPED or not self.folder.exists():
            return
        with contextlib.suppress(BackendError):  # it has ended, and whoever looks sees that
            self._held.update(state=MachineState.STOPPED, process=None, ssh_port=None)

    async def remove(self) -> None:
        """Stop the guest by force and delete its folder."""
        await self._process.kill()
        await self._channels.hang_up()
        await asyncio.to_thread(self._held.delete)

    async def release(self) -> None:
        """Let go of a kept machine, which runs on without this process."""
        await self._process.let_go()
        await self._channels.hang_up()
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
            await asyncio.to_thread(saving.restore_again, self._parts)
            if process is not None and alive and self.state in LIVE:
                self._process.take_up(process)
                await asyncio.to_thread(preload)
                self._channels.reach_guest()
                await self._unfreeze()

    async def _unfreeze(self) -> None:
        """Let a guest go on that a save left standing still when its vmbench was killed."""
        if self.state is not MachineState.RUNNING:
            return
        # A process that hangs is no reason to refuse: it can still be stopped.
        with contextlib.suppress(BackendError):
            async with monitor.monitor(self.folder, timeout=UNFREEZE_DEADLINE) as client:
                await migration.abandon(client)
                status = await client.execute("query-status")
                if isinstance(status, dict) and not status.get("running"):
                    await client.execute("cont")
