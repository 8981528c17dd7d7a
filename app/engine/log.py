"""A run's event log: appended by the engine, followed by any number of readers, replayed later.

The log is the file ``events.jsonl`` of the run's folder, one event a line. Its writer holds an
exclusive flock(2) on it for as long as it may append, so that a reader in another process can tell
a run that goes on from one whose vmbench is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from io import BufferedReader, FileIO
from pathlib import Path

from app.engine.codec import NotAnEvent, decode, encode
from app.engine.events import Event, Notice, RunFinished, Stamped
from app.engine.masking import Masker
from app.engine.offload import Writer, off_loop
from backends.files import make_room

LOG_NAME = "events.jsonl"
POLL = 0.2
"""Seconds between looks at a file that another process writes."""
CHUNK = 1 << 20


class EventLog:
    """The log of a run that this process executes.

    Args:
        path: The file to append to; it is made, readable by its owner alone.
        writer: Does the file work, in order.
        wall: Returns seconds since the epoch.
        monotonic: Returns monotonic seconds.
        masker: Masks every text of what is appended.
    """

    def __init__(
        self,
        path: Path,
        writer: Writer,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        masker: Masker | None = None,
    ) -> None:
        self.path = path
        self._masker = masker or Masker()
        self._writer = writer
        self._wall = wall
        self._monotonic = monotonic
        self._began = monotonic()
        self._events: list[Stamped] = []
        self._unwritten: deque[Stamped] = deque()
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = False
        self._file: FileIO | None = None
        self._failure: OSError | None = None
        self._told = False
        self._missing = bytearray()
        """Lines that are not in the file yet. The writer's thread alone touches them."""

    async def open(self) -> None:
        """Make the file and take its lock.

        Raises:
            OSError: it cannot be made.
        """
        self._file = await self._writer.run(_create, self.path)

    @property
    def mono(self) -> float:
        """Seconds since the run began."""
        return self._monotonic() - self._began

    @property
    def failure(self) -> OSError | None:
        """What keeps events from the file, such as a full disk; ``None`` again once all are in it."""
        return self._failure

    def tell_failure(self) -> None:
        """Append a notice of what keeps events from the file; once."""
        if self._failure is not None and not self._told:
            self._told = True
            remedy = make_room(self._failure) or "see that its folder can be written to"
            message = (
                f"the event log could not be written: {self._failure.strerror or self._failure}; {remedy}"
            )
            self.append(Notice(level="warning", message=message))

    @property
    def events(self) -> tuple[Stamped, ...]:
        """All events so far."""
        return tuple(self._events)

    def append(self, event: Event) -> Stamped:
        """Stamp an event, hand it to every follower and queue it for the file; never blocks.

        Must be called on the event loop's thread.
        """
        self.tell_failure()
        stamped = Stamped(
            seq=len(self._events) + 1,
            time=round(self._wall(), 6),
            mono=round(self.mono, 6),
            event=self._masker.of(event),
        )
        self._events.append(stamped)
        self._unwritten.append(stamped)
        if len(self._unwritten) == 1:
            self._writer.submit(self._flush)
        self._wake()
        return stamped

    def _flush(self) -> None:
        """Write what is queued, in one piece. Runs in the writer's thread.

        Where that fails the run goes on and says so; the lines are written when there is room again.
        """
        with contextlib.suppress(IndexError):
            while True:
                self._missing += f"{encode(self._unwritten.popleft())}\n".encode()
        if not self._missing or self._file is None:
            return
        written = 0
        try:
            while written < len(self._missing):
                with memoryview(self._missing) as whole, whole[written:] as rest:
                    written += self._file.write(rest)
        except OSError as error:
            self._failure = error
            self._take_back(written)
        else:
            self._missing.clear()
            self._failure = None

    def _take_back(self, written: int) -> None:
        """Leave no half line in the file after a write that failed."""
        assert self._file is not None
        whole = self._missing.rfind(b"\n", 0, written) + 1
        with contextlib.suppress(OSError):
            self._file.truncate(self._file.seek(0, os.SEEK_END) - (written - whole))
            del self._missing[:whole]

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def follow(self, after: int = 0) -> AsyncIterator[Stamped]:
        """Yield the events after the sequence number ``after``, old ones first, until the log is closed."""
        at = max(after, 0)
        while True:
            while at < len(self._events):
                at += 1
                yield self._events[at - 1]
            if self._closed:
                return
            future = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                await future
            finally:
                self._waiting.discard(future)

    async def close(self) -> None:
        """Return when every event is in the file, or ``failure`` says why not."""
        if not self._closed:
            self._closed = True
            self._wake()
            await self._writer.run(self._close_file)

    def _close_file(self) -> None:
        self._flush()
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()


def _create(path: Path) -> FileIO:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    file = path.open("ab", buffering=0)
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def replay(path: Path) -> Iterator[Stamped]:
    """Yield the events of a log file; a torn last line is left out, a broken one inside is noted. Blocking.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        reader = _Lines()
        while chunk := file.read(CHUNK):
            yield from reader.feed(chunk)


class _Lines:
    """Cuts bytes into lines and those into events."""

    def __init__(self) -> None:
        self._rest = b""
        self._seq = 0
        self._last = (0.0, 0.0)

    def feed(self, data: bytes) -> Iterator[Stamped]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                stamped = decode(line)
            except NotAnEvent:
                time_, mono = self._last
                notice = Notice(level="warning", message=f"line {self._seq + 1} of the log cannot be read")
                stamped = Stamped(seq=self._seq + 1, time=time_, mono=mono, event=notice)
            self._seq, self._last = stamped.seq, (stamped.time, stamped.mono)
            yield stamped


async def follow_file(path: Path, after: int = 0, *, poll: float = POLL) -> AsyncIterator[Stamped]:
    """Yield the events of a log that another process may still be writing.

    Ends after ``RunFinished``, or when the file holds no more and its writer is gone.

    Raises:
        OSError: the file cannot be read.
    """
    file = await off_loop(path.open, "rb")
    try:
        reader = _Lines()
        while True:
            # Asked before the read: what a writer wrote before it went is then surely read.
            gone = await off_loop(_writer_gone, file)
            chunk = await off_loop(file.read, CHUNK)
            for stamped in reader.feed(chunk):
                if stamped.seq > after:
                    yield stamped
                if isinstance(stamped.event, RunFinished):
                    return
            if not chunk:
                if gone:
                    return
                await asyncio.sleep(poll)
    finally:
        file.close()


def log_is_live(path: Path) -> bool:
    """Whether a living vmbench may still append to this log. Blocking, shortly."""
    try:
        with path.open("rb") as file:
            return not _writer_gone(file)
    except OSError:
        return False


def _writer_gone(file: FileIO | BufferedReader) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True
