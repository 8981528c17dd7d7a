"""A screen that lets keys through while it paints and shows what follows the cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from textual.screen import Screen

from app.tui.base_app import BaseApp
from app.tui.frugal import FrugalCompositor

_GIVE_WAY = 0.003
"""Seconds after which it is looked again whether it still has to wait."""


class PacedScreen(Screen[None]):
    """A screen whose long work is done in pieces, each in a turn of the event loop of its own.

    What the keys go to is painted at once, the rest of what changed in pieces. What follows the cursor, as
    the details of a row do, is shown after the cursor's own line was painted. Both wait for a key that was
    read and not painted yet, and for a terminal that did not take what was painted before.
    """

    def __init__(self) -> None:
        super().__init__()
        self._compositor: FrugalCompositor = FrugalCompositor()
        self._painting_more = False
        self._following: Callable[[], None] | None = None

    def _in_a_turn(self, action: Callable[[], None]) -> None:
        # Not by the message queue alone: all that waits there is done in one turn of the loop.
        asyncio.get_running_loop().call_soon(self.call_later, self._when_there_is_room, action)

    def _when_there_is_room(self, action: Callable[[], None]) -> None:
        app = self.app
        if isinstance(app, BaseApp) and (app.key_waits or app.lags):
            self.set_timer(_GIVE_WAY, partial(self._when_there_is_room, action))
        else:
            action()

    # painting

    def _compositor_refresh(self) -> None:
        self._compositor.first = self.focused
        super()._compositor_refresh()
        if self._compositor.more and not self._painting_more:
            self._painting_more = True
            self._in_a_turn(self._paint_more)

    def _paint_more(self) -> None:
        """Paint a piece of what was put off."""
        self._painting_more = False
        # These were not looked at yet, and an update takes all of them for painted.
        waiting = set(self._dirty_widgets)
        self._compositor.take_up()
        self._compositor_refresh()
        self._dirty_widgets.update(waiting)

    # what follows the cursor

    def follow(self, show: Callable[[], None]) -> None:
        """Have shown what hangs on the cursor, once its own line is painted.

        Args:
            show: Shows it for where the cursor is then; instead of what waits to be shown.
        """
        if self._following is None:
            self.call_after_refresh(self._in_a_turn, self.catch_up)
        self._following = show

    def catch_up(self) -> None:
        """Show what follows the cursor now, if it is behind."""
        show, self._following = self._following, None
        if show is not None:
            show()
