"""The outer terminal past Textual's queues: rows written straight to it, keys taken before they wait.

What is known of Textual's inside is known here and in the driver, for the versions named there; with any
other, and wherever a gate is shut, painting and keys go Textual's own way.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import select
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from textual import events
from textual.app import App
from textual.color import Color
from textual.drivers._writer_thread import WriterThread
from textual.geometry import Offset, Region, Size
from textual.keys import _character_to_key
from textual.message import Message
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from app.tui.broken import fault_of
from app.tui.driver import OuterDriver, known
from app.tui.feel import Ear

MOST_WAITING = 3
"""Pieces that wait for the outer terminal, from which on frames are dropped: 30 would block the app."""


_LONGEST_BARRIER = 0.5
"""Seconds after which keys wait no longer for what was read before them to be acted on."""

_CUT_LIMIT = 0.05
"""Seconds to wait for room for the end of a character."""


def _driver(app: App[Any]) -> OuterDriver | None:
    """Return the driver of a real terminal in full-screen mode, if that is what the app has."""
    driver = app._driver
    return driver if isinstance(driver, OuterDriver) and known() else None


def backed_up(app: App[Any]) -> bool:
    """Return whether the outer terminal does not keep up with what is written to it."""
    driver = _driver(app)
    writer = driver._writer_thread if driver is not None else None
    return writer is not None and writer._queue.qsize() >= MOST_WAITING


class _Outlet:
    """A way to the outer terminal beside Textual's writer thread, taken while that one has nothing to do.

    It is an opening of the terminal of its own, which never blocks.
    """

    def __init__(self) -> None:
        self._fd = -1
        self._writer: WriterThread | None = None

    def write(self, driver: OuterDriver, text: str) -> None:
        """Write, or leave what cannot be written now to the driver."""
        writer = driver._writer_thread
        if writer is not self._writer:
            self.close()
            self._writer, self._fd = writer, _open_terminal(driver)
        if self._fd < 0 or writer is None or not _idle(writer):
            driver.write(text)
            return
        data = text.encode(errors="backslashreplace")
        try:
            written = os.write(self._fd, data)
        except OSError:
            written = 0
        ear: object = driver._file
        if isinstance(ear, Ear):
            ear.beside(text)
        if written < len(data):
            written += self._end_character(data[written : written + 3])
            driver.write(data[written:].decode(errors="ignore"))

    def _end_character(self, rest: bytes) -> int:
        """Write the end of a character that was cut, and return of how many bytes it is."""
        cut = 0
        while cut < len(rest) and rest[cut] & 0xC0 == 0x80:
            cut += 1
        with contextlib.suppress(OSError):
            if cut and select.select([], [self._fd], [], _CUT_LIMIT)[1]:
                os.write(self._fd, rest[:cut])
        return cut

    def close(self) -> None:
        """Close the terminal. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._writer = -1, None


def _open_terminal(driver: OuterDriver) -> int:
    file = driver._file
    if file is None:
        return -1
    try:
        name = os.ttyname(file.fileno())
        return os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return -1


def _idle(writer: WriterThread) -> bool:
    """Return whether all was written and the thread waits for more."""
    queue = writer._queue
    waiting = getattr(queue.not_empty, "_waiters", None)
    return bool(waiting) and not queue.qsize()


