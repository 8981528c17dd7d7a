"""Blocking work off the event loop, and clean-up that a cancellation cannot cut short."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# asyncio's default executor has few threads and is shared with the faces.
_threads = ThreadPoolExecutor(4, thread_name_prefix="vmbench-engine")

_TURN = 0.001
"""Seconds that a thread computes before others get their turn."""
_PAUSE = 0.0002
"""Seconds that they get then at least."""


async def off_loop(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run short blocking work in one of the engine's own threads and return its result."""
    return await asyncio.wrap_future(_threads.submit(function, *args, **kwargs))


async def unbroken(work: Coroutine[object, object, T]) -> T:
    """Await ``work`` to its end even when the calling task is cancelled; the cancellation comes after it."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except BaseException:  # noqa: S110 - result() raises it below
            pass
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # taken: the cancellation outranks it
        raise cancelled
    return task.result()


class Turns:
    """Lets other threads run now and then while one computes at length: else each key waits for it."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def give(self) -> None:
        """Sleep for a moment, if the last time is long enough ago."""
        if time.perf_counter() - self._since > _TURN:
            time.sleep(_PAUSE)
            self._since = time.perf_counter()


class Writer:
    """One thread that does a run's file work in the order in which it was asked for."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vmbench-writer")

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue work; never blocks."""
        return self._thread.submit(function, *args, **kwargs)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Queue work and return its result once it, and all queued before it, is done."""
        return await asyncio.wrap_future(self.submit(function, *args, **kwargs))

    async def close(self) -> None:
        """Return when everything queued is done; the writer takes no more work."""
        await self.run(lambda: None)
        self._thread.shutdown(wait=False)
