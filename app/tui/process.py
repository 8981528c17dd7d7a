"""The process around the workbench: signals, a hang-up, and an end that comes in any case."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from app.tui.exported_size import forget_exported_size

if TYPE_CHECKING:
    from app.engine.api import EngineApi
    from app.tui.app import Workbench

TURN = 0.001
"""Seconds that a working thread keeps the interpreter from the one that serves the keyboard, at most."""
GONE_LIMIT = 3.0
"""Seconds the app has to end by itself after its terminal went away."""
GONE_HARD_LIMIT = 20.0
"""Seconds that it has when it cannot even begin to."""


def run_app(workbench: Workbench) -> int:
    """Open a workbench on this terminal and return its exit code when it was left; its engine is closed.

    Raises:
        Exception: a fault of the workbench's own ended it; the engine is closed and the terminal restored.
    """
    return asyncio.run(_run(workbench, workbench.engine))


def collect_again() -> None:
    """Look for garbage again where that was put off until the first paint; what is there now stays."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


async def _run(workbench: Workbench, engine: EngineApi) -> int:
    forget_exported_size()
    sys.setswitchinterval(TURN)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, workbench.leave, "Stopping …", 128 + signal.SIGTERM)

    def hang_up(*_signal: object) -> None:
        # The loop may be stuck for ever, in a write to the terminal that is gone.
        end_in(GONE_HARD_LIMIT)
        loop.call_soon_threadsafe(_hang_up, workbench, engine)

    signal.signal(signal.SIGHUP, hang_up)
    try:
        with workbench.command_log.listening():
            await workbench.run_async()
    finally:
        await workbench.house.close()
        await engine.close()
    if workbench.fault is not None:
        raise workbench.fault
    return workbench.return_code or 0


def _hang_up(workbench: Workbench, engine: EngineApi) -> None:
    """Leave when the terminal is gone, and see to it that the process ends."""
    code = 128 + signal.SIGHUP
    workbench.leave("Stopping …", code)

    async def end() -> None:
        await engine.close()
        # Textual waits for ever for a writer that lost its terminal.
        end_in(GONE_LIMIT)

    workbench.ending = asyncio.get_running_loop().create_task(end())


def end_in(seconds: float) -> None:
    """End the process after a while, whatever it does; the reaper sees to what it leaves."""
    timer = threading.Timer(seconds, os._exit, (128 + signal.SIGHUP,))
    timer.daemon = True
    timer.start()
