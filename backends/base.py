"""The protocols every backend fulfils, the data they exchange and the errors they raise.

Sizes are MiB and durations seconds unless a name says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from backends.snapshots import SnapshotRecord


class MachineState(StrEnum):
    """What a machine is doing, as its folder and its process tell."""

    CREATED = "created"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    """Its vCPUs stand still; the process and its memory are there."""
    STOPPED = "stopped"
    DIED = "died"
    """Its process ended though nobody asked it to."""


class BackendError(Exception):
    """A host, an image or a machine failed; never the product under test.

    Args:
        message: What happened and why, in one line.
        remedy: What to type or change next.
        detail: More lines that help, such as the console's last ones.
    """

    def __init__(self, message: str, *, remedy: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.detail = detail


class HostNotAble(BackendError):
    """This host lacks something that vmbench needs; exit code 3."""


class MachineDied(BackendError):
    """The guest's process ended while something was waiting for it."""


class MachineTimeout(BackendError):
    """A deadline passed; the message says what was last seen."""


class WrongState(BackendError):
    """The machine is in a state in which this cannot be done."""


class InUse(WrongState):
    """Another vmbench is at work on the machine."""


class UnknownMachine(BackendError):
    """No machine has this id, or more than one bears this prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """What a command in a guest left behind."""

    exit_code: int | None
    """``None`` when it was killed by its timeout."""
    stdout: bytes
    stderr: bytes
    duration: float
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        """Whether the command exited with 0."""
        return self.exit_code == 0


OutputSink = Callable[[str, bytes], None]
"""Called with ``stdout`` or ``stderr`` and a chunk of bytes as they arrive."""

PhaseSink = Callable[[str, str], None]
"""Called with a phase (``image``, ``creating``, ``booting``, ``ready``) and a detail for people."""

WARNING = "warning"
"""Said as a phase of what went wrong on the way, though the machine comes up all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRequest:
    """A machine to be created, with every choice made."""

    image: str = "tiny"
    cpus: int = 1
    memory: int = 256
    disk: int | None = None
    """Size of the scratch disk in MiB; ``None`` for no disk."""
    label: str = ""
    """What the machine is for, shown in lists; usually the test's name."""
    run: str = ""
    """Id of the run it belongs to, if any."""
    boot_timeout: float = 120.0
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables every command in the guest sees."""
    cold: bool = False
    """Boot, even if a template of this image and shape could be forked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineStats:
    """What a machine uses now. Bytes, unless a name says otherwise."""

    cpu_percent: float
    """Of one core, over a short while; 200 is two cores."""
    rss: int
    pss: int
    """Memory charged to it when what it shares with forks is divided among them."""
    guest_memory_used: int
    guest_memory_total: int
    disk_written: int
    """Since its process began."""
    disk_size: int
    """Its overlay and other files on the host's disk."""
    network_received: int
    network_sent: int
    uptime: float
    """Seconds since its process began."""


class Terminal(Protocol):
    """A PTY in a guest with a program on it."""

    async def read(self) -> bytes:
        """Return the next bytes, or nothing when the program has ended."""
        ...

    def write(self, data: bytes) -> None:
        """Type."""
        ...

    def resize(self, columns: int, rows: int) -> None:
        """Tell the program the terminal's new size, in character cells."""
        ...

    async def wait(self) -> int:
        """Return the program's exit code when it has ended."""
        ...

    async def close(self) -> None:
        """Hang up. Idempotent."""
        ...