class Painter:
    """Writes rows of a widget straight to the outer terminal.

    Args:
        widget: The widget; its ``render_line`` gives the rows.
    """

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._outlet = _Outlet()
        self._seen: object = None
        self._clear = False
        self._plain = False
        self._background = Color(0, 0, 0)
        self._content = Region()
        self._gutter = 0
        self._lines = 0
        self._columns = 0
        self._last_size: object = None
        self._size = Size()

    @property
    def size(self) -> Size:
        """The size of the widget's content; quicker than asking the widget, which asks all its styles."""
        size = self._widget._size
        if size is not self._last_size:
            self._last_size, self._size = size, self._widget.size
        return self._size

    def place_cursor(self, x: int, y: int) -> None:
        """Put the outer terminal's own cursor, which is hidden, where input methods look for it."""
        content = self._content
        self._widget.app.cursor_position = Offset(content.x + x, content.y + y)

    def forget(self) -> None:
        """Look at the widget's colours and its place anew."""
        self._seen = None
        self._last_size = None

    def paint(self, rows: Sequence[int]) -> bool:
        """Write rows of the widget's content, counted from its top.

        What the compositor keeps of the widget is renewed with it, so that both always agree.

        Returns:
            Whether that was done; if not, the widget has to be refreshed.
        """
        widget = self._widget
        app = widget.app
        driver = _driver(app)
        if driver is None or not rows or fault_of(widget) is not None or not self._open(app, driver):
            return False
        console = app.console
        left, top = self._content.x + 1, self._content.y + 1
        parts = [
            f"\x1b[{top + y};{left}H{strip.render(console)}"
            for y, strip in zip(rows, self._strips(app, rows), strict=True)
        ]
        x, y = app.cursor_position
        cursor = Offset(min(max(x, 0), self._columns - 1), min(max(y, 0), self._lines - 1))
        app._previous_cursor_position = cursor
        parts.append(f"\x1b[{cursor.y + 1};{cursor.x + 1}H")
        if len(parts) > 2 and app._sync_available:
            parts = ["\x1b[?2026h", *parts, "\x1b[?2026l"]
        self._outlet.write(driver, "".join(parts))
        return True

    def close(self) -> None:
        """Let go of the terminal. Idempotent."""
        self._outlet.close()

    def _strips(self, app: App[Any], rows: Sequence[int]) -> list[Strip]:
        """Return rows as the compositor would show them, and have it ask for them again."""
        widget, gutter = self._widget, self._gutter
        if not self._plain:
            return self._composed(rows)
        widget._styles_cache._dirty_lines.update([gutter + y for y in rows])
        strips = [widget.render_line(y) for y in rows]
        for line_filter in app.get_line_filters():
            strips = [strip.apply_filter(line_filter, self._background) for strip in strips]
        return strips

    def _composed(self, rows: Sequence[int]) -> list[Strip]:
        widget, gutter = self._widget, self._gutter
        widget._styles_cache._dirty_lines.update([gutter + y for y in rows])
        first, last = min(rows), max(rows)
        region = Region(0, gutter + first, widget.region.width, last - first + 1)
        strips = widget.render_lines(region)
        return [strips[y - first] for y in rows]

    def _open(self, app: App[Any], driver: OuterDriver) -> bool:
        """Return whether what is written over the widget's region is what the compositor would show there."""
        if not app._running or app._closed or app._batch_count or app._exit:
            return False
        writer = driver._writer_thread
        if writer is None or not writer.is_alive():  # the screen is given to another program
            return False
        screen = app.screen
        if screen._layout_required or screen._repaint_required:
            return False
        visible = screen._compositor.visible_widgets
        if visible is not self._seen:  # made anew whenever anything moved, appeared or went
            self._seen, self._clear = visible, self._uncovered(visible)
            if self._clear:
                self._look(app)
        return self._clear

    def _uncovered(self, visible: dict[Widget, tuple[Region, Region]]) -> bool:
        if self._widget not in visible:
            return False
        region, clip = visible[self._widget]
        if region != self._widget.region or not clip.contains_region(region):
            return False
        for other, (place, _clip) in visible.items():  # what is on top comes first
            if other is self._widget:
                return True
            if place.overlaps(region):
                return False
        return False

    def _look(self, app: App[Any]) -> None:
        """Note where the content is, and whether styles change a line that the widget made."""
        widget = self._widget
        self._content = widget.content_region
        self._gutter = widget.gutter.top
        self._columns, self._lines = app.screen.outer_size
        self._background = widget.background_colors[1]
        self._plain = True
        composed, console = self._composed([0]), app.console
        plain = self._strips(app, [0])
        self._plain = composed[0].render(console) == plain[0].render(console)


