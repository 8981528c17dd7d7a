"""Hands a guest command's output on as it comes, its streams apart."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backends.base import ExecResult, Machine


async def run_streaming(
    machine: Machine,
    script: str,
    *,
    cwd: str | None,
    env: dict[str, str],
    stdin: bytes | None,
    timeout: float | None,
) -> ExecResult:
    """Run a command and hand its output on, the streams apart, as it comes.

    Raises:
        BrokenPipeError: nobody reads the output any more; the command was killed.
    """
    loop = asyncio.get_running_loop()
    running: asyncio.Task[ExecResult] | None = None

    def give_up() -> None:
        if running is not None:
            loop.call_soon_threadsafe(running.cancel)

    streams = Streams(give_up)
    running = asyncio.ensure_future(
        machine.exec(script, cwd=cwd, env=env, stdin=stdin, timeout=timeout, on_output=streams.take)
    )
    try:
        return await running
    except asyncio.CancelledError:
        if not running.done():
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        if streams.broken:
            raise BrokenPipeError from None
        raise
    finally:
        await streams.close()


class Streams:
    """Writes output in a thread of its own, so that a reader who is slow does not hold up the loop.

    Args:
        on_broken: Called, in that thread, when nobody reads any more.
    """

    def __init__(self, on_broken: Callable[[], None]) -> None:
        self.broken = False
        self._on_broken = on_broken
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vmbench-output")

    def take(self, stream: str, data: bytes) -> None:
        """Queue a chunk of ``stdout`` or ``stderr``; never blocks."""
        self._thread.submit(self._write, stream, data)

    def _write(self, stream: str, data: bytes) -> None:
        if self.broken:
            return
        target = sys.stderr if stream == "stderr" else sys.stdout
        try:
            target.buffer.write(data)
            target.buffer.flush()
        except OSError:
            self.broken = True
            self._on_broken()

    async def close(self) -> None:
        """Return when everything queued is written.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        await asyncio.get_running_loop().run_in_executor(self._thread, lambda: None)
        self._thread.shutdown(wait=False)
        if self.broken:
            raise BrokenPipeError
