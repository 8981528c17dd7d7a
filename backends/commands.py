"""What is run on the person's behalf: every command is told to whoever listens, when it begins and ends."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace

_KEY = re.compile(r"-----BEGIN [^-]*KEY-----.*?(?:-----END [^-]*KEY-----|\Z)", re.DOTALL)
MASK = "•••"
KINDS = ("qemu", "qmp", "control", "tool", "ssh", "guest", "terminal", "copy")
"""QEMU itself; what its monitor is told; the guest's control channel; tools of this host; logins; commands in
guests; terminals; copies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that was run, or is."""

    id: str
    kind: str
    """One of ``KINDS``."""
    text: str
    """As one types it in a shell; a guest's command as the guest's shell gets it, the monitor's as JSON."""
    time: float
    """When it began, in seconds since the epoch."""
    machine: str = ""
    run: str = ""
    test: str = ""
    duration: float | None = None
    """Seconds; ``None`` while it runs."""
    exit_code: int | None = None
    """``None`` also for what has none, or was cut off."""
    error: str = ""
    """Why it has no exit code."""

    @property
    def typed(self) -> str:
        """What to type on this host to do the same."""
        if self.kind == "guest" and self.machine:
            return shlex.join(["vmbench", "exec", self.machine, "--", "sh", "-c", self.text])
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """On whose behalf commands are run."""

    run: str = ""
    test: str = ""
    mask: Callable[[str], str] = str
    """Masks secrets."""


@dataclass(slots=True)
class Ending:
    """How a command ended, filled in by whoever ran it."""

    exit_code: int | None = None


Listener = Callable[[Command], None]
"""Called from any thread when a command begins, and again when it has ended; must not block."""

listeners: list[Listener] = []
scope: ContextVar[Scope] = ContextVar("scope", default=Scope())  # noqa: B039 - frozen
_numbers = itertools.count(1)


@contextmanager
def noted(kind: str, command: str | Sequence[str], machine: str = "") -> Iterator[Ending]:
    """Tell the listeners of a command that is run meanwhile."""
    begun, ending = begin(kind, command, machine), Ending()
    error = ""
    try:
        yield ending
    except BaseException as raised:
        error = str(raised) or type(raised).__name__
        raise
    finally:
        end(begun, ending.exit_code, error)


def begin(kind: str, command: str | Sequence[str], machine: str = "") -> Command:
    """Tell the listeners that a command begins."""
    on_behalf = scope.get()
    text = command if isinstance(command, str) else shlex.join(command)
    begun = Command(
        id=f"{os.getpid()}-{next(_numbers)}",
        kind=kind,
        text=on_behalf.mask(_KEY.sub(MASK, text)),
        time=time.time(),
        machine=machine,
        run=on_behalf.run,
        test=on_behalf.test,
    )
    _tell(begun)
    return begun


def end(begun: Command, exit_code: int | None = None, error: str = "") -> None:
    """Tell the listeners that a command has ended."""
    took = max(0.0, time.time() - begun.time)
    _tell(replace(begun, duration=round(took, 6), exit_code=exit_code, error=scope.get().mask(error)))


def _tell(command: Command) -> None:
    for listener in tuple(listeners):
        with suppress(Exception):  # a listener's slip must not end what it listens to
            listener(command)
