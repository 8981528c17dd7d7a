"""Screens that lie on others: nothing is painted of what an opaque one covers."""

from __future__ import annotations

from textual.app import App
from textual.screen import Screen


class Stacked(App[int]):
    """An app whose hidden screens cost nothing.

    Textual counts the screen below the topmost one among those that shine through, however opaque that is,
    and paints the whole topmost one again with everything that changes below.
    """

    @property
    def _background_screens(self) -> list[Screen[object]]:
        """The screens that can be seen behind the topmost one."""
        if self._screen_stack[-1].styles.background.a == 1:
            return []
        return super()._background_screens
