"""Who a process is: a pid alone is reused, so its start time and the host's boot id go with it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """One process, told apart from every later bearer of its pid."""

    pid: int
    start: str
    """Start time, in the host's own unit; only compared for equality."""
    boot: str
    """Id of the host's boot."""

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie counts as dead."""
        return identify(self.pid) == self

    def signal(self, number: int = signal.SIGKILL) -> bool:
        """Send a signal if this very process still runs; return whether it did."""
        if not self.alive():
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
            return True
        return False

    async def gone(self) -> None:
        """Wait until the process has ended; one that is this process's child still has to be reaped."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            # No pidfd on this system, or no such process any more.
            while self.alive():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            return
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(descriptor, ended.set)
        try:
            if self.alive():
                await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    def wait_gone(self, timeout: float) -> bool:
        """Wait until the process is gone, for at most ``timeout`` seconds; return whether it is. Blocking."""
        deadline = time.monotonic() + timeout
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


@functools.cache
def boot_id() -> str:
    """Return an id that changes with every boot of this host."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil

        return str(int(psutil.boot_time()))


def identify(pid: int) -> ProcessIdentity | None:
    """Return the identity of a living process, or ``None`` if there is none with this pid."""
    start = _start_linux(pid) if sys.platform == "linux" else _start_elsewhere(pid)
    return ProcessIdentity(pid=pid, start=start, boot=boot_id()) if start else None


def this_process() -> ProcessIdentity:
    """Return the identity of the calling process."""
    found = identify(os.getpid())
    assert found is not None
    return found


def _start_linux(pid: int) -> str:
    """Read state and start time (fields 3 and 22) of ``/proc/PID/stat``, see proc(5)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    # The command name, field 2, may itself hold spaces and parentheses.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def _start_elsewhere(pid: int) -> str:
    import psutil

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return ""
