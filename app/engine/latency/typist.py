"""Types keys at planned moments and notes when the terminal shows them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from app.engine.latency.rhythm import intervals
from app.engine.latency.targets import Target
from app.engine.latency.watcher import usable

KEY_LIMIT = 5.0
"""Seconds after which a key that was not echoed is lost."""
_ERASE_LINE = b"\x15"

Heard = Callable[[float, float | None], None]
"""Called with the intended moment of a key and the seconds to its echo; ``None`` if it is lost."""


class Typist:
    """Types single characters into a target's shell.

    A key's clock starts at the moment at which it was to be sent, whenever that was done, and the next
    one is sent without waiting for it: a slow answer is counted in full and hides nothing. Every character
    stands at most once on the line, so that its echo is no other's.

    Args:
        target: What is typed into; ready.
        rate: Keys a second, on average.
        chance: Of the moments.
    """

    def __init__(self, target: Target, rate: float, chance: random.Random) -> None:
        self._terminal = target.terminal
        self._pauses = intervals(rate, chance)
        shown = target.shown
        if target.floods is not None:
            target.floods.let(True)
            shown += self._terminal.settle(1.0, 0.5)
            target.floods.let(False)
        self._alphabet = usable(shown)
        self._pending: dict[bytes, float] = {}

    def type(self, count: int, heard: Heard) -> None:
        """Type ``count`` keys, and return when each was echoed or is lost.

        Raises:
            EOFError: the target has ended.
        """
        while count > 0:
            line = self._alphabet[:count]
            count -= len(line)
            self._type_line(iter(line), heard)
            self._erase()

    def _type_line(self, characters: Iterator[str], heard: Heard) -> None:
        following: str | None = next(characters)
        at = time.monotonic() + next(self._pauses)
        while following is not None or self._pending:
            deadline = at if following is not None else max(self._pending.values()) + KEY_LIMIT
            found = self._terminal.read(deadline)
            if found is not None:
                self._take(*found, heard)
            now = time.monotonic()
            if following is not None and now >= at:
                key = following.encode()
                self._pending[key] = at
                self._terminal.write(key)
                following = next(characters, None)
                at += next(self._pauses)
            elif following is None and now >= deadline:
                for begun in self._pending.values():
                    heard(begun, None)
                self._pending.clear()

    def _take(self, moment: float, shown: bytes, heard: Heard) -> None:
        for key in [key for key in self._pending if key in shown]:
            begun = self._pending.pop(key)
            heard(begun, moment - begun)

    def _erase(self) -> None:
        self._terminal.write(_ERASE_LINE)
        self._terminal.settle(0.04, 0.2)
