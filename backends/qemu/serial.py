"""A machine's serial console, read and typed into by one person at a time."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
from pathlib import Path

from backends.base import BackendError, WrongState
from backends.qemu import sockets
from backends.qemu.argv import CONSOLE_LOG, CONSOLE_SOCKET

LOCK = "console.lock"
BEFORE = 2048
"""Bytes of what the console said before that are shown first."""
MOST_UNREAD = 1 << 20
"""Bytes that wait to be read at most; what is older is dropped, the log has it."""

# What was asked of a terminal then must not be answered now: the answer would be typed. Colours stay.
_ASKING = re.compile(
    rb"\x05|\x1bZ|\x1b\[(?![0-9;:]*m)[0-?]*[ -/]*[@-~]|\x1b[]P^_X][^\x07\x1b]*(?:\x07|\x1b\\)?"
)


class SerialTerminal(asyncio.Protocol):
    """The console while somebody types into it; fulfils ``backends.base.Terminal``.

    It takes all that comes at once, whether it is read or not: a client that stops reading would block
    the guest. Hanging up ends nothing in the guest, and QEMU goes on logging all the while.

    Args:
        lock: Descriptor that holds the console for this process; closed with the terminal.
        before: What to show first.
    """

    def __init__(self, lock: int, before: bytes) -> None:
        self._lock = lock
        self._unread = bytearray(before)
        self._transport: asyncio.WriteTransport | None = None
        self._more = asyncio.Event()
        self._ended = False

    @classmethod
    async def open(cls, folder: Path, machine: str) -> SerialTerminal:
        """Connect to the console of the machine in ``folder``.

        Raises:
            WrongState: somebody types into it already.
            BackendError: it cannot be connected to.
        """
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            before = await asyncio.to_thread(_end_of, folder / CONSOLE_LOG)
            made = cls(lock, before)
            connected = await sockets.connect(folder, CONSOLE_SOCKET)
            await asyncio.get_running_loop().create_unix_connection(lambda: made, sock=connected)
        except BlockingIOError as error:
            os.close(lock)
            raise WrongState(
                f"somebody types into the console of {machine} already",
                remedy=f"vmbench console -f {machine} follows it without typing",
            ) from error
        except OSError as error:
            os.close(lock)
            raise BackendError(
                f"the console of {machine} cannot be connected to: {error.strerror or error}",
                remedy=f"vmbench ps tells whether it runs; vmbench console {machine} shows what it said",
            ) from error
        except BaseException:
            os.close(lock)
            raise
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where typing goes."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what the guest printed."""
        self._unread += data
        if len(self._unread) > MOST_UNREAD:
            del self._unread[: len(self._unread) - MOST_UNREAD]
        self._more.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The machine is gone, or we are."""
        self._ended = True
        self._more.set()

    async def read(self) -> bytes:
        """Return the next bytes, or nothing when the machine is gone."""
        while not self._unread and not self._ended:
            self._more.clear()
            await self._more.wait()
        data = bytes(self._unread)
        self._unread.clear()
        return data

    def write(self, data: bytes) -> None:
        """Type."""
        if self._transport is not None and not self._ended:
            self._transport.write(data)

    def resize(self, columns: int, rows: int) -> None:
        """A serial line knows no size: nothing is told."""

    async def wait(self) -> int:
        """Return 0 when the line is closed."""
        while not self._ended:
            self._more.clear()
            await self._more.wait()
        return 0

    async def close(self) -> None:
        """Hang up; the next one may type. Idempotent."""
        if self._lock >= 0:
            lock, self._lock = self._lock, -1
            if self._transport is not None:
                self._transport.close()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await self.wait()
            os.close(lock)


def _end_of(log: Path) -> bytes:
    """Return the end of what the console said, from the beginning of a line on."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - BEFORE))
            data = file.read()
    except OSError:
        return b""
    data = data if size <= BEFORE else data[data.find(b"\n") + 1 :]
    return _ASKING.sub(b"", data)
