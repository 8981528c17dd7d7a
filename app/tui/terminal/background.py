"""Where the terminal of a pane is emulated: here, or in another process while it floods unseen."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.tui.terminal.emulator import PyteEmulator
from app.tui.terminal.view import TerminalView
from app.tui.terminal.workshop import Away, Workshop

_FLOOD_SPAN = 0.25
_MOST_AT_ONCE = 65536
"""Bytes within ``_FLOOD_SPAN`` seconds from which on a background terminal is emulated elsewhere."""


class Background:
    """Sends a view's terminal away while it floods, and brings it back when somebody works with it.

    Args:
        view: The view.
    """

    def __init__(self, view: TerminalView) -> None:
        self._view = view
        self.away: Away | None = None
        """What stands for the emulator while it is elsewhere."""
        self._workshop: Workshop | None = None
        self._when_back: list[Callable[[], object]] = []
        self._heavy = 0
        self._since = 0.0

    def enter(self) -> None:
        """Share the app's other process, which is told of keys and of their answers from now on."""
        self._workshop = Workshop.enter(self._view.app)
        self._view.on_answered = self._workshop.answered

    async def leave(self) -> None:
        """Let go of the other process and of what is there."""
        if self.away is not None:
            self.away.drop()
        if self._workshop is not None:
            await self._workshop.leave()

    def typed(self) -> None:
        """Take note that a key was typed here; called by any thread."""
        if self._workshop is not None:
            self._workshop.typed()

    @property
    def attended(self) -> bool:
        """Whether keys go to it, and somebody sees it."""
        return self._view.in_focus and not self._view.hidden

    def floods(self, size: int) -> bool:
        """Return whether so much is printed that it is better emulated elsewhere, unless somebody looks."""
        now = time.monotonic()
        if now - self._since > _FLOOD_SPAN:
            self._since, self._heavy = now, 0
        self._heavy += size
        return self._heavy > _MOST_AT_ONCE and not self.attended

    async def send_away(self) -> None:
        """Have it emulated in the other process, if there can be one."""
        assert self._workshop is not None
        away = await self._workshop.take(self._view.model.emulator)
        if away is None:
            return
        away.on_frame, away.on_back = self._view.paint, self._came_back
        self.away = away
        self._view.model.use(away)
        if self.attended or self._when_back:
            away.recall()

    async def send_on(self, away: Away, data: bytes) -> None:
        """Send what was printed there, as fast as background terminals may print."""
        assert self._workshop is not None
        await self._workshop.still()
        self._view.model.feed(data)
        await self._workshop.pace(len(data))
        await away.room()

    def _came_back(self, emulator: PyteEmulator, held: bytes, whole: bool) -> None:
        view = self._view
        self.away, self._heavy = None, 0
        view.model.use(emulator)
        view.model.feed(held)
        if not view.is_mounted:
            return
        view.paint()
        if not whole:
            view.notify("A part of the workbench ended; the scrollback here is lost.", severity="warning")
        waiting, self._when_back = self._when_back, []
        for action in waiting:
            action()

    def recall(self) -> None:
        """Have it emulated here again, as somebody works with it now."""
        if self.away is not None:
            self.away.recall()

    def is_here(self, action: Callable[[], object]) -> bool:
        """Return whether all of the terminal is here; if not, do something once it is."""
        if self.away is None:
            return True
        self._when_back.append(action)
        self.away.recall()
        return False
