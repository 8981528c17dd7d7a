"""What the first paint did not wait for is imported before somebody goes there."""

from __future__ import annotations

import contextlib
import os
import threading
from importlib import import_module

from app.tui import places

_MODULES = ("app.tui.screens.run", "app.tui.screens.terminal", "app.tui.screens.past_run", "app.tui.palette")
"""What is opened soon beside the places' first screens."""
_NICE = 10


def read_ahead() -> threading.Thread:
    """Import what places are made of, in a thread that gives way to everything else."""
    thread = threading.Thread(target=_read, name="read ahead", daemon=True)
    thread.start()
    return thread


def _read() -> None:
    with contextlib.suppress(OSError):  # of a thread in Linux, of the process elsewhere: then leave it
        if os.uname().sysname == "Linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
    for module in (*_MODULES, *(place.module for place in places.PLACES)):
        # Whoever goes there is told what is wrong with it.
        with contextlib.suppress(Exception):
            import_module(module)
