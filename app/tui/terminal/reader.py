"""What keys do while somebody reads a terminal: they move through its scrollback, search it and select."""

from __future__ import annotations

from collections.abc import Callable

from app.tui.terminal.model import Moving, Place
from app.tui.terminal.picking import Picking
from app.tui.terminal.scrollback import step_of
from app.tui.terminal.view import TerminalView


class Reader:
    """Reads a terminal by keys.

    Args:
        view: What shows it.
        search: Finds text in it.
        copy: Copies what is selected.
    """

    def __init__(
        self, view: TerminalView, *, search: Callable[[str], None], copy: Callable[[], None]
    ) -> None:
        self._view = view
        self._search = search
        self._copy = copy
        self._picking: Picking | None = None
        """The cursor that selects."""

    def begin(self) -> None:
        """Begin to read."""
        self._picking = None
        self._view.scrollback.read()

    def told(self) -> str:
        """Return what a title says."""
        return self._picking.told() if self._picking is not None else self._view.scrollback.told()

    def take_key(self, key: str) -> None:
        """Do what a key means here, if anything."""
        if self._picking is not None:
            self._pick_key(self._picking, key)
            return
        view, scrollback = self._view, self._view.scrollback
        step = step_of(key, view.size.height)
        if step is not None:
            view.scroll_lines(step)
        elif key == "slash":
            scrollback.typing = ""
        elif key in ("n", "N"):
            words = scrollback.again(-1 if key == "n" else 1)
            if words is not None:
                self._search(words)
        elif key == "y":
            self._copy()
        elif key in ("v", "V"):
            self._picking = Picking(view.model, self._pick_from())
            if key == "V":
                self._picking.take_key(key, view.size.height)
            self._show(self._picking)
        elif key in ("q", "escape", "enter"):
            scrollback.leave()

    def _pick_from(self) -> Place:
        """Return where a selection begins: what was found, the program's cursor, or the last line seen."""
        view = self._view
        cursor = view.model.cursor
        top, bottom = view.view_top, min(view.view_top + view.size.height, view.model.end) - 1
        for place in (view.scrollback.hit, Place(view.model.top + cursor.y, cursor.x)):
            if place is not None and top <= place.line <= bottom:
                return place
        return Place(bottom, 0)

    def _pick_key(self, picking: Picking, key: str) -> None:
        if picking.take_key(key, self._view.size.height):
            self._show(picking)
            return
        if key in ("y", "enter"):
            self._copy()
        elif key not in ("escape", "q"):
            return
        self._picking = None
        self._view.select(None)

    def _show(self, picking: Picking) -> None:
        self._view.scrollback.show(picking.place.line)
        self._view.select(picking.selection)

    def moved(self, moving: Moving | None) -> None:
        """Keep what is selected while lines are wrapped anew; without knowing where they are, forget it."""
        view = self._view
        if moving is None:
            self._picking, view.selected = None, None
        elif self._picking is not None:
            self._picking.moved(moving)
            self._show(self._picking)
        elif view.selected is not None:
            view.selected = moving(view.selected[0]), moving(view.selected[1])
