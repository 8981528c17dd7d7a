"""A program on a PTY of this host."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import pty
import signal
import struct
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

CHUNK = 65536
_HANG_UP = 2.0
_PAGE = 4000
"""Bytes of a read from which on there may be more."""


class LocalPty:
    """A program on this host with a PTY; fulfils ``backends.base.Terminal``.

    Args:
        process: The program.
        master: Our end of the PTY; closed with it.
    """

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self._process = process
        self._master = master
        self._loop = asyncio.get_running_loop()
        self._unwritten = bytearray()
        self._writing = False
        self._watched = False
        self._waiter: asyncio.Future[bytes] | None = None
        self.on_little: Callable[[bytes], bool] = lambda data: False
        """Asked with a little that was printed, at once, whether it is done with; else it is read."""
        self._open = threading.Lock()
        """Held while the master is closed or written to by another thread."""

    @classmethod
    async def open(
        cls,
        command: Sequence[str],
        *,
        columns: int = 80,
        rows: int = 24,
        term: str = "xterm-256color",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> LocalPty:
        """Start a program.

        Args:
            command: The program and its arguments.
            columns: Width of its terminal in cells.
            rows: Height of its terminal in cells.
            term: Kind of terminal it is told of.
            env: Its variables; this process's unless given.
            cwd: Where it starts.

        Raises:
            OSError: it cannot be started.
        """
        master, slave = pty.openpty()
        try:
            _set_size(slave, columns, rows)
            os.set_blocking(master, False)
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                cwd=cwd,
                env={**(os.environ if env is None else env), "TERM": term, "COLORTERM": "truecolor"},
                start_new_session=True,
                preexec_fn=_take_terminal,
            )
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        return cls(process, master)

    async def read(self) -> bytes:
        """Return the next bytes, or nothing when the program has ended."""
        while self._master >= 0:
            try:
                return self._read_all()
            except BlockingIOError:
                if data := await self._readable():
                    return data
            except OSError as error:
                if error.errno == errno.EIO:  # how Linux says that the other end is closed
                    return b""
                raise
        return b""

    def _read_all(self) -> bytes:
        """Read what is there; the system gives a flood in pieces of a page."""
        data = os.read(self._master, CHUNK)
        if len(data) < _PAGE:
            return data
        parts, size = [data], len(data)
        with contextlib.suppress(OSError):
            while size < CHUNK and (data := os.read(self._master, CHUNK - size)):
                parts.append(data)
                size += len(data)
        return b"".join(parts)

    async def _readable(self) -> bytes:
        """Return what was printed, or nothing if it is to be read anew."""
        self._waiter = self._loop.create_future()
        if not self._watched:
            self._watched = True
            self._loop.add_reader(self._master, self._wake)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            if not waiter.done():
                self._take(waiter)
        elif self._watched:  # nobody reads now; the program waits
            self._watched = False
            self._loop.remove_reader(self._master)

    def _take(self, waiter: asyncio.Future[bytes]) -> None:
        try:
            data = self._read_all()
            if len(data) >= _PAGE or not self.on_little(data):
                waiter.set_result(data)
        except BlockingIOError:
            pass
        except OSError:
            waiter.set_result(b"")  # reading it anew tells why
        except Exception as error:
            waiter.set_exception(error)

    def write(self, data: bytes) -> None:
        """Type; what the program does not take yet waits."""
        if self._master < 0:
            return
        self._unwritten += data
        if not self._writing:
            self._flush()

    def write_now(self, data: bytes) -> bool:
        """Type from any thread, if that can be done at once; return whether it was."""
        with self._open:
            if self._master < 0 or self._unwritten or self._writing:
                return False
            try:
                written = os.write(self._master, data)
            except OSError:  # full, or closed at the other end
                return False
            if written < len(data):
                self._loop.call_soon_threadsafe(self.write, data[written:])
            return True

    def _flush(self) -> None:
        try:
            while self._unwritten:
                del self._unwritten[: os.write(self._master, self._unwritten[:CHUNK])]
        except BlockingIOError:
            if not self._writing:
                self._writing = True
                self._loop.add_writer(self._master, self._flush)
            return
        except OSError:
            self._unwritten.clear()  # nobody reads it any more
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._master)

    def resize(self, columns: int, rows: int) -> None:
        """Tell the program the terminal's new size, in character cells."""
        if self._master >= 0:
            with contextlib.suppress(OSError):
                _set_size(self._master, columns, rows)

    async def wait(self) -> int:
        """Return the program's exit code when it has ended; 128 and the signal's number for a signal."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    async def close(self) -> None:
        """Hang up; a program that does not mind is killed. Idempotent."""
        if self._master >= 0:
            self._loop.remove_reader(self._master)
            self._loop.remove_writer(self._master)
            with self._open:
                os.close(self._master)
                self._master = -1
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(b"")
        if self._process.returncode is None:
            self._signal(signal.SIGHUP)
            try:
                async with asyncio.timeout(_HANG_UP):
                    await self._process.wait()
            except TimeoutError:
                self._signal(signal.SIGKILL)
                await self._process.wait()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _set_size(descriptor: int, columns: int, rows: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", max(rows, 1), max(columns, 1), 0, 0))