class Machine(Protocol):
    """One guest, with a folder of its own."""

    @property
    def id(self) -> str: ...

    @property
    def folder(self) -> Path: ...

    @property
    def console_log(self) -> Path:
        """File that the serial console is logged to; it exists once the machine was created."""
        ...

    @property
    def accel(self) -> str:
        """Accelerator in use: ``tcg``, ``kvm`` or ``hvf``."""
        ...

    @property
    def state(self) -> MachineState: ...

    @property
    def ssh_command(self) -> str:
        """The plain ``ssh`` command that walks in; empty while the machine does not run."""
        ...

    async def start(self, *, on_phase: PhaseSink | None = None) -> None:
        """Boot and wait until the guest takes commands.

        Raises:
            MachineTimeout: the request's ``boot_timeout`` passed.
            MachineDied: the guest's process ended.
        """
        ...

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
        """Run ``command`` by ``sh -c`` in the guest, as root.

        On ``timeout`` its whole process group is killed and the result has ``timed_out`` set and
        what it printed until then. Cancelling the call kills the command too.

        Raises:
            MachineDied: the guest's process ended meanwhile.
        """
        ...

    async def copy_in(self, source: Path, target: str, *, timeout: float = 60.0) -> None:
        """Copy a host file or folder to the path ``target`` in the guest, modes kept."""
        ...

    async def copy_out(self, source: str, target: Path, *, timeout: float = 60.0) -> None:
        """Copy a guest file or folder to the host path ``target``."""
        ...

    def forward(self, port: int, host: str = "127.0.0.1") -> AbstractAsyncContextManager[int]:
        """Open a loopback port on this host that leads to ``host:port`` as the guest sees it."""
        ...

    async def wait_console(
        self, pattern: re.Pattern[bytes], *, timeout: float, start: int = 0
    ) -> re.Match[bytes]:
        """Wait until ``pattern`` matches in the console from byte ``start`` on.

        Raises:
            MachineTimeout: with the console's last lines as detail.
            MachineDied: the guest's process ended.
        """
        ...

    async def reboot(self, *, discard: bool = False, timeout: float = 60.0) -> None:
        """Reboot the guest; returns when it takes commands again.

        Args:
            discard: Throw away what was written to its disk since it was made, as for a throwaway
                machine; otherwise the disk is kept.
            timeout: Seconds it may take.
        """
        ...

    async def terminal(
        self, command: str | None = None, *, columns: int = 80, rows: int = 24, term: str = "xterm-256color"
    ) -> Terminal:
        """Open a terminal with a login shell, or with ``command``."""
        ...

    async def console(self) -> Terminal:
        """Connect to the serial console, to read it and to type into it; hanging up ends nothing there.

        Raises:
            WrongState: the machine does not run, or somebody types into its console already.
        """
        ...

    async def pause(self) -> None:
        """Halt the vCPUs."""
        ...

    async def resume(self) -> None:
        """Let the vCPUs go on, with the clock set right."""
        ...

    async def stats(self) -> MachineStats:
        """Tell what the machine uses now.

        Raises:
            WrongState: it does not run.
        """
        ...

    async def save(self, name: str) -> SnapshotRecord:
        """Save disk and RAM of a running machine, or the disk of a stopped one, under ``name``.

        A running guest stands still for the time of it and goes on.

        Raises:
            SnapshotError: the name may not be used or is taken, or there is no room for it; the
                machine is as before.
        """
        ...

    async def restore(self, name: str) -> None:
        """Make the machine what the snapshot was. Its next start resumes from there.

        Raises:
            WrongState: it runs; stop it first.
            SnapshotError: there is no such snapshot, or it is damaged.
        """
        ...

    async def release(self) -> None:
        """Let go of a kept machine, which runs on without this process."""
        ...

    async def died(self) -> str:
        """Return, when the guest's process has ended, why it did in one line."""
        ...

    async def keep(self, reason: str) -> None:
        """Mark the machine as kept: it survives this process and is listed by the next one."""
        ...

    async def stop(self, *, timeout: float = 10.0) -> None:
        """Stop the guest: politely, then by force. Idempotent."""
        ...

    async def kill(self) -> None:
        """End the guest's process at once, as a power cut would. Idempotent."""
        ...

    async def remove(self) -> None:
        """Stop the guest by force and delete its folder. Idempotent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """Whether a backend can work on this host."""

    ok: bool
    reason: str = ""
    remedy: str = ""


class Backend(Protocol):
    """A way to make machines."""

    @property
    def name(self) -> str: ...

    @property
    def actions(self) -> frozenset[str]:
        """Step actions that can run on this backend's machines."""
        ...

    def available(self) -> Availability:
        """Tell, quickly and without side effects, whether this host has what the backend needs."""
        ...

    async def prepare(self, image: str, *, on_phase: PhaseSink | None = None) -> None:
        """Decide the accelerator and have the image in the cache, so that ``create`` is quick."""
        ...

    async def create(self, request: MachineRequest) -> Machine:
        """Make a machine's folder and everything in it; nothing runs yet.

        Where a template of this image and shape exists, the machine's start forks it.
        """
        ...

    async def fork(self, snapshot: str, *, label: str = "", run: str = "") -> Machine:
        """Make a machine whose start resumes from a snapshot; the snapshot is not touched.

        Raises:
            SnapshotError: there is no such snapshot, it is damaged, or this host cannot resume it.
        """
        ...

    async def adopt(self, name: str) -> Machine:
        """Take up a machine that another vmbench made and kept, by its id or a prefix of it.

        Raises:
            UnknownMachine: there is none, or more than one.
            InUse: a living vmbench is running a test on it.
        """
        ...

    async def visit(self, name: str) -> Machine:
        """Walk into a machine that another vmbench works with, for commands, terminals, copies and ports.

        Nothing about the machine is held or changed, and what would change it raises ``WrongState``.

        Raises:
            UnknownMachine: there is none, or more than one.
            WrongState: it does not run.
        """
        ...
