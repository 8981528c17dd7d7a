"""Background terminals in a process of their own, so that floods in them do not slow the keyboard."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import ClassVar
from weakref import WeakKeyDictionary

from textual.app import App

from app.tui.terminal.cells import BLANK, Row
from app.tui.terminal.emulator import Cursor, Emulator, Modes, PyteEmulator, Update
from app.tui.terminal.packed import PackedRow, pack, unpack
from app.tui.terminal.rewrap import Moves
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

RATE = 8_000_000
"""Bytes a second that all background terminals together may print; more would only feed the flooders CPU."""
MOST_AHEAD = 128 * 1024
"""Bytes of one terminal on their way to the other process."""
_PAUSE = 0.02
"""Seconds between two reads of a flood at least, so that reads are large."""
ANSWER = 0.01
"""Seconds for which what is in the background waits for what a key brings about."""
_LOOK = 0.001
_MOST_ENDS = 3
"""Ends of the other process after which everything is emulated here."""
_END_LIMIT = 2.0
_CODE = "import sys; sys.path[:] = sys.argv[1:-1]; from app.tui.terminal.worker import main; main()"


class Away:
    """An emulator in the other process, and what it showed last; fulfils ``Emulator``.

    Args:
        workshop: Where it is.
        number: Its number there.
        before: The emulator that goes there.
    """

    def __init__(self, workshop: Workshop, number: int, before: PyteEmulator) -> None:
        self._workshop = workshop
        self.number = number
        self.columns, self.lines = before.columns, before.lines
        self.title = before.title
        self.modes: Modes = before.modes
        self.cursor: Cursor = before.cursor
        self.pushed = before.pushed
        self.history = 0
        """None of it is here."""
        self.on_reply: Callable[[bytes], None] = lambda data: None
        self.on_bell: Callable[[], None] = lambda: None
        self.on_copy: Callable[[str], None] = lambda data: None
        self.on_frame: Callable[[], None] = lambda: None
        """Called when there is something new to show."""
        self.on_back: Callable[[PyteEmulator, bytes, bool], None] = lambda emulator, held, whole: None
        """Called with the emulator when it is back, what to feed it, and whether its scrollback is whole."""
        self._rows: list[Row | PackedRow] = list(before.screen.rows)
        self._dirty: set[int] = set()
        self._framed = False
        self._ahead = 0
        self._room = asyncio.Event()
        self._room.set()
        self._held = bytearray()
        self._scrollback: list[PackedRow] = []
        self.recalled = False

    def feed(self, data: bytes) -> None:
        """Send the next bytes there."""
        if self.recalled:
            self._held += data
            return
        self._ahead += len(data)
        if self._ahead >= MOST_AHEAD:
            self._room.clear()
        self._workshop.send(Feed(self.number, data))

    async def room(self) -> None:
        """Wait until more may be sent."""
        await self._room.wait()

    def take(self) -> Update:
        """Return what changed since the last call, and let the next frame come."""
        rows = frozenset(y for y in self._dirty if y < self.lines)
        self._dirty.clear()
        if self._framed:
            self._framed = False
            self._workshop.send(Shown(self.number))
        return Update(rows, self.cursor, self.pushed)

    def resize(self, columns: int, lines: int) -> Moves:
        """Change the size there; here rows are cut until it shows itself."""
        moves = Moves()  # nobody looks at its scrollback
        if (columns, lines) == (self.columns, self.lines):
            return moves
        self.columns, self.lines = columns, lines
        self._rows = (self._rows + [Row([BLANK] * columns) for _ in range(lines)])[:lines]
        self.cursor = Cursor(min(self.cursor.x, columns - 1), min(self.cursor.y, lines - 1), False)
        self._workshop.send(Resize(self.number, columns, lines))
        return moves

    def row(self, index: int) -> Row:
        """Return a row of the screen.

        Raises:
            IndexError: it is none of the screen's.
        """
        if index < 0:
            raise IndexError(index)
        row = self._rows[index]
        if isinstance(row, PackedRow):
            row = self._rows[index] = unpack(row)
        return row

    def recall(self) -> None:
        """Ask for the emulator; ``on_back`` is called with it. Idempotent."""
        if not self.recalled:
            self.recalled = True
            self._room.clear()
            self._workshop.send(Recall(self.number))

    def drop(self) -> None:
        """Let it go."""
        self._workshop.forget(self)

    def take_message(self, message: Message) -> None:
        """Act on what the other process says of it."""
        if isinstance(message, Fed):
            self._ahead -= message.size
            if self._ahead < MOST_AHEAD and not self.recalled:
                self._room.set()
        elif isinstance(message, Frame):
            self._show(message)
        elif isinstance(message, Reply):
            self.on_reply(message.data)
        elif isinstance(message, Bell):
            self.on_bell()
        elif isinstance(message, Copy):
            self.on_copy(message.text)
        elif isinstance(message, History):
            self._scrollback += message.rows
        elif isinstance(message, Take):
            self._come_back(PyteEmulator.from_state(message.state, self._scrollback), True)

    def _show(self, frame: Frame) -> None:
        self._framed = True
        if (frame.columns, frame.lines) == (self.columns, self.lines):
            for y, row in frame.rows.items():
                self._rows[y] = row
            self._dirty.update(frame.rows)
            self.cursor, self.pushed = frame.cursor, frame.pushed
        self.modes, self.title = frame.modes, frame.title
        self.on_frame()

    def _come_back(self, emulator: PyteEmulator, whole: bool) -> None:
        self._workshop.forget(self)
        emulator.resize(self.columns, self.lines)
        held, self._held = bytes(self._held), bytearray()
        self.recalled = True
        self.on_back(emulator, held, whole)
        self._room.set()

    def lose(self) -> None:
        """Go on here with what was shown last; the other process is gone."""
        emulator = PyteEmulator(self.columns, self.lines)
        screen = emulator.screen
        screen.rows = [self.row(y) for y in range(self.lines)]
        screen.cursor.x, screen.cursor.y = self.cursor.x, self.cursor.y
        screen.cursor.hidden = not self.cursor.visible
        screen.title, screen.pushed = self.title, self.pushed
        self._come_back(emulator, False)


class Workshop:
    """The other process, started when it is first needed."""

    _all: ClassVar[WeakKeyDictionary[App[object], Workshop]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._users = 0
        self._numbers = itertools.count(1)
        self._panes: dict[int, Away] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._ends = 0
        self._free = 0.0
        self._typed = 0.0

    @classmethod
    def enter(cls, app: App[object]) -> Workshop:
        """Return the app's own, to be left again."""
        shop = cls._all.setdefault(app, cls())
        shop._users += 1
        return shop

    async def leave(self) -> None:
        """Leave it; the last one ends the process."""
        self._users -= 1
        if self._users <= 0:
            await self._end()

    def typed(self) -> None:
        """Take note that a key was typed into a terminal; called by any thread."""
        self._typed = time.monotonic()

    def answered(self) -> None:
        """Take note that the terminal that is typed into was painted."""
        self._typed = 0.0

    async def still(self) -> None:
        """Wait while a key that was typed was not answered yet."""
        while time.monotonic() - self._typed < ANSWER:  # noqa: ASYNC110 - another thread types
            await asyncio.sleep(_LOOK)

    async def pace(self, size: int) -> None:
        """Wait until bytes that were read fit into what all background terminals may print."""
        now = time.monotonic()
        self._free = max(self._free, now) + size / RATE
        await asyncio.sleep(max(self._free - now, _PAUSE))

    async def take(self, emulator: Emulator) -> Away | None:
        """Move an emulator to the other process; return what stands for it here, or nothing if it stays."""
        if not isinstance(emulator, PyteEmulator) or not await self._started():
            return None
        number, before = next(self._numbers), _figures(emulator)
        for rows in _pieces(emulator):
            self.send(History(number, rows))
            await asyncio.sleep(0)
        if self._writer is None or _figures(emulator) != before:  # it ended, or the pane has another size now
            self.send(Drop(number))
            return None
        away = Away(self, number, emulator)
        self._panes[away.number] = away
        self.send(Take(away.number, emulator.state()))
        return away

    def send(self, message: Message) -> None:
        """Say something to the other process, if there is one."""
        if self._writer is not None:
            self._writer.write(encoded(message))

    def forget(self, away: Away) -> None:
        """Let go of an emulator."""
        if self._panes.pop(away.number, None) is not None and not away.recalled:
            self.send(Drop(away.number))

    async def _started(self) -> bool:
        async with self._starting:
            if self._writer is not None:
                return True
            if self._ends >= _MOST_ENDS or self._users <= 0:
                return False
            ours, theirs = socket.socketpair()
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", _CODE, *sys.path, str(theirs.fileno())),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            except OSError:
                ours.close()
                self._ends += 1
                return False
            finally:
                theirs.close()
            reader, self._writer = await asyncio.open_connection(sock=ours)
            self._reading = asyncio.create_task(self._read(reader), name="background terminals")
            return True

    async def _read(self, reader: asyncio.StreamReader) -> None:
        decoder = Decoder()
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                for message in decoder.feed(data):
                    if isinstance(message, Frame):
                        await self.still()
                    away = self._panes.get(message.pane)
                    if away is not None:
                        away.take_message(message)
                    if isinstance(message, Frame | History | Take):
                        await asyncio.sleep(0)  # one at a time, so that a key waits for one at most
        self._ends += 1
        self._close()
        for away in list(self._panes.values()):
            away.lose()

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    async def _end(self) -> None:
        self._close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None
        process, self._process = self._process, None
        if process is not None:
            try:
                async with asyncio.timeout(_END_LIMIT):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, 9)
                await process.wait()


def _figures(emulator: PyteEmulator) -> tuple[int, ...]:
    return emulator.columns, emulator.lines, emulator.history, emulator.pushed


def _pieces(emulator: PyteEmulator) -> Iterator[list[PackedRow]]:
    """Return the scrollback, packed, in pieces that take little time each."""
    rows: list[PackedRow] = []
    for row in list(emulator.screen.history):
        rows.append(row if isinstance(row, PackedRow) else pack(row))
        if len(rows) >= HISTORY_PIECE // 5:
            yield rows
            rows = []
    if rows:
        yield rows
