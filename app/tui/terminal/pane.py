"""The pane that shows a terminal and types into it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakSet

from textual import events
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from app.setting_kinds import prefix_name
from app.settings import PREFIX
from app.tui.faults import Contained
from app.tui.later import later
from app.tui.terminal.cells import Cell
from app.tui.terminal.direct import Painter, backed_up
from app.tui.terminal.emulator import Cursor, PyteEmulator
from app.tui.terminal.emulators import NoEmulator, load
from app.tui.terminal.keys import Mouse, encode_focus, encode_key, encode_mouse, encode_paste
from app.tui.terminal.local_pty import LocalPty
from app.tui.terminal.model import LARGEST_COPY, Place, TerminalModel
from app.tui.terminal.painting import Palette, strip_of
from app.tui.terminal.workshop import Away, Workshop

if TYPE_CHECKING:
    from textual.app import App

    from app.tui.terminal.cast import CastWriter
    from backends.base import Terminal

Opener = Callable[[int, int], Awaitable["Terminal"]]
"""Opens what a pane shows, for columns and rows."""

BACKGROUND_FRAME = 1 / 10
FOCUSED_FRAME = 1 / 60
LONGEST_FRAME = 0.15
"""Seconds after which a frame that a program began is shown though it did not end it."""

_FLOOD = 8192
"""Bytes at once from which on frames wait for their turn."""
_SLICE = 4096
_SLICE_TIME = 0.002
_FLOOD_SPAN = 0.25
_MOST_AT_ONCE = 65536
"""Bytes within ``_FLOOD_SPAN`` seconds from which on a background terminal is emulated elsewhere."""
_WHEEL_LINES = 3


class TerminalPane(Contained, Widget, can_focus=True):
    """A terminal: its screen, its scrollback, and a keyboard that leads into it.

    Every key goes to the program but the prefix key; what follows that one is a command of the pane
    (``[`` reads the scrollback, ``/`` searches it, ``y`` copies, the prefix itself is sent) or one of
    the screen around it.

    Args:
        opener: Opens what is shown.
        label: What it is, for the title.
        prefix: The prefix key.
        emulator: Name of what it is emulated by.
        history: Lines of scrollback to keep.
        recorder: What writes down all that is printed.
    """

    DEFAULT_CSS = """
    TerminalPane {
        width: 1fr;
        height: 1fr;
        background: $background;
        border-top: solid $vm-rule;
        border-title-color: $vm-dim;
    }
    TerminalPane:focus {
        border-top: solid $primary;
        border-title-color: $primary;
        border-title-style: bold;
    }
    """
    takes_all_keys: ClassVar[bool] = True
    """No key of the app's is taken before this widget sees it."""
    _told_of_emulator: ClassVar[WeakSet[App[object]]] = WeakSet()
    """Workbenches that said that an emulator is not there: once is enough."""

    class Ended(Message):
        """The program ended, or could not be started."""

        def __init__(self, pane: TerminalPane, code: int | None) -> None:
            super().__init__()
            self.pane = pane
            self.code = code

        @property
        def control(self) -> TerminalPane:
            """The pane."""
            return self.pane

    class CopyAsked(Message):
        """The program wants text copied (OSC 52)."""

        def __init__(self, pane: TerminalPane, text: str) -> None:
            super().__init__()
            self.pane = pane
            self.text = text

        @property
        def control(self) -> TerminalPane:
            """The pane."""
            return self.pane

    def __init__(
        self,
        opener: Opener,
        *,
        label: str = "terminal",
        prefix: str = PREFIX,
        emulator: str = "pyte",
        history: int = 5000,
        recorder: CastWriter | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._opener = opener
        self.label = label
        self.prefix = prefix
        self.recorder = recorder
        self._wanted_emulator = emulator if emulator != "pyte" else ""
        self._history = history
        self.model = TerminalModel(history=history)
        self.model.on_reply = self.send
        self.model.on_bell = self._bell
        self.model.on_copy = self._copy_asked
        self.on_typed: Callable[[TerminalPane, bytes], None] = lambda pane, data: None
        """Called with what was typed or pasted here."""
        self.on_command: Callable[[TerminalPane, str], None] = lambda pane, key: None
        """Called with a key after the prefix that is not the pane's own; at once, so that a focus that it
        moves is moved before the next key comes."""
        self.on_hold: Callable[[events.Key | events.Paste], bool] = lambda event: False
        """Asked with every key and paste whether it is kept for another pane that is about to come."""
        self.only_typed: Callable[[], bool] = lambda: True
        """Asked whether a key for the program is typed into it and no more; by any thread."""
        self.source: Terminal | None = None
        """What is shown, while it runs."""
        self._title_shown = ""
        self.number = 0
        """Its number among the panes of its screen; 0 where it is the only one."""
        self.told = ""
        """What its title says beside its name."""
        self.ended: str = ""
        """Why nothing runs; empty while something does."""
        self.reading = False
        """Whether keys move through the scrollback instead of reaching the program."""
        self._prefixed = False
        self._view: int | None = None
        self._strips: dict[int, tuple[list[Cell], object, Strip]] = {}
        """Strips by the number of their line, with the cells and the look that they were made of."""
        self._cursor_line = 0
        self._painted = 0.0
        self._cost = 0.0
        self._painter = Painter(self)
        self._frame: asyncio.TimerHandle | None = None
        self._words = ""
        self._typing: str | None = None
        self._hits: list[tuple[Place, int]] = []
        self._hit = -1
        self._searching: asyncio.Task[None] | None = None
        self._anchor: Place | None = None
        self._selected: tuple[Place, Place] | None = None
        self._button = 0
        self._serving: asyncio.Task[None] | None = None
        self._rung = False
        self._palette = Palette()
        self._fitted = (0, 0)
        self._workshop: Workshop | None = None
        self._away: Away | None = None
        self._when_back: list[Callable[[], object]] = []
        self._heavy = 0
        self._since = 0.0
        self.hidden = False
        """Whether another screen is shown."""
        self._early = bytearray()  # typed before there is a program to type into

    # life

    def on_mount(self) -> None:
        """Take the theme's colours."""
        self._workshop = Workshop.enter(self.app)
        self._take_colours()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._take_colours())
        # a widget that is new when something asks for its place is laid out without a Resize event
        self.screen.screen_layout_refresh_signal.subscribe(self, lambda _screen: self._fit())

    def _take_colours(self) -> None:
        variables = self.app.get_css_variables()
        self._painter.forget()
        self._palette = Palette(
            foreground=variables["foreground"],
            background=variables["background"],
            dark=self.app.current_theme.dark,
            selection=variables.get("vm-cursor", variables["panel"]),
            hit=variables.get("vm-hit", variables["panel"]),
        )
        self._repaint_all()

    async def on_unmount(self) -> None:
        """Hang up."""
        self._end_search()
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
        self._painter.close()
        if self._away is not None:
            self._away.drop()
        if self._workshop is not None:
            await self._workshop.leave()
        if self.recorder is not None:
            await asyncio.to_thread(self.recorder.close)

    def on_resize(self, event: events.Resize) -> None:
        """Give the program the room there is; the first time, start it."""
        self._fit()

    def _fit(self) -> None:
        columns, rows = self.size.width, self.size.height
        if not columns or not rows or self._fitted == (columns, rows):
            return
        self._fitted = (columns, rows)
        self.model.resize(columns, rows)
        self._view = None if not self.reading else self._view
        self._repaint_all()
        if self.recorder is not None:
            self.recorder.resize(columns, rows)
        if self.source is not None:
            self.source.resize(columns, rows)
        elif self._serving is None:
            self.connect()

    def connect(self) -> None:
        """Start the program, or start it again."""
        if self._serving is not None and not self._serving.done():
            return
        self.ended = ""
        self._title()
        self._serving = asyncio.create_task(self._run(), name=f"terminal {self.label}")

    async def _run(self) -> None:
        code: int | None = None
        source: Terminal | None = None
        try:
            await self._take_emulator()
            source = await self._opener(self.model.columns, self.model.lines)
            self.source = source
            source.resize(self.model.columns, self.model.lines)
            early, self._early = bytes(self._early), bytearray()
            self.send(early)
            while data := await source.read():
                await self._show(data)
            code = await source.wait()
            self.ended = f"ended with exit code {code}"
        except Exception as error:
            remedy = getattr(error, "remedy", "")
            self.ended = f"{error}{f' ({remedy})' if remedy else ''}"
        finally:
            self.source = None
            self._early.clear()
            if source is not None:
                await source.close()
        self.model.feed(b"\x18\x1b[!p\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?2004l\x1b[?1004l")
        self._paint()
        self._title()
        self.post_message(self.Ended(self, code))

    async def _take_emulator(self) -> None:
        """Have the emulator that was asked for, before anything is printed; without it, say so."""
        wanted, self._wanted_emulator = self._wanted_emulator, ""
        if not wanted:
            return
        try:
            make = await asyncio.to_thread(load, wanted)
        except NoEmulator as error:
            if self.app not in self._told_of_emulator:
                self._told_of_emulator.add(self.app)
                told = f"{error.message}\n{error.remedy}"
                self.notify(told, title="Terminal", severity="warning", markup=False)
            return
        self.model.use(make(self.model.columns, self.model.lines, self._history))
        self._repaint_all()

    async def _show(self, data: bytes) -> None:
        """Take what was printed, in slices, so that keys are never held up."""
        if self.recorder is not None:
            self.recorder.output(data)
        if self._away is None and self._floods(len(data)):
            await self._send_away()
        if self._away is not None:
            await self._send_on(self._away, data)
            return
        began = time.monotonic()
        for position in range(0, len(data), _SLICE):
            self.model.feed(data[position : position + _SLICE])
            if time.monotonic() - began > _SLICE_TIME:
                self._ask_to_paint(len(data))
                await asyncio.sleep(0)
                began = time.monotonic()
        self._ask_to_paint(len(data))

    # in the background

    @property
    def _attended(self) -> bool:
        return self.has_focus and not self.hidden

    def _floods(self, size: int) -> bool:
        """Return whether so much is printed that it is better emulated elsewhere, unless somebody looks."""
        now = time.monotonic()
        if now - self._since > _FLOOD_SPAN:
            self._since, self._heavy = now, 0
        self._heavy += size
        looked_at = self.reading or self._view is not None or self._selected or self._anchor is not None
        return self._heavy > _MOST_AT_ONCE and not self._attended and not looked_at

    async def _send_away(self) -> None:
        assert self._workshop is not None
        away = await self._workshop.take(self.model.emulator)
        if away is None:
            return
        away.on_frame, away.on_back = self._paint, self._came_back
        self._away = away
        self.model.use(away)
        if self._attended or self._when_back:
            away.recall()

    async def _send_on(self, away: Away, data: bytes) -> None:
        assert self._workshop is not None
        await self._workshop.still()
        self.model.feed(data)
        await self._workshop.pace(len(data))
        await away.room()

    def _came_back(self, emulator: PyteEmulator, held: bytes, whole: bool) -> None:
        self._away, self._heavy = None, 0
        self.model.use(emulator)
        self.model.feed(held)
        if not self.is_mounted:
            return
        self._paint()
        if not whole:
            self.notify("A part of the workbench ended; the scrollback here is lost.", severity="warning")
        waiting, self._when_back = self._when_back, []
        for action in waiting:
            action()

    def attend(self) -> None:
        """Emulate it here again, as somebody works with it now."""
        if self._away is not None:
            self._away.recall()

    def _is_here(self, action: Callable[[], object]) -> bool:
        """Return whether all of the terminal is here; if not, do something once it is."""
        if self._away is None:
            return True
        self._when_back.append(action)
        self._away.recall()
        return False

    # painting

    def _ask_to_paint(self, size: int) -> None:
        if self._frame is not None:
            return
        # Drawing takes a fifth of the time at most, and what a key brought about waits for nothing else.
        pause = min(5 * self._cost, FOCUSED_FRAME) if self.has_focus else BACKGROUND_FRAME
        since = time.monotonic() - self._painted
        if since >= pause and size < _FLOOD and not self.model.modes.synchronized:
            self._paint()
        else:
            pause = FOCUSED_FRAME if self.has_focus else BACKGROUND_FRAME
            wait = LONGEST_FRAME if self.model.modes.synchronized else max(pause - since, pause / 2)
            self._frame = later(self, wait, self._paint)

    def _paint(self) -> None:
        if self._frame is not None:
            self._frame.cancel()
            self._frame = None
        if not self.is_mounted:
            return
        if backed_up(self.app):
            self._frame = later(self, BACKGROUND_FRAME, self._paint)
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
        top, height = self.view_top, self._painter.size.height
        rows = sorted(line - top for line in changed if 0 <= line - top < height)
        self._tell_cursor(update.cursor)
        if not self._painter.paint(rows):
            for y in rows:
                self.refresh(Region(0, y, self.size.width, 1))
        if self._workshop is not None and self.has_focus:
            self._workshop.answered()
        self._title()
        self._painted = time.monotonic()
        self._cost = self._painted - began

    def _tell_cursor(self, cursor: Cursor) -> None:
        if self.has_focus and self._view is None:
            self._painter.place_cursor(cursor.x, cursor.y)

    def _repaint_all(self) -> None:
        self._strips.clear()
        self.refresh()

    @property
    def view_top(self) -> int:
        """Number of the line at the top of what is seen."""
        if self._view is None:
            return self.model.top
        return max(self._view, self.model.first)

    def render_line(self, y: int) -> Strip:
        """Return one line of what is seen."""
        model, width = self.model, self._painter.size.width
        line = self.view_top + y
        try:
            row = model.line(line)
        except IndexError:
            return strip_of([], width, self._palette)
        cursor = model.cursor
        here = cursor.visible and line == model.top + cursor.y and not self.ended
        focused = self.has_focus and not self.reading
        look = (
            width,
            model.modes.reverse,
            (cursor.x, cursor.shape, focused) if here else None,
            self._marks(line, len(row)) if self._hits or self._selected else (),
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
        if self.reading or self._typing is not None:
            for place, length in self._hits:
                if place.line == line:
                    marks.append((place.column, place.column + length, self._palette.hit))
        if self._selected is not None:
            start, stop = sorted(self._selected)
            if start.line <= line <= stop.line:
                begin = start.column if line == start.line else 0
                end = stop.column if line == stop.line else width
                marks.append((begin, end, self._palette.selection))
        return tuple(marks)

    def retitle(self) -> None:
        """Show again what the title says, after its recorder changed."""
        self._title()

    def _title(self) -> None:
        name = f"● REC {self.label}" if self.recorder is not None else self.label
        if self.model.title and self.model.title != self.label:
            name = f"{name}: {self.model.title}"
        if self._typing is not None:
            told = f"/{self._typing}▏"
        elif self.ended:
            told = f"{self.ended} · enter: again · {prefix_name(self.prefix)} x: close"
        elif self.reading:
            above = self.model.top - self.view_top
            hits = f" · {self._hit + 1} of {len(self._hits)}" if self._words else ""
            hits = " · searching …" if self._searching is not None else hits
            told = f"{above} lines up{hits} · / search · q: back"
        elif self._prefixed:
            told = f"{prefix_name(self.prefix)} …"
        else:
            told = ""
        self.told = told
        shown = f"{'! ' if self._rung else ''}{name}{' · ' if told else ''}{told}"
        number = f"{self.number} " if self.number else ""
        if number + shown != self._title_shown:  # a new title paints the whole pane
            self._title_shown = number + shown
            self.border_title = Content.assemble((number, "dim"), shown)

    def _copy_asked(self, text: str) -> None:
        self.post_message(self.CopyAsked(self, text))

    def _bell(self) -> None:
        if self.has_focus:
            self.app.bell()
        else:
            self._rung = True

    # keys

    def send(self, data: bytes) -> None:
        """Type bytes into the program; while it is being started they wait for it."""
        if self.source is not None and data:
            self.source.write(data)
            if self.recorder is not None:
                self.recorder.input(data)
        elif not self.ended:
            self._early += data

    def _type(self, data: bytes) -> None:
        self._tell_typed()
        self.send(data)
        self.on_typed(self, data)

    async def on_key(self, event: events.Key) -> None:
        """Take a key that came through the app."""
        event.stop()
        event.prevent_default()
        focused = self.screen.focused
        if focused is not self and isinstance(focused, TerminalPane):
            focused.post_message(event.copy())  # typed right after the key that moved the focus
        else:
            self.take_key(event)

    def _typed_into(self) -> LocalPty | None:
        """Return what a key goes into now if nothing else is to be done with it; asked in any thread."""
        source = self.source
        if isinstance(source, LocalPty) and self.recorder is None and self._only_types():
            return source
        return None

    def _only_types(self) -> bool:
        return not (
            self.reading
            or self._prefixed
            or self._typing is not None
            or self._view is not None
            or self._selected is not None
            or not self.only_typed()
        )

    def takes_text(self) -> bool:
        """Return whether a printable character is only typed; asked by any thread."""
        return self.source is not None and "+" in self.prefix and self._only_types()

    def take_text(self, character: str) -> None:
        """Type a printable character."""
        self._type(character.encode())

    def type_text(self, character: str, note: Callable[[], None]) -> bool:
        """Type a character at once, if it is only typed; ``note`` is called first; runs in any thread."""
        source = self._typed_into() if "+" in self.prefix else None
        if source is None:
            return False
        note()
        self._tell_typed()
        return source.write_now(character.encode())

    def _tell_typed(self) -> None:
        if self._workshop is not None:
            self._workshop.typed()

    def type_now(self, event: events.Key) -> bool:
        """Type a key at once if the program gets it and nothing else is to be done; runs in any thread."""
        source = self._typed_into() if event.key != self.prefix else None
        if source is None:
            return False
        data = encode_key(event.key, event.character, self.model.modes)
        self._tell_typed()
        return bool(data) and source.write_now(data)

    def take_key(self, event: events.Key) -> None:
        """Send a key to the program, unless it is meant for the pane."""
        if self.on_hold(event):
            return
        if self._typing is not None:
            self._search_key(event)
        elif self._prefixed:
            self._prefixed = False
            self._command(event.key, event.character)
        elif event.key == self.prefix:
            self._prefixed = True
        elif self.reading:
            self._read_key(event.key)
        elif self.ended:
            if event.key == "enter":
                self.connect()
        else:
            self._select(None)
            self._leave_view()
            self._type(encode_key(event.key, event.character, self.model.modes))
            return
        self._title()

    def _command(self, key: str, character: str | None) -> None:
        if key == self.prefix:
            self.send(encode_key(key, character, self.model.modes))
        elif key in ("left_square_bracket", "pageup"):
            self.read(-self.size.height // 2 if key == "pageup" else 0)
        elif key == "slash":
            self.read(0)
            self._typing = ""
        elif key == "y":
            self.copy()
        else:
            self.on_command(self, key)

    def read(self, lines: int) -> None:
        """Look at the scrollback; keys move in it until ``q``."""
        if not self._is_here(lambda: self.read(lines)):
            return
        self.reading = True
        if self._view is None:
            self._view = self.model.top
        self.scroll_lines(lines)
        self._repaint_all()

    def scroll_lines(self, count: int) -> None:
        """Move through the scrollback."""
        if not self._is_here(lambda: self.scroll_lines(count)):
            return
        target = max(self.model.first, min(self.view_top + count, self.model.top))
        self._view = target if target < self.model.top or self.reading else None
        self.refresh()
        self._title()

    def _leave_view(self) -> None:
        if self._view is not None or self.reading:
            self._end_search()
            self._view, self.reading = None, False
            self._hits, self._words = [], ""
            self._repaint_all()

    def _read_key(self, key: str) -> None:
        page = max(self.size.height - 1, 1)
        steps = {"up": -1, "k": -1, "down": 1, "j": 1, "pageup": -page, "ctrl+b": -page, "pagedown": page}
        steps |= {"ctrl+f": page, "space": page, "home": -(10**9), "g": -(10**9), "end": 10**9, "G": 10**9}
        if key in steps:
            self.scroll_lines(steps[key])
        elif key == "slash":
            self._typing = ""
        elif key in ("n", "N"):
            self._go_to_hit(-1 if key == "n" else 1)
        elif key == "y":
            self.copy()
        elif key in ("q", "escape", "enter"):
            self._leave_view()

    def _search_key(self, event: events.Key) -> None:
        assert self._typing is not None
        if event.key == "enter":
            words, self._typing = self._typing, None
            self.search(words)
        elif event.key == "escape":
            self._typing = None
        elif event.key == "backspace":
            self._typing = self._typing[:-1]
        elif event.character is not None and event.is_printable:
            self._typing += event.character

    def search(self, words: str) -> None:
        """Find text in the scrollback and the screen, and go to the last place, once all are found."""
        if not self._is_here(lambda: self.search(words)):
            return
        self._end_search()
        self.reading = True
        if self._view is None:
            self._view = self.model.top
        self._words, self._hits, self._hit = words, [], -1
        self._searching = asyncio.create_task(self._search(words), name=f"search {self.label}")
        self._repaint_all()

    async def _search(self, words: str) -> None:
        hits: list[tuple[Place, int]] = []
        began = time.monotonic()
        for found in self.model.scan(words):
            hits += found
            if time.monotonic() - began > _SLICE_TIME:
                await asyncio.sleep(0)
                began = time.monotonic()
        self._searching = None
        self._hits, self._hit = hits, len(hits)
        if hits:
            self._go_to_hit(-1)
        else:
            self._hit = -1
        self._repaint_all()
        self._title()

    def _end_search(self) -> None:
        if self._searching is not None:
            self._searching.cancel()
            self._searching = None

    def _go_to_hit(self, step: int) -> None:
        if not self._hits:
            return
        self._hit = (self._hit + step) % len(self._hits)
        line = self._hits[self._hit][0].line
        if not self.view_top <= line < self.view_top + self.size.height:
            self._view = max(self.model.first, min(line - self.size.height // 2, self.model.top))
        self._repaint_all()

    def on_paste(self, event: events.Paste) -> None:
        """Type what was pasted."""
        event.stop()
        event.prevent_default()
        self.take_paste(event)

    def take_paste(self, event: events.Paste) -> None:
        """Type pasted text."""
        if self.on_hold(event):
            return
        if self._typing is not None:
            self._typing += event.text.split("\n")[0]
            self._title()
            return
        self._leave_view()
        self._type(encode_paste(event.text, self.model.modes))

    def on_focus(self) -> None:
        """Tell the program, and show the cursor."""
        self._rung = False
        self.attend()
        self.send(encode_focus(True, self.model.modes))
        self._cursor_changed()

    def on_blur(self) -> None:
        """Tell the program, and show the cursor as one that waits."""
        self._prefixed = False
        self.send(encode_focus(False, self.model.modes))
        self._cursor_changed()

    def _cursor_changed(self) -> None:
        self.refresh(Region(0, max(self._cursor_line - self.view_top, 0), max(self.size.width, 1), 1))
        self._title()

    # selection and mouse

    def copy(self) -> None:
        """Copy what is selected, or all that is seen."""
        if not self._is_here(self.copy):
            return
        if self._selected is not None:
            start, stop = sorted(self._selected)
        else:
            start = Place(self.view_top, 0)
            stop = Place(self.view_top + self.size.height - 1, self.model.columns)
        text = self.model.text(start, stop)
        if len(text.encode()) > LARGEST_COPY:
            self.notify(f"More than {LARGEST_COPY // 1000} kB is too much to copy.", severity="warning")
        elif text:
            self.app.copy_to_clipboard(text)
            self.notify(f"Copied {len(text)} characters.")

    def _select(self, selection: tuple[Place, Place] | None) -> None:
        if selection != self._selected:
            self._selected = selection
            self._repaint_all()

    def _place(self, event: events.MouseEvent) -> Place:
        """Return the cell under the mouse; the border's is the nearest one."""
        offset = event.get_content_offset_capture(self)
        y = max(0, min(offset.y, self.size.height - 1))
        return Place(self.view_top + y, max(0, min(offset.x, self.size.width)))

    def _report(self, what: Mouse, button: int, event: events.MouseEvent) -> bool:
        """Report the mouse to the program; return whether it wants such reports at all."""
        modes = self.model.modes
        if not modes.mouse or event.shift or self._view is not None or self.source is None:
            return False
        place = self._place(event)
        x, y = min(place.column, self.size.width - 1), place.line - self.model.top
        self.send(encode_mouse(what, button, x, y, modes, alt=event.meta, ctrl=event.ctrl))
        return True

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to select, unless the program wants the mouse; shift takes it from the program."""
        if event.button == 1 and event.screen_y == self.region.y:
            return  # its upper edge is the rule between it and what is above
        event.stop()
        self.attend()
        self._button = event.button
        if self._report(Mouse.PRESS, event.button, event):
            return
        if event.button == 1:
            self.capture_mouse()
            self._anchor = self._place(event)
            self._select(None)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Select, or report."""
        event.stop()
        if self._anchor is not None:
            offset = event.get_content_offset_capture(self)
            if offset.y < 0:
                self.scroll_lines(-1)
            elif offset.y >= self.size.height:
                self.scroll_lines(1)
            self._select((self._anchor, self._place(event)))
        else:
            self._report(Mouse.MOVE, event.button or self._button, event)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Copy what was selected, or report."""
        event.stop()
        button, self._button = self._button, 0
        if self._anchor is not None:
            self.release_mouse()
            self._anchor = None
            if self._selected is not None and self._selected[0] != self._selected[1]:
                self.copy()
        else:
            self._report(Mouse.RELEASE, button, event)

    def on_click(self, event: events.Click) -> None:
        """Select a word by two clicks, a line by three."""
        if event.chain < 2 or (self.model.modes.mouse and not event.shift):
            return
        place = self._place(event)
        if event.chain == 2:
            self._select(self.model.word_at(place))
        else:
            self._select((Place(place.line, 0), Place(place.line, self.model.columns)))
        self.copy()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll, or tell the program."""
        self._wheel(event, Mouse.WHEEL_UP, -_WHEEL_LINES, "up")

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll, or tell the program."""
        self._wheel(event, Mouse.WHEEL_DOWN, _WHEEL_LINES, "down")

    def _wheel(self, event: events.MouseEvent, what: Mouse, lines: int, key: str) -> None:
        event.stop()
        modes = self.model.modes
        if self._report(what, 0, event):
            return
        if modes.alternate and modes.alternate_scroll and not self.reading and not event.shift:
            self.send(encode_key(key, None, modes) * _WHEEL_LINES)
        else:
            self.scroll_lines(lines)
