"""What the person just felt: how long a key took from its reading to the bytes that show it.

It listens at the two ends of the outer terminal: where keys are read and where bytes are written. What it
knows of Textual's inside is in ``listen``; where that is otherwise, nothing is felt and all else works.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

from textual import events
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from app.engine.latency.stamps import Stamps
from app.engine.latency.watcher import Watcher

KEPT = 100
"""Keys that the figures are of: the last ones."""
PATIENCE = 0.5
"""Seconds after which a key whose character was not shown counts by the first thing that was."""
_MOST_WAITING = 64


class _Key:
    __slots__ = ("begun", "first", "shows")

    def __init__(self, begun: float, shows: bytes) -> None:
        self.begun = begun
        self.shows = shows
        self.first = 0.0


class Feel:
    """Measures the keys of this session as they are pressed.

    Args:
        clock: Monotonic seconds, as Textual stamps its events.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: deque[_Key] = deque(maxlen=_MOST_WAITING)
        self._felt: deque[float] = deque(maxlen=KEPT)
        self._watcher = Watcher()
        self._writing = threading.Lock()
        self.count = 0
        """Keys felt so far."""
        self.shown: Stamps | None = None
        """Where the keys whose character was shown are noted: read, written."""
        self.arrived: Stamps | None = None
        """Where all keys are noted as they arrive: read by the parser, handed to the app."""

    @property
    def waiting(self) -> bool:
        """Whether a key waits for its paint."""
        return bool(self._waiting)

    def key(self, begun: float, character: str | None) -> None:
        """Note that a key was read; called by the thread that reads."""
        if self.arrived is not None:
            self.arrived.add(begun, self._clock())
        shows = character.encode() if character is not None and character.isprintable() else b""
        self._waiting.append(_Key(begun, shows.strip()))

    def wrote(self, text: str) -> None:
        """Note what was written to the outer terminal; called by whichever thread wrote."""
        now = self._clock()
        with self._writing:
            self._look(text, now)

    def _look(self, text: str, now: float) -> None:
        shown = self._watcher.text(text.encode(errors="replace"))
        for _ in range(len(self._waiting)):
            key = self._waiting.popleft()
            if key.shows and key.shows in shown:
                if self.shown is not None:
                    self.shown.add(key.begun, now)
                self._feel(now - key.begun)
            elif not key.shows or now - key.begun > PATIENCE:
                self._feel((key.first or now) - key.begun)
            else:
                key.first = key.first or now
                self._waiting.append(key)

    def _feel(self, seconds: float) -> None:
        if seconds <= PATIENCE * 4:  # later than that, it was no answer to the key
            self._felt.append(seconds * 1000)
            self.count += 1

    def figures(self) -> tuple[float, float] | None:
        """Return p50 and p99 of the last keys in milliseconds, or nothing before the first."""
        if not self._felt:
            return None
        from app.engine.latency.figures import percentile

        ordered = sorted(self._felt)
        return percentile(ordered, 50), percentile(ordered, 99)

    def listen(self, driver: Driver) -> None:
        """Listen at a driver's ends, before it starts."""
        file = getattr(driver, "_file", None)
        if not isinstance(driver, LinuxDriver) or file is None:
            return
        driver._file = Ear(file, self)  # type: ignore[assignment]  # as much of a file as is used
        hand_on = driver.process_message

        def process(message: Message) -> None:
            if isinstance(message, events.Key):
                self.key(message.time, message.character)
            hand_on(message)

        driver.process_message = process  # type: ignore[method-assign]


class Ear:
    """The outer terminal as the driver writes to it."""

    def __init__(self, file: TextIO, feel: Feel) -> None:
        self._file = file
        self._feel = feel
        self._texts: list[str] = []

    def write(self, text: str) -> int:
        """Write; what is written while a key waits is looked at once it is out."""
        if self._feel.waiting:
            self._texts.append(text)
        return self._file.write(text)

    def flush(self) -> None:
        """Flush, and tell what went out."""
        self._file.flush()
        if self._texts:
            text = "".join(self._texts)
            self._texts.clear()
            self._feel.wrote(text)

    def typed(self, begun: float, character: str) -> None:
        """Take note of a character that was read and goes past the driver."""
        self._feel.key(begun, character)

    def beside(self, text: str) -> None:
        """Take note of what was written to the terminal, but not here."""
        if self._feel.waiting:
            self._feel.wrote(text)

    def fileno(self) -> int:
        """Return the file's descriptor."""
        return self._file.fileno()

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._file.isatty()
