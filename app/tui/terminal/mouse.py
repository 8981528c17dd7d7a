"""The mouse in a terminal: it selects and scrolls, or the program is told of it."""

from __future__ import annotations

from collections.abc import Callable

from textual import events

from app.tui.terminal.keys import Mouse, encode_key, encode_mouse
from app.tui.terminal.model import Place
from app.tui.terminal.view import TerminalView

_WHEEL_LINES = 3


class PaneMouse:
    """What the mouse does in a view.

    Args:
        view: The view.
        send: Types bytes into its program.
        copy: Copies what is selected.
        runs: Tells whether there is a program.
    """

    def __init__(
        self,
        view: TerminalView,
        *,
        send: Callable[[bytes], None],
        copy: Callable[[], None],
        runs: Callable[[], bool],
    ) -> None:
        self._view = view
        self._send = send
        self._copy = copy
        self._runs = runs
        self._anchor: Place | None = None
        self._button = 0

    @property
    def selecting(self) -> bool:
        """Whether a selection is being drawn."""
        return self._anchor is not None

    def _place(self, event: events.MouseEvent) -> Place:
        """Return the cell under the mouse; the border's is the nearest one."""
        view = self._view
        offset = event.get_content_offset_capture(view)
        y = max(0, min(offset.y, view.size.height - 1))
        return Place(view.view_top + y, max(0, min(offset.x, view.size.width)))

    def _report(self, what: Mouse, button: int, event: events.MouseEvent) -> bool:
        """Report the mouse to the program; return whether it wants such reports at all."""
        view, modes = self._view, self._view.model.modes
        if not modes.mouse or event.shift or view.scrollback.view is not None or not self._runs():
            return False
        place = self._place(event)
        x, y = min(place.column, view.size.width - 1), place.line - view.model.top
        self._send(encode_mouse(what, button, x, y, modes, alt=event.meta, ctrl=event.ctrl))
        return True

    def press(self, event: events.MouseDown) -> None:
        """Begin to select, unless the program wants the mouse; shift takes it from the program."""
        self._button = event.button
        if self._report(Mouse.PRESS, event.button, event):
            return
        if event.button == 1:
            self._view.capture_mouse()
            self._anchor = self._place(event)
            self._view.select(None)

    def move(self, event: events.MouseMove) -> None:
        """Select, or report."""
        if self._anchor is not None:
            offset = event.get_content_offset_capture(self._view)
            if offset.y < 0:
                self._view.scroll_lines(-1)
            elif offset.y >= self._view.size.height:
                self._view.scroll_lines(1)
            self._view.select((self._anchor, self._place(event)))
        else:
            self._report(Mouse.MOVE, event.button or self._button, event)

    def release(self, event: events.MouseUp) -> None:
        """Copy what was selected, or report."""
        button, self._button = self._button, 0
        if self._anchor is not None:
            self._view.release_mouse()
            self._anchor = None
            selected = self._view.selected
            if selected is not None and selected[0] != selected[1]:
                self._copy()
        else:
            self._report(Mouse.RELEASE, button, event)

    def click(self, event: events.Click) -> None:
        """Select a word by two clicks, a line by three."""
        model = self._view.model
        if event.chain < 2 or (model.modes.mouse and not event.shift):
            return
        place = self._place(event)
        if event.chain == 2:
            self._view.select(model.word_at(place))
        else:
            self._view.select((Place(place.line, 0), Place(place.line, model.columns)))
        self._copy()

    def wheel_up(self, event: events.MouseEvent) -> None:
        """Scroll, or tell the program."""
        self._wheel(event, Mouse.WHEEL_UP, -_WHEEL_LINES, "up")

    def wheel_down(self, event: events.MouseEvent) -> None:
        """Scroll, or tell the program."""
        self._wheel(event, Mouse.WHEEL_DOWN, _WHEEL_LINES, "down")

    def _wheel(self, event: events.MouseEvent, what: Mouse, lines: int, key: str) -> None:
        view, modes = self._view, self._view.model.modes
        if self._report(what, 0, event):
            return
        if modes.alternate and modes.alternate_scroll and not view.scrollback.reading and not event.shift:
            self._send(encode_key(key, None, modes) * _WHEEL_LINES)
        else:
            view.scroll_lines(lines)
