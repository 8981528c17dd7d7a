"""The SSH session of one command in a guest. Apart, because importing asyncssh is slow."""

from __future__ import annotations

import asyncio
import signal as signals

import asyncssh

from backends.base import OutputSink

OUTPUT_LIMIT = 64 << 20
"""Bytes of each stream that a result holds; the rest still reaches ``on_output``."""


class CommandSession(asyncssh.SSHClientSession[bytes]):
    """Collects what a command prints and how it ends.

    Args:
        on_output: Sees every chunk as it comes.
    """

    def __init__(self, on_output: OutputSink | None) -> None:
        self.chunks: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
        self.sizes = {"stdout": 0, "stderr": 0}
        self.exit_code: int | None = None
        self.error: Exception | None = None
        self.done = asyncio.Event()
        self._on_output = on_output

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """Collect a chunk."""
        stream = "stderr" if datatype else "stdout"
        if self.sizes[stream] < OUTPUT_LIMIT:
            self.chunks[stream].append(data[: OUTPUT_LIMIT - self.sizes[stream]])
            self.sizes[stream] += len(data)
        if self._on_output is not None:
            self._on_output(stream, data)

    def eof_received(self) -> bool:
        """Keep the channel open for the exit status."""
        return True

    def exit_status_received(self, status: int) -> None:
        """Note the exit code."""
        self.exit_code = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        """Note a death by signal the way a shell does: 128 and the signal's number."""
        number = getattr(signals, f"SIG{signal}", None)
        self.exit_code = 128 + int(number) if number else 255

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that the command is over."""
        self.error = exc
        self.done.set()