class KeyTaker(Protocol):
    """A widget that takes keys at once."""

    def type_now(self, key: str, character: str | None) -> bool:
        """Type a key from the input thread, if nothing but typing it is to be done; return whether it was.

        Args:
            key: Textual's name of it, or the character.
            character: What it types, if anything.
        """
        ...

    def take_key(self, event: events.Key) -> None:
        """Act on a key."""
        ...

    def call_later(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
        """Call back when everything sent to the widget before was acted on."""
        ...


class Keyboard:
    """Hands keys to the focused terminal as they are read, past the queues of the app and of the widget.

    A key that is only typed is written by the input thread itself; one that means more is acted on in the
    event loop. Whatever else that thread reads goes its usual way, and what is read after it waits until it
    was acted on; therefore the order holds, and a key never overtakes what moves the focus.

    Args:
        screen: The screen that is typed into.
        accept: Returns the focused widget as what takes keys at once, or nothing; called by both threads.
    """

    def __init__(self, screen: Screen[Any], accept: Callable[[Widget], KeyTaker | None]) -> None:
        self._app = app = screen.app
        self._screen = screen
        self._accept = accept
        self._stacks, self._of_app, self._of_screen = app._screen_stacks, vars(app), vars(screen)
        self._handed = 0
        self._done = 0
        """How much the input thread handed on to the event loop, and how much of it was acted on there."""
        self._waiting: deque[Message] = deque()
        self._barrier = 0
        """Number of what went into the app's queue and was not acted on yet; 0 for nothing."""
        self._barriers = 0
        self._driver: OuterDriver | None = None
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()

    def attach(self) -> bool:
        """Take the keys from now on; return whether that can be."""
        driver = _driver(self._app)
        if driver is None or "send_message" in vars(driver):
            return False
        self._driver = driver
        setattr(driver, "send_message", self._read)  # noqa: B010 - a method, as far as mypy knows
        setattr(driver, "quick", self._quick)  # noqa: B010
        setattr(driver, "keys_go_on", self._goes_on)  # noqa: B010
        return True

    def detach(self) -> None:
        """Let the keys go their usual way. Idempotent."""
        driver, self._driver = self._driver, None
        if driver is not None:
            delattr(driver, "send_message")
            delattr(driver, "quick")
            delattr(driver, "keys_go_on")

    def taker(self) -> KeyTaker | None:
        """Return who takes keys at once now, or nothing; called by both threads."""
        # Reactive attributes and properties would take a good part of the time from a key to its program.
        stack = self._stacks.get(self._app._current_mode)
        if not stack or stack[-1] is not self._screen or not self._of_app.get("_reactive_app_focus", True):
            return None
        focused = self._of_screen.get("_reactive_focused")
        if focused is None or self._of_screen.get("_reactive_maximized") is not None:
            return None
        return self._accept(focused)

    def _quick(self, character: str) -> bool:
        """Take a character that was read alone; runs in the thread that reads."""
        if self._handed != self._done:
            return False
        taker, driver = self.taker(), self._driver
        if taker is None or driver is None:
            return False
        ear: object = driver._file
        if isinstance(ear, Ear):
            ear.typed(time.monotonic(), character)
        if not taker.type_now(character, character):
            self._hand_on(events.Key(_character_to_key(character), character))
        return True

    def _goes_on(self) -> bool:
        """Return whether a terminal has the keyboard; runs in the thread that reads."""
        return self.taker() is not None

    def _read(self, message: Message) -> None:
        """Take what the input thread read; runs in that thread."""
        if isinstance(message, events.Key) and self._handed == self._done:
            taker = self.taker()
            if taker is not None and taker.type_now(message.key, message.character):
                return
        self._hand_on(message)

    def _hand_on(self, message: Message) -> None:
        """Have something acted on in the event loop; runs in the thread that reads."""
        self._handed += 1
        self._loop.call_soon_threadsafe(self._arrived, message, context=self._context)

    def _arrived(self, message: Message) -> None:
        self._waiting.append(message)
        self._go_on()

    def _go_on(self) -> None:
        """Act on what waits, one after the other."""
        while self._waiting and not self._barrier:
            message = self._waiting.popleft()
            taker = self.taker() if isinstance(message, events.Key) else None
            if taker is not None and isinstance(message, events.Key):
                try:
                    taker.take_key(message)
                except Exception as error:
                    self._app._handle_exception(error)
                self._done += 1
            else:
                self._post(message)

    def _post(self, message: Message) -> None:
        """Send a message its usual way; what is read after it waits until it was acted on."""
        app = self._app
        app.post_message(message)
        if isinstance(message, events.MouseMove):
            self._done += 1
            return
        self._barriers += 1
        self._barrier = barrier = self._barriers
        if app.call_later(self._after, barrier, None):
            # A widget that goes away may take the barrier in its queue along.
            self._loop.call_later(_LONGEST_BARRIER, self._acted, barrier, context=self._context)
        else:
            self._barrier, self._done = 0, self._done + 1

    def _after(self, barrier: int, done: KeyTaker | None) -> None:
        """Go on to who has the focus, now that the app or who had it before acted on all until here."""
        taker = self.taker()
        if taker is None or taker is done or not taker.call_later(self._after, barrier, taker):
            self._acted(barrier)

    def _acted(self, barrier: int) -> None:
        if self._barrier == barrier:
            self._barrier, self._done = 0, self._done + 1
            self._go_on()
