"""The process that a guest runs in: how it begins, how it is waited for and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from backends import commands
from backends.base import BackendError, MachineDied, MachineState, MachineTimeout
from backends.process import ProcessIdentity, identify
from backends.qemu import console, sockets
from backends.qemu.argv import CONSOLE_LOG, SOCKETS, LaunchSpec, argv
from backends.store import MachineFolder

QEMU_LOG = "qemu.log"
NICENESS = 5
"""Guests yield to the person: added to the niceness of the guest's process."""
GOING_DOWN = 2.0
"""Seconds that a broken connection waits to learn whether the guest's process ends."""
LIVE = (MachineState.STARTING, MachineState.RUNNING, MachineState.PAUSED)

T = TypeVar("T")


class GuestProcess:
    """A machine's QEMU process, this vmbench's child or one that another vmbench left.

    Args:
        held: The machine's folder and lock.
        boot_timeout: Seconds that its guest has to boot, for what is said when it does not.
    """

    def __init__(self, held: MachineFolder, boot_timeout: float) -> None:
        self._held = held
        self._boot_timeout = boot_timeout
        self._child: subprocess.Popen[bytes] | None = None
        self._exit: asyncio.Task[None] | None = None
        self.stopping = False
        """Whether its end is what this vmbench wants."""

    @property
    def _console(self) -> Path:
        return self._held.path / CONSOLE_LOG

    @property
    def runs(self) -> bool:
        """Whether it was begun or taken up, and has not ended."""
        return self._exit is not None and not self._exit.done()

    def ended(self) -> bool:
        """Whether it was begun or taken up, and has ended."""
        return self._exit is not None and self._exit.done()

    def spawn(self, launch: LaunchSpec, affinity: frozenset[int] | None) -> None:
        """Start it.

        Args:
            launch: How, but for the sockets' descriptors.
            affinity: Cores that it may run on; ``None`` for all.

        Raises:
            BackendError: QEMU does not start.
        """
        self.stopping = False
        folder, machine = self._held.path, self._held.record.id
        listening = [sockets.listen(folder, name) for name in SOCKETS]
        fds = [s.fileno() for s in listening]
        whole = dataclasses.replace(launch, qmp_fd=fds[0], control_fd=fds[1], console_fd=fds[2])
        self._held.update(state=MachineState.STARTING, console_start=console.size(self._console))
        command = ["nice", "-n", str(NICENESS), *argv(whole)]
        log = os.open(folder / QEMU_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # Not by asyncio, whose transports kill their children when the loop ends: a kept guest stays.
            self._child = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[*fds, self._held.lock_fd],
                start_new_session=True,
            )
            note = commands.begin("qemu", command, machine)
        except OSError as error:
            commands.end(commands.begin("qemu", command, machine), error=str(error))
            raise BackendError(f"QEMU does not start: {error}", remedy="vmbench doctor") from error
        finally:
            os.close(log)
            for made in listening:
                made.close()
        identity = identify(self._child.pid)
        self._exit = asyncio.create_task(self._reap(identity, self._child, note))
        self._held.update(process=identity)
        if affinity is not None:
            with contextlib.suppress(OSError):  # it may have ended already
                os.sched_setaffinity(self._child.pid, affinity)

    def take_up(self, identity: ProcessIdentity) -> None:
        """Watch over a process that another vmbench started."""
        self._exit = asyncio.create_task(self._reap(identity))

    async def _reap(
        self,
        identity: ProcessIdentity | None,
        child: subprocess.Popen[bytes] | None = None,
        note: commands.Command | None = None,
    ) -> None:
        """Wait for its end, and note in the record how it went."""
        if identity is not None:
            await identity.gone()
        if child is not None:
            child.wait()
            if note is not None:
                commands.end(note, child.returncode)
        # Another vmbench may have stopped it, and noted so.
        if self._held.reread().state in LIVE and self._held.path.exists():
            ended = MachineState.STOPPED if self.stopping else MachineState.DIED
            with contextlib.suppress(OSError, BackendError):
                self._held.update(state=ended, process=None)

    async def until(self, deadline: float, wanted: Awaitable[T], what: str) -> T:
        """Wait for something of a booting guest, no longer than the deadline or the process.

        Args:
            deadline: By the monotonic clock.
            wanted: What is waited for; cancelled when the wait ends without it.
            what: Its name, for the error.

        Raises:
            MachineDied: the process ended first.
            MachineTimeout: the time is up.
        """
        assert self._exit is not None
        task = asyncio.ensure_future(wanted)
        try:
            left = max(0.0, deadline - time.monotonic())
            await asyncio.wait({task, self._exit}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if task.done() and isinstance(task.exception(), OSError | BackendError):
                # A process that is killed breaks connections a moment before it is seen to be gone.
                await asyncio.wait({self._exit}, timeout=GOING_DOWN)
            if self._exit.done():
                raise self.obituary()
            if not task.done():
                raise MachineTimeout(
                    f"{self._held.record.id} did not boot within {self._boot_timeout:g}s: no sign of {what}",
                    remedy="see its console below; a loaded host may need a longer boot_timeout",
                    detail=console.tail(self._console),
                )
            return task.result()
        finally:
            await _put_down(task)

    async def while_alive(self, wanted: Awaitable[T]) -> T:
        """Wait for something of a running guest, and no longer than the process lives.

        Raises:
            MachineDied: the process ended first.
            BackendError: the guest's kernel panicked meanwhile, or what ``wanted`` raises.
        """
        assert self._exit is not None
        console_start = console.size(self._console)
        task = asyncio.ensure_future(wanted)
        try:
            await asyncio.wait({task, self._exit}, return_when=asyncio.FIRST_COMPLETED)
            if task.done() and isinstance(task.exception(), BackendError):
                # A guest that goes down closes its connections a moment before its process ends.
                await asyncio.wait({self._exit}, timeout=GOING_DOWN)
            if self._exit.done() and not (task.done() and task.exception() is None):
                raise self.obituary()
            failed = task.exception() if task.done() else None
            if isinstance(failed, BackendError) and (reason := console.panic(self._console, console_start)):
                raise BackendError(
                    f"{self._held.record.id}'s kernel panicked and started anew: {reason}",
                    remedy="take it back to a snapshot, or look at its console",
                    detail=console.tail(self._console),
                ) from failed
            return await task
        finally:
            await _put_down(task)

    async def wait(self) -> None:
        """Wait until it has ended."""
        assert self._exit is not None
        await asyncio.shield(self._exit)

    async def wait_for(self, timeout: float) -> None:
        """Wait until it has ended, for some seconds at most."""
        assert self._exit is not None
        await asyncio.wait({self._exit}, timeout=timeout)

    def death(self) -> str:
        """Say in one line why it ended."""
        machine = self._held.record.id
        code = self._child.returncode if self._child is not None else None
        try:
            said = (self._held.path / QEMU_LOG).read_text(errors="replace").strip().splitlines()
        except OSError:
            said = []
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return f"{machine}'s QEMU was killed by {signal.Signals(-code).name}"
        if code == 0:
            return f"{machine} was switched off from inside"
        if code is None:
            return f"{machine}'s QEMU ended" + (f": {said[-1]}" if said else "")
        return f"{machine}'s QEMU ended with exit code {code}" + (f": {said[-1]}" if said else "")

    def obituary(self) -> MachineDied:
        """Return the error that tells of its end, with the console's last lines."""
        return MachineDied(self.death(), detail=console.tail(self._console))

    async def kill(self) -> None:
        """End it at once, and wait for that. Idempotent."""
        self.stopping = True
        if not self.runs:
            return
        process = self._held.record.process
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.kill()
        elif process is not None:
            process.signal(signal.SIGKILL)
        await self.wait()

    async def let_go(self) -> None:
        """Watch over it no longer; it runs on."""
        if self._exit is not None:
            self._exit.cancel()
            await asyncio.wait({self._exit})


async def _put_down(task: asyncio.Future[T]) -> None:
    """Cancel a task that is not done and wait for its end; take the error of one that nobody awaited."""
    if not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, BackendError):
            await task
    elif not task.cancelled():
        task.exception()
