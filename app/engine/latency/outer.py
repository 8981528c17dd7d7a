"""The outer terminal: a program on a pseudo-terminal of ours, typed into and read by the clock."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence

from app.engine.latency.watcher import Watcher

CHUNK = 65536


class OuterTerminal:
    """A program on a pseudo-terminal whose other end is here.

    Args:
        argv: The program.
        columns: Width in cells.
        rows: Height in cells.
        env: Its variables.
        pass_fds: Descriptors it inherits.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        columns: int,
        rows: int,
        env: Mapping[str, str],
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.fd, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        try:
            self.process = subprocess.Popen(
                list(argv),
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=dict(env),
                start_new_session=True,
                pass_fds=pass_fds,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
        except BaseException:
            os.close(self.fd)
            raise
        finally:
            os.close(slave)
        os.set_blocking(self.fd, False)
        self._watcher = Watcher()
        self._unwritten = b""
        self.tail = b""
        """The last of what it showed, for messages."""

    def write(self, data: bytes) -> None:
        """Type; what the program does not take at once is typed while reading."""
        self._unwritten += data
        self._flush()

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            while self._unwritten:
                self._unwritten = self._unwritten[os.write(self.fd, self._unwritten) :]

    def read(self, deadline: float) -> tuple[float, bytes] | None:
        """Return the moment (monotonic) at which more was shown and what, or nothing by the deadline.

        Raises:
            EOFError: the program has ended.
        """
        while True:
            left = deadline - time.monotonic()
            waiting = [self.fd] if self._unwritten else []
            ready, writable, _ = select.select([self.fd], waiting, [], max(left, 0.0))
            if writable:
                self._flush()
            if ready:
                try:
                    data = os.read(self.fd, CHUNK)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                now = time.monotonic()
                if not data:
                    raise EOFError
                shown = self._watcher.text(data)
                self.tail = (self.tail + shown)[-2000:]
                return now, shown
            if left <= 0:
                return None

    def settle(self, quiet: float, longest: float) -> bytes:
        """Read until nothing was shown for ``quiet`` seconds, or ``longest`` have passed; return what was.

        Raises:
            EOFError: the program has ended.
        """
        end = time.monotonic() + longest
        shown = bytearray()
        while (now := time.monotonic()) < end:
            more = self.read(min(now + quiet, end))
            if more is None:
                break
            shown += more[1]
        return bytes(shown)

    def close(self, patience: float = 3.0) -> None:
        """Hang up, and wait for the program's end; one that does not mind is killed. Idempotent."""
        if self.fd >= 0:
            self._signal(signal.SIGHUP)
            self._wait(patience, reading=True)
            os.close(self.fd)
            self.fd = -1
        if self.process.poll() is None:
            self._signal(signal.SIGKILL)
            self.process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def _wait(self, patience: float, *, reading: bool) -> None:
        end = time.monotonic() + patience
        while self.process.poll() is None and time.monotonic() < end:
            # Its last words must not hold it up.
            try:
                self.read(time.monotonic() + 0.02)
            except EOFError:
                time.sleep(0.01)
