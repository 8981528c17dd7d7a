"""A PTY in a guest, over SSH."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import asyncssh

from backends.base import BackendError

CHUNK = 65536


class SshTerminal:
    """A program on a PTY in a guest; fulfils ``backends.base.Terminal``.

    Args:
        process: The SSH session.
        hang_up: Gives its connection back.
    """

    def __init__(
        self, process: asyncssh.SSHClientProcess[bytes], hang_up: Callable[[], Awaitable[None]]
    ) -> None:
        self._process = process
        self._hang_up = hang_up
        self._closed = False

    async def read(self) -> bytes:
        """Return the next bytes, or nothing when the program has ended."""
        try:
            return await self._process.stdout.read(CHUNK)
        except (asyncssh.Error, OSError):
            return b""

    def write(self, data: bytes) -> None:
        """Type."""
        with contextlib.suppress(OSError):
            self._process.stdin.write(data)

    def resize(self, columns: int, rows: int) -> None:
        """Tell the program the terminal's new size, in character cells."""
        with contextlib.suppress(OSError):
            self._process.change_terminal_size(columns, rows)

    async def wait(self) -> int:
        """Return the program's exit code when it has ended; 128 and the signal's number for a signal.

        Raises:
            BackendError: the connection broke.
        """
        try:
            await self._process.wait_closed()
        except (asyncssh.Error, OSError) as error:
            raise BackendError(f"the terminal's connection broke: {error}") from error
        code = self._process.returncode
        if code is None:
            raise BackendError("the terminal's connection broke")
        return code if code >= 0 else 128 - code

    async def close(self) -> None:
        """Hang up. Idempotent."""
        if not self._closed:
            self._closed = True
            self._process.close()
            with contextlib.suppress(TimeoutError, asyncssh.Error, OSError):
                async with asyncio.timeout(2):
                    await self._process.wait_closed()
            await self._hang_up()
