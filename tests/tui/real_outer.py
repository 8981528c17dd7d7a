"""An app in this process on a real outer terminal: a PTY whose other end a terminal model reads."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual._context import active_app
from textual.app import App

from app.tui.terminal.model import TerminalModel
from tests.waiting import until


class RealOuter:
    """The outer terminal of an app that runs in this process.

    Args:
        app: The app.
        master: The PTY's other end.
        columns: Width in cells.
        rows: Height in cells.
    """

    def __init__(self, app: App, master: int, columns: int, rows: int) -> None:
        self.app = app
        self.master = master
        self.model = TerminalModel(columns, rows)
        self.model.on_reply = lambda data: os.write(master, data)
        self.seen = bytearray()
        self.stalled = False
        self._synced = 0

    def read(self) -> None:
        try:
            data = os.read(self.master, 1 << 16)
        except BlockingIOError:
            return
        except OSError:
            asyncio.get_running_loop().remove_reader(self.master)
            return
        self.seen += data
        self.model.feed(data)

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def stall(self, stalled: bool) -> None:
        """Read nothing any more, or go on."""
        loop = asyncio.get_running_loop()
        if stalled:
            loop.remove_reader(self.master)
        else:
            loop.add_reader(self.master, self.read)

    def resize(self, columns: int, rows: int) -> None:
        self.model.resize(columns, rows)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(os.getpid(), signal.SIGWINCH)  # the PTY is not the one that controls the tests

    async def sync(self) -> None:
        """Wait until all that the app wrote so far was read."""
        self._synced += 1
        title = f"synced {self._synced}"
        self.app._driver.write(f"\x1b]2;{title}\x07")
        await until(lambda: self.model.title == title, "all that was written")

    def cells(self) -> list[list[object]]:
        """What the outer terminal shows."""
        return [list(self.model.line(n)) for n in range(self.model.top, self.model.end)]

    def composed(self) -> list[list[object]]:
        """What it would show if the compositor drew everything again."""
        app = self.app
        strips = app.screen._compositor.render_strips(app.screen.outer_size)
        lines = [f"\x1b[{y}H{strip.render(app.console)}" for y, strip in enumerate(strips, 1)]
        model = TerminalModel(self.model.columns, self.model.lines)
        model.feed(b"\x1b[?7l" + "".join(lines).encode())
        return [list(model.line(n)) for n in range(model.top, model.end)]


@asynccontextmanager
async def on_real_outer(app: App, monkeypatch, columns: int = 90, rows: int = 26) -> AsyncIterator[RealOuter]:
    """Run an app on an outer terminal of its own until the block ends."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.set_blocking(master, False)
    monkeypatch.setattr(sys, "__stdin__", os.fdopen(os.dup(slave), "r"))
    monkeypatch.setattr(sys, "__stderr__", os.fdopen(os.dup(slave), "w"))
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_, **__: _size_of(slave))
    outer = RealOuter(app, master, columns, rows)
    outer.stall(False)
    running = asyncio.create_task(app.run_async())
    active_app.set(app)
    try:
        await until(lambda: running.done() or app.is_running, "a running app")
        yield outer
    finally:
        if not running.done():
            app.exit()
        await asyncio.wait_for(running, 60)
        asyncio.get_running_loop().remove_reader(master)
        for file in (sys.__stdin__, sys.__stderr__):
            file.close()
        os.close(master)
        os.close(slave)


def _size_of(descriptor: int) -> os.terminal_size:
    rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(descriptor, termios.TIOCGWINSZ, b"\0" * 8))
    return os.terminal_size((columns, rows))
