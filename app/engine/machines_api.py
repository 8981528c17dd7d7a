"""What faces are told of machines and do with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from app.engine.forwards import Forward, Ports
from backends.base import MachineRequest, MachineState, PhaseSink, WrongState
from backends.snapshots import SnapshotRecord
from backends.states import require
from backends.store import CONSOLE_LOG, MachineRecord

if TYPE_CHECKING:
    from app.engine.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineView:
    """A machine as it is listed."""

    record: MachineRecord
    folder: Path
    pid: int | None = None
    """The guest's process, while it lives."""
    ssh: str = ""
    """The plain ``ssh`` command that walks in; empty where it does not run."""
    used_by: int | None = None
    """The vmbench that works with it, if any: its run, or its making."""
    ours: bool = False
    """Whether that is this one."""
    wish: bool | None = None
    """Whether somebody wants it kept, or removed, when its test is over."""
    panic: str = ""
    """Why its kernel panicked since it was started, if it did; it starts anew by itself then."""

    @property
    def id(self) -> str:
        """The machine's id."""
        return self.record.id

    @property
    def state(self) -> MachineState:
        """What it is doing."""
        return self.record.state

    @property
    def panicked(self) -> bool:
        """Whether it runs, but its kernel panicked since it was started."""
        return bool(self.panic) and self.state is MachineState.RUNNING

    @property
    def console(self) -> Path:
        """The file its console is logged to."""
        return self.folder / CONSOLE_LOG


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What new machines can be made of."""

    backends: Sequence[tuple[str, str]]
    """Names, the one to prefer first, each with why it cannot work here; empty where it can."""
    images: Sequence[str]


def refusal(view: MachineView, move: str) -> str:
    """Return why ``move`` cannot be done with a machine now, and what to do; empty where it can.

    Args:
        view: The machine.
        move: One of ``backends.states.MOVES``, or ``keep`` or ``change`` for what is done in any state.
    """
    if move == "keep" and view.used_by is not None and view.record.run:
        return ""  # its run is asked to
    if view.used_by is not None and not view.ours and move != "run a command":
        return f"{view.id} is used by another vmbench (pid {view.used_by}); wait until its run is over"
    if move in ("change", "keep"):
        return ""
    try:
        require(move, view.id, view.state)
    except WrongState as error:
        return f"{error.message}; {error.remedy}"
    return ""


class MachinesApi(Protocol):
    """What faces do with machines. Each call names a machine by its id or an unambiguous beginning of it.

    All but the first two raise ``BackendError`` with what to do about it.
    """

    def machines(self) -> Sequence[MachineView]:
        """Return every machine, oldest first. Blocking."""
        ...

    def usage(self, machines: Iterable[MachineView]) -> Mapping[str, Usage]:
        """Return what machines use, by their ids. Blocking, some ms a machine."""
        ...

    def offer(self) -> Offer:
        """Return what new machines can be made of. Blocking."""
        ...

    async def up(self, request: MachineRequest, backend: str | None, on_phase: PhaseSink) -> str:
        """Make, start and keep a machine; return its id. Cancelled, it removes what it made."""
        ...

    async def fork(self, snapshot: str, label: str, on_phase: PhaseSink) -> str:
        """Start and keep a machine from a snapshot; return its id. Cancelled, it removes what it made."""
        ...

    async def start(self, machine: str, on_phase: PhaseSink | None = None) -> None:
        """Start a machine with the disk it had."""
        ...

    async def stop(self, machine: str, *, timeout: float = 10.0) -> None:
        """Stop a machine politely for ``timeout`` seconds, then by force."""
        ...

    async def kill(self, machine: str) -> None:
        """Stop a machine as a power cut would."""
        ...

    async def pause(self, machine: str) -> None:
        """Halt its processors."""
        ...

    async def resume(self, machine: str) -> None:
        """Let its processors go on."""
        ...

    async def reboot(self, machine: str, *, discard: bool = False, timeout: float = 60.0) -> None:
        """Reboot it; ``discard`` throws away what was written to its disk."""
        ...

    async def save(self, machine: str, name: str) -> SnapshotRecord:
        """Save it as a snapshot."""
        ...

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
        ...

    async def keep(self, machine: str, reason: str) -> None:
        """Let it outlive the vmbench that made it."""
        ...

    async def drop(self, machine: str) -> None:
        """Keep it no longer: it goes with the vmbench that made it, or when the next one starts."""
        ...

    async def relabel(self, machine: str, label: str) -> None:
        """Say what it is for."""
        ...

    async def remove(self, machine: str) -> None:
        """Stop it by force and delete its folder."""
        ...

    async def forward(self, machine: str, ports: Ports) -> Forward:
        """Lead a port of this host into it, until it ends, ``close_forward`` or ``close``."""
        ...

    def forwards(self) -> Sequence[Forward]:
        """Return the ports that lead into machines, by this vmbench."""
        ...

    async def close_forward(self, forward: Forward) -> None:
        """Let a port lead nowhere. Idempotent."""
        ...

    async def close(self) -> None:
        """Let every port lead nowhere."""
        ...
