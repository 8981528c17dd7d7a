"""The widget that draws a terminal: its screen or its scrollback, the cursor, what is selected and found."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from app.tui import theme
from app.tui.broken import Fault
from app.tui.faults import Contained, tell
from app.tui.later import later
from app.tui.terminal.cells import Cell
from app.tui.terminal.direct import Painter, backed_up
from app.tui.terminal.emulator import Cursor
from app.tui.terminal.model import Place, TerminalModel
from app.tui.terminal.painting import Palette, strip_of
from app.tui.terminal.scrollback import Scrollback

BACKGROUND_FRAME = 1 / 10
FOCUSED_FRAME = 1 / 60
LONGEST_FRAME = 0.15
"""Seconds after which a frame that a program began is shown though it did not end it."""

_FLOOD = 8192
"""Bytes at once from which on frames wait for their turn."""


class TerminalView(Contained, Widget):
    """Draws a terminal, at most as often as the outer terminal keeps up with.

    Args:
        model: The terminal.
    """

    def __init__(self, model: TerminalModel, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.model = model
        self.scrollback = Scrollback(
            model, height=lambda: self.size.height, moved=self._moved, found=self.repaint_all
        )
        self.selected: tuple[Place, Place] | None = None
        """Where a selection began, and where it was drawn to."""
        self.on_answered: Callable[[], None] = lambda: None
        """Called with every frame that is painted while this has the focus."""
        self.in_focus = False
        """Whether it has the focus; asked many times with every key, for which ``has_focus`` is too slow."""
        self.hidden = False
        """Whether another screen is shown."""
        self.ended: str = ""
        """Why nothing runs; empty while something does."""
        self._strips: dict[int, tuple[list[Cell], object, Strip]] = {}
        """Strips by the number of their line, with the cells and the look that they were made of."""
        self._cursor_line = 0
        self._painted = 0.0
        self._cost = 0.0
        self._painter = Painter(self)
        self._frame: asyncio.TimerHandle | None = None
        self._palette = Palette()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Keep it at hand."""
        self.in_focus = has_focus
        super().watch_has_focus(has_focus)

    def retitle(self) -> None:
        """Show again what the title says; called with every frame."""

    def scroll_lines(self, count: int) -> None:
        """Move through the scrollback."""
        self.scrollback.scroll(count)

    def select(self, selection: tuple[Place, Place] | None) -> None:
        """Mark text as selected, or none."""
        if selection != self.selected:
            self.selected = selection
            self.repaint_all()

    def selected_text(self) -> str:
        """Return what is selected, or all that is seen."""
        if self.selected is not None:
            start, stop = sorted(self.selected)
        else:
            start = Place(self.view_top, 0)
            stop = Place(self.view_top + self.size.height - 1, self.model.columns)
        return self.model.text(start, stop)

    def _moved(self) -> None:
        self.refresh()
        self.retitle()

    def cursor_changed(self) -> None:
        """Draw the cursor's line again, as the focus came or went."""
        self.refresh(Region(0, max(self._cursor_line - self.view_top, 0), max(self.size.width, 1), 1))
        self.retitle()

    def take_colours(self) -> None:
        """Take the theme's colours."""
        variables = self.app.get_css_variables()
        self._painter.forget()
        self._palette = Palette(
            foreground=variables["foreground"],
            background=variables["background"],
            dark=self.app.current_theme.dark,
            selection=variables.get("vm-cursor", variables["panel"]),
            hit=variables.get("vm-hit", variables["panel"]),
            own=theme.sixteen(self.app.console.color_system),
        )
        self.repaint_all()

    def ask_to_paint(self, size: int) -> None:
        """Draw what changed, now or once it is this terminal's turn, after so many bytes were taken."""
        if self._frame is not None:
            return
        # Drawing takes a fifth of the time at most, and what a key brought about waits for nothing else.
        pause = min(5 * self._cost, FOCUSED_FRAME) if self.in_focus else BACKGROUND_FRAME
        since = time.monotonic() - self._painted
        if since >= pause and size < _FLOOD and not self.model.modes.synchronized:
            self.paint()
        else:
            pause = FOCUSED_FRAME if self.in_focus else BACKGROUND_FRAME
            wait = LONGEST_FRAME if self.model.modes.synchronized else max(pause - since, pause / 2)
            self._frame = later(self, wait, self.paint)

    def paint(self) -> None:
        """Draw what changed, now."""
        if self._frame is not None:
            self._frame.cancel()
            self._frame = None
        if not self.is_mounted:
            return
        if backed_up(self.app):
            self._frame = later(self, BACKGROUND_FRAME, self.paint)
            return
        began = time.monotonic()
        update = self.model.take()
        top = self.model.top
        changed = {top + y for y in update.rows}
        cursor_line = top + update.cursor.y
        if cursor_line != self._cursor_line:
            changed.add(self._cursor_line)
            self._cursor_line = cursor_line
        changed.add(cursor_line)
        top, height = self.scrollback.top, self._painter.size.height
        rows = sorted(line - top for line in changed if 0 <= line - top < height)
        self._tell_cursor(update.cursor)
        if not self._painted_at_once(rows):
            for y in rows:
                self.refresh(Region(0, y, self.size.width, 1))
        if self.in_focus:
            self.on_answered()
        self.retitle()
        self._painted = time.monotonic()
        self._cost = self._painted - began

    def _painted_at_once(self, rows: list[int]) -> bool:
        try:
            return self._painter.paint(rows)
        except Exception as error:
            tell(self, Fault(error, made=True))
            return False

    def _tell_cursor(self, cursor: Cursor) -> None:
        if self.in_focus and self.scrollback.view is None:
            self._painter.place_cursor(cursor.x, cursor.y)

    def repaint_all(self) -> None:
        """Draw everything anew."""
        self._strips.clear()
        self.refresh()

    @property
    def view_top(self) -> int:
        """Number of the line at the top of what is seen."""
        return self.scrollback.top

    def render_line(self, y: int) -> Strip:
        """Return one line of what is seen."""
        model, width = self.model, self._painter.size.width
        line = self.scrollback.top + y
        try:
            row = model.line(line)
        except IndexError:
            return strip_of([], width, self._palette)
        cursor = model.cursor
        here = cursor.visible and line == model.top + cursor.y and not self.ended
        focused = self.in_focus and not self.scrollback.reading
        look = (
            width,
            model.modes.reverse,
            (cursor.x, cursor.shape, focused) if here else None,
            self._marks(line, len(row)) if self.scrollback.hits or self.selected else (),
        )
        # A row that only moved keeps its strip, and with it what the outer terminal is sent for it.
        kept = self._strips.get(line)
        if kept is not None and kept[0] == row and kept[1] == look:
            return kept[2]
        strip = strip_of(
            row,
            width,
            self._palette,
            reverse=model.modes.reverse,
            cursor=cursor.x if here else None,
            cursor_shape=cursor.shape,
            focused=focused,
            marked=look[3],
        )
        if len(self._strips) > 500:
            self._strips.clear()
        self._strips[line] = (list(row), look, strip)
        return strip

    def _marks(self, line: int, width: int) -> tuple[tuple[int, int, str], ...]:
        marks: list[tuple[int, int, str]] = []
        scrollback = self.scrollback
        if scrollback.reading or scrollback.typing is not None:
            for place, length in scrollback.hits:
                if place.line == line:
                    marks.append((place.column, place.column + length, self._palette.hit))
        if self.selected is not None:
            start, stop = sorted(self.selected)
            if start.line <= line <= stop.line:
                begin = start.column if line == start.line else 0
                end = stop.column if line == stop.line else width
                marks.append((begin, end, self._palette.selection))
        return tuple(marks)
