"""What is looked at in a terminal's scrollback, and what is searched there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from textual import events

from app.tui.terminal.model import Moving, Place, TerminalModel

_SLICE_TIME = 0.002
"""Seconds of searching after which keys get their turn."""
_STEPS = {"up": -1, "k": -1, "down": 1, "j": 1, "home": -(10**9), "g": -(10**9), "end": 10**9, "G": 10**9}
_PAGES = {"pageup": -1, "ctrl+b": -1, "pagedown": 1, "ctrl+f": 1, "space": 1}


def step_of(key: str, height: int) -> int | None:
    """Return by how many lines a key moves through a scrollback of which so many are seen, if it does."""
    if key in _PAGES:
        return _PAGES[key] * max(height - 1, 1)
    return _STEPS.get(key)


class Scrollback:
    """Where in its scrollback a terminal is looked at, and what was found there.

    Args:
        model: The terminal.
        height: Gives the lines that are seen at once.
        moved: Called when other lines are seen.
        found: Called when what is marked changed.
    """

    def __init__(
        self,
        model: TerminalModel,
        *,
        height: Callable[[], int],
        moved: Callable[[], None],
        found: Callable[[], None],
    ) -> None:
        self._model = model
        self._height = height
        self._moved = moved
        self._found = found
        self.reading = False
        """Whether keys move through the scrollback instead of reaching the program."""
        self.view: int | None = None
        """Number of the line to see at the top; ``None`` where the screen is seen."""
        self.typing: str | None = None
        """What is being typed to be searched."""
        self.hits: list[tuple[Place, int]] = []
        """What was found, and how many columns it takes."""
        self._words = ""
        self._last = ""
        """What was searched last, to be searched again."""
        self._name = ""
        self._hit = -1
        self._searching: asyncio.Task[None] | None = None

    @property
    def top(self) -> int:
        """Number of the line at the top of what is seen."""
        if self.view is None:
            return self._model.top
        return max(self.view, self._model.first)

    def told(self) -> str:
        """Return what a title says while it is read."""
        above = self._model.top - self.top
        hits = f" · {self._hit + 1} of {len(self.hits)}" if self._words else ""
        hits = " · searching …" if self._searching is not None else hits
        return f"{above} lines up{hits} · / search · v: select · q: back"

    def read(self) -> None:
        """Have keys move in it."""
        self.reading = True
        if self.view is None:
            self.view = self._model.top

    def scroll(self, count: int) -> None:
        """Move by lines, as far as there are any."""
        target = max(self._model.first, min(self.top + count, self._model.top))
        self.view = target if target < self._model.top or self.reading else None
        self._moved()

    def resize(self, columns: int, lines: int) -> Moving | None:
        """Change the terminal's size: who reads goes on seeing the same lines, and others the screen."""
        model = self._model
        at_end = self.view is None or self.view >= model.top
        moving = model.resize(columns, lines)
        if not self.reading:
            self.view = None
        elif at_end:
            self.view = model.top
        elif moving is not None and self.view is not None:
            self.view = min(moving(Place(self.view, 0)).line, model.top)
        if self._searching is not None or (moving is None and self._words):
            self.search(self._words, self._name)
        elif moving is not None:
            self.hits = [(moving(place), length) for place, length in self.hits]
            if self.hit is not None and self.reading and not at_end:
                self.show(self.hit.line)
        return moving

    def leave(self) -> None:
        """Look at the screen again, and forget what was found."""
        if self.view is not None or self.reading:
            self.end_search()
            self.view, self.reading = None, False
            self.hits, self._words = [], ""
            self._found()

    def show(self, line: int) -> None:
        """See a line, if it is not seen."""
        height = max(self._height(), 1)
        if not self.top <= line < self.top + height:
            self.scroll((line if line < self.top else line - height + 1) - self.top)

    @property
    def hit(self) -> Place | None:
        """The place that was found and gone to last."""
        return self.hits[self._hit][0] if 0 <= self._hit < len(self.hits) else None

    # search

    def take_key(self, event: events.Key) -> str | None:
        """Take a key while words are typed; return them if it ends them and wants them found.

        With none typed, the last search goes on.
        """
        assert self.typing is not None
        if event.key == "enter":
            words, self.typing = self.typing, None
            return words or self.again(-1)
        if event.key == "escape":
            self.typing = None
        elif event.key == "backspace":
            self.typing = self.typing[:-1]
        elif event.character is not None and event.is_printable:
            self.typing += event.character
        return None

    def search(self, words: str, name: str) -> None:
        """Find text in the scrollback and the screen, and go to the last place, once all are found.

        Args:
            words: The text.
            name: Name of the task that does it.
        """
        self.end_search()
        self.read()
        self._words, self._last, self._name = words, words, name
        self.hits, self._hit = [], -1
        self._searching = asyncio.create_task(self._search(words), name=name)
        self._found()

    async def _search(self, words: str) -> None:
        hits: list[tuple[Place, int]] = []
        began = time.monotonic()
        for found in self._model.scan(words):
            hits += found
            if time.monotonic() - began > _SLICE_TIME:
                await asyncio.sleep(0)
                began = time.monotonic()
        self._searching = None
        self.hits, self._hit = hits, len(hits)
        if hits:
            self.go_to_hit(-1)
        else:
            self._hit = -1
        self._found()
        self._moved()

    def end_search(self) -> None:
        """Search no more. Idempotent."""
        if self._searching is not None:
            self._searching.cancel()
            self._searching = None

    def again(self, step: int) -> str | None:
        """Go on to another place that was found; return the last words where they are to be searched anew."""
        if self._words or not self._last:
            self.go_to_hit(step)
            return None
        return self._last

    def typed(self) -> str:
        """Return what a title says while words are typed."""
        again = f" · enter: {self._last} again" if self._last and not self.typing else ""
        return f"/{self.typing}▏{again}"

    def go_to_hit(self, step: int) -> None:
        """Go on to another place that was found."""
        if not self.hits:
            return
        self._hit = (self._hit + step) % len(self.hits)
        line, height = self.hits[self._hit][0].line, self._height()
        if not self.top <= line < self.top + height:
            self.view = max(self._model.first, min(line - height // 2, self._model.top))
        self._found()
