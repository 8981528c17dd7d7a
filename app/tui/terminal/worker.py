"""The process that emulates the terminals that nobody types into; its last argument is its socket's number.

It ends when the other end of its socket is closed, however the workbench ended.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import time
from collections import deque

from app.tui.terminal.emulator import PyteEmulator
from app.tui.terminal.packed import PackedRow, pack
from app.tui.terminal.wire import (
    HISTORY_PIECE,
    Bell,
    Copy,
    Decoder,
    Drop,
    Fed,
    Feed,
    Frame,
    History,
    Message,
    Recall,
    Reply,
    Resize,
    Shown,
    Take,
    encoded,
)

FRAME = 0.1
"""Seconds between two frames of one terminal."""
MOST_FRAMES = 40
"""Frames of all terminals together in a second."""
SLICE = 16384
"""Bytes of one terminal that are emulated before another one's turn."""
_RECEIVE = 1 << 18
_NICE = 5
"""How far it stands back behind the workbench, where the keyboard is."""


class Emulated:
    """One terminal.

    Args:
        emulator: Its emulator.
    """

    def __init__(self, emulator: PyteEmulator) -> None:
        self.emulator = emulator
        self.waiting: deque[bytes] = deque()
        self.dirty = True
        self.shown = True
        """Whether its last frame was shown."""
        self.framed = 0.0


class Worker:
    """Emulates terminals for the other end of a socket.

    Args:
        connection: The socket.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._decoder = Decoder()
        self._panes: dict[int, Emulated] = {}
        self._histories: dict[int, list[PackedRow]] = {}

    def run(self) -> None:
        """Work until the socket is closed."""
        while True:
            busy = any(pane.waiting for pane in self._panes.values())
            wait = 0.0 if busy else self._until_frame(time.monotonic())
            if select.select([self._connection], [], [], wait)[0]:
                data = self._connection.recv(_RECEIVE)
                if not data:
                    return
                for message in self._decoder.feed(data):
                    self._act(message)
            for number, pane in list(self._panes.items()):
                if pane.waiting:
                    self._emulate(number, pane, pane.waiting.popleft())
            self._frames(time.monotonic())

    def _until_frame(self, now: float) -> float | None:
        frame = self._frame
        due = [pane.framed + frame - now for pane in self._panes.values() if pane.dirty and pane.shown]
        return max(min(due), 0.0) if due else None

    @property
    def _frame(self) -> float:
        """Seconds between two frames of one terminal, as many as there are."""
        return max(FRAME, len(self._panes) / MOST_FRAMES)

    def _send(self, message: Message) -> None:
        self._connection.sendall(encoded(message))

    def _act(self, message: Message) -> None:
        if isinstance(message, History):
            self._histories.setdefault(message.pane, []).extend(message.rows)
            return
        if isinstance(message, Take):
            self._take(message)
            return
        if isinstance(message, Drop):
            self._histories.pop(message.pane, None)
            self._panes.pop(message.pane, None)
            return
        pane = self._panes.get(message.pane)
        if pane is None:
            return
        if isinstance(message, Feed):
            for position in range(0, len(message.data), SLICE):
                pane.waiting.append(message.data[position : position + SLICE])
        elif isinstance(message, Shown):
            pane.shown = True
        elif isinstance(message, Resize):
            self._emulate_all(message.pane, pane)
            pane.emulator.resize(message.columns, message.lines)
            pane.dirty = True
        elif isinstance(message, Recall):
            self._emulate_all(message.pane, pane)
            del self._panes[message.pane]
            self._give_back(message.pane, pane.emulator)

    def _take(self, message: Take) -> None:
        number = message.pane
        emulator = PyteEmulator.from_state(message.state, self._histories.pop(number, []))
        emulator.on_reply = lambda data: self._send(Reply(number, data))
        emulator.on_bell = lambda: self._send(Bell(number))
        emulator.on_copy = lambda text: self._send(Copy(number, text))
        self._panes[number] = Emulated(emulator)

    def _give_back(self, number: int, emulator: PyteEmulator) -> None:
        rows = [row if isinstance(row, PackedRow) else pack(row) for row in emulator.screen.history]
        for position in range(0, len(rows), HISTORY_PIECE):
            self._send(History(number, rows[position : position + HISTORY_PIECE]))
        self._send(Take(number, emulator.state()))

    def _emulate_all(self, number: int, pane: Emulated) -> None:
        while pane.waiting:
            self._emulate(number, pane, pane.waiting.popleft())

    def _emulate(self, number: int, pane: Emulated, data: bytes) -> None:
        pane.emulator.feed(data)
        pane.dirty = True
        self._send(Fed(number, len(data)))

    def _frames(self, now: float) -> None:
        frame = self._frame
        for number, pane in self._panes.items():
            if pane.dirty and pane.shown and now - pane.framed >= frame:
                emulator = pane.emulator
                if emulator.modes.synchronized and now - pane.framed < 2 * frame:
                    continue
                update = emulator.take()
                rows = {y: pack(emulator.screen.rows[y]) for y in update.rows}
                size = emulator.columns, emulator.lines
                self._send(
                    Frame(number, *size, rows, update.cursor, update.pushed, emulator.modes, emulator.title)
                )
                pane.dirty, pane.shown, pane.framed = False, False, now


def main() -> None:
    """Work for the socket whose descriptor is the last argument."""
    connection = socket.socket(fileno=int(sys.argv[-1]))
    os.nice(_NICE)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the workbench is gone
        Worker(connection).run()


if __name__ == "__main__":
    main()
