"""Drives a run for the command line: follows its events, hands on signals, and gives the exit code."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from app.cli.errors import FAILURES, PIPE_CLOSED, silence_stdout
from app.cli.faces import TICK, Face
from app.engine.api import EngineApi, RunHandle, RunOptions
from app.engine.events import RunFinished, Stamped
from registry.model import Registry

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BATCH = 256
"""Events that are handed to the face at once, at most."""


class Interrupts:
    """Turns signals into a cancelled run; the second one is told that it goes on."""

    def __init__(self, cancel: Callable[[], None], say: Callable[[str], None]) -> None:
        self._cancel = cancel
        self._say = say
        self.received: signal.Signals | None = None

    def install(self) -> None:
        """Take the signals over from Python."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.receive, number)

    def receive(self, number: signal.Signals) -> None:
        """Take one signal."""
        if self.received is None:
            self.received = number
            self._say("cancelled: stopping what runs and removing its machines …")
            self._cancel()
        else:
            self._say("still cleaning up; this ends by itself, within seconds")

    @property
    def exit_code(self) -> int | None:
        """128 and the signal's number, once there was one."""
        return None if self.received is None else 128 + self.received


async def run_headless(engine: EngineApi, registry: Registry, options: RunOptions, face: Face) -> int:
    """Run tests, show them by ``face`` and return the exit code.

    Raises:
        PlanError: nothing can be run.
        BackendError: the host cannot run it.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="vmbench-face")
    showing = _Showing(engine, registry, options, face, thread)
    interrupts = Interrupts(showing.cancel, lambda message: showing.tell(message))
    interrupts.install()
    try:
        finished = await showing.run()
    except asyncio.CancelledError:
        if interrupts.exit_code is None:
            raise
        return interrupts.exit_code
    except BrokenPipeError:
        silence_stdout()
        return PIPE_CLOSED
    finally:
        # The signals stay ours until every machine is gone.
        await engine.close()
        thread.shutdown(wait=False)
    if interrupts.exit_code is not None:
        return interrupts.exit_code
    return FAILURES if finished.failed or finished.errors else 0


class _Showing:
    """A run and the face that shows it."""

    def __init__(
        self,
        engine: EngineApi,
        registry: Registry,
        options: RunOptions,
        face: Face,
        thread: ThreadPoolExecutor,
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._options = options
        self._face = face
        self._thread = thread
        self._handle: RunHandle | None = None
        self._starting: asyncio.Task[RunHandle] | None = None

    def cancel(self) -> None:
        """Cancel the run, wherever it is."""
        if self._handle is not None:
            self._handle.cancel()
        elif self._starting is not None:
            self._starting.cancel()

    def tell(self, message: str) -> None:
        """Queue a message for the face; never blocks."""
        self._thread.submit(self._face.say, message)

    async def run(self) -> RunFinished:
        """Start the run, show it and return how it ended."""
        self._starting = asyncio.ensure_future(self._engine.start(self._registry, self._options))
        handle = self._handle = await self._starting
        following = asyncio.ensure_future(self._follow(handle))
        ticking = asyncio.ensure_future(self._tick())
        try:
            await following
            finished = await handle.wait()
            await self._on_thread(self._face.close)
        except BaseException:
            handle.cancel()
            raise
        finally:
            ticking.cancel()
            following.cancel()
        return finished

    async def _follow(self, handle: RunHandle) -> None:
        queue: asyncio.Queue[Stamped | None] = asyncio.Queue()

        async def read() -> None:
            try:
                async for stamped in handle.follow():
                    queue.put_nowait(stamped)
            finally:
                queue.put_nowait(None)

        reading = asyncio.ensure_future(read())
        try:
            over = False
            while not over:
                batch = [await queue.get()]
                while len(batch) < BATCH and not queue.empty():
                    batch.append(queue.get_nowait())
                over = batch[-1] is None
                events = [e for e in batch if e is not None]
                if events:
                    await self._on_thread(self._face.take, events)
            await reading
        finally:
            reading.cancel()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            await self._on_thread(self._face.tick)

    async def _on_thread(self, function: Callable[..., None], *args: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)
