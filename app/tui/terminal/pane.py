"""The pane that shows a terminal and types into it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakSet

from textual import events
from textual.content import Content
from textual.message import Message

from app.engine.harmless import printable
from app.setting_kinds import prefix_name
from app.settings import PREFIX
from app.tui import clipboard
from app.tui.terminal.background import Background
from app.tui.terminal.emulator import Modes
from app.tui.terminal.emulators import NoEmulator, load
from app.tui.terminal.keys import encode_focus, encode_key, encode_paste
from app.tui.terminal.local_pty import LocalPty
from app.tui.terminal.model import TerminalModel
from app.tui.terminal.mouse import PaneMouse
from app.tui.terminal.reader import Reader
from app.tui.terminal.view import TerminalView

if TYPE_CHECKING:
    from textual.app import App

    from app.tui.terminal.cast import CastWriter
    from backends.base import Terminal

Opener = Callable[[int, int], Awaitable["Terminal"]]
"""Opens what a pane shows, for columns and rows."""

Typed = Callable[[Modes], bytes]
"""What was typed, as the bytes that a terminal with certain modes sends for it."""

_SLICE = 4096
_SLICE_TIME = 0.002


class TerminalPane(TerminalView, can_focus=True):
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
        super().__init__(TerminalModel(history=history), id=id)
        self._opener = opener
        self.label = label
        self.prefix = prefix
        self.recorder = recorder
        self._wanted_emulator = emulator if emulator != "pyte" else ""
        self._history = history
        self.model.on_reply = self.send
        self.model.on_bell = self._bell
        self.model.on_copy = self._copy_asked
        self.on_typed: Callable[[TerminalPane, Typed], None] = lambda pane, typed: None
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
        self.together = False
        """Whether what is typed into others of its screen goes here, too."""
        self.told = ""
        """What its title says beside its name."""
        self._prefixed = False
        self._reader = Reader(self, search=self.search, copy=self.copy)
        self._serving: asyncio.Task[None] | None = None
        self._rung = False
        self._fitted = (0, 0)
        self._background = Background(self)
        self._mouse = PaneMouse(self, send=self.send, copy=self.copy, runs=lambda: self.source is not None)
        self._early = bytearray()  # typed before there is a program to type into

    # life

    def on_mount(self) -> None:
        """Take the theme's colours."""
        self._background.enter()
        self.take_colours()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.take_colours())
        # a widget that is new when something asks for its place is laid out without a Resize event
        self.screen.screen_layout_refresh_signal.subscribe(self, lambda _screen: self._fit())

    async def on_unmount(self) -> None:
        """Hang up."""
        self.scrollback.end_search()
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
        self._painter.close()
        await self._background.leave()
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
        self._reader.moved(self.scrollback.resize(columns, rows))
        self.repaint_all()
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
        if self.ended:
            self._begin_anew()
        self.ended = ""
        self.retitle()
        self._serving = asyncio.create_task(self._run(), name=f"terminal {self.label}")

    def _begin_anew(self) -> None:
        """Leave the alternate screen that what ended was on, and go below what it printed."""
        if self.model.modes.alternate:
            self.model.feed(b"\x1b[?1049l")
        self.model.feed(b"\x1b[0 q\x1b]2;\x07")
        if self.model.cursor.x:
            self.model.feed(b"\r\n")
        self.ask_to_paint(1)

    async def _run(self) -> None:
        code: int | None = None
        source: Terminal | None = None
        failure = ""
        try:
            await self._take_emulator()
            source = await self._opener(self.model.columns, self.model.lines)
            self.source = source
            if isinstance(source, LocalPty):
                source.on_little = self._show_little
            source.resize(self.model.columns, self.model.lines)
            early, self._early = bytes(self._early), bytearray()
            self.send(early)
            while data := await source.read():
                await self._show(data)
            code = await source.wait()
            self.ended = f"ended with exit code {code}"
        except Exception as error:
            remedy = getattr(error, "remedy", "")
            self.ended = "not opened" if source is None else "broke off"
            # A title has no room for the reason.
            failure = "\r\n".join(printable(line) for line in (str(error), remedy) if line)
        finally:
            self.source = None
            self._early.clear()
            if source is not None:
                await source.close()
        self.model.feed(b"\x18\x1b[!p\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?2004l\x1b[?1004l")
        if failure:
            self.model.feed(("\r\n" * bool(self.model.cursor.x) + failure + "\r\n").encode())
        self.paint()
        self.retitle()
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
        self.repaint_all()

    def _show_little(self, data: bytes) -> bool:
        """Take what answers a key, which waits for no turn of the loop; return whether that was done."""
        background = self._background
        if background.away is not None or not background.attended:
            return False
        if self.recorder is not None:
            self.recorder.output(data)
        self.model.feed(data)
        self.ask_to_paint(len(data))
        return True

    async def _show(self, data: bytes) -> None:
        """Take what was printed, in slices, so that keys are never held up."""
        if self.recorder is not None:
            self.recorder.output(data)
        background = self._background
        if background.away is None and background.floods(len(data)) and not self._looked_at():
            await background.send_away()
        if background.away is not None:
            await background.send_on(background.away, data)
            return
        began = time.monotonic()
        for position in range(0, len(data), _SLICE):
            self.model.feed(data[position : position + _SLICE])
            if time.monotonic() - began > _SLICE_TIME:
                self.ask_to_paint(len(data))
                await asyncio.sleep(0)
                began = time.monotonic()
        self.ask_to_paint(len(data))

    def _looked_at(self) -> bool:
        scrollback = self.scrollback
        looked_at = scrollback.reading or scrollback.view is not None or self.selected is not None
        return looked_at or self._mouse.selecting

    def attend(self) -> None:
        """Emulate it here again, as somebody works with it now."""
        self._background.recall()

    def retitle(self) -> None:
        """Show again what the title says."""
        name = f"● REC {self.label}" if self.recorder is not None else self.label
        if self.together:
            name = f"⇉ {name}"
        if self.model.title and self.model.title != self.label:
            name = f"{name}: {self.model.title}"
        if self.scrollback.typing is not None:
            told = self.scrollback.typed()
        elif self.ended:
            told = f"{self.ended} · enter: again · {prefix_name(self.prefix)} x: close"
        elif self.scrollback.reading:
            told = self._reader.told()
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

    def _type(self, typed: Typed) -> None:
        self._background.typed()
        self.send_typed(typed)
        self.on_typed(self, typed)

    def send_typed(self, typed: Typed) -> None:
        """Type a key or a paste into the program, as its modes want it."""
        self.send(typed(self.model.modes))

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
        scrollback = self.scrollback
        return not (
            scrollback.reading
            or self._prefixed
            or scrollback.typing is not None
            or scrollback.view is not None
            or self.selected is not None
            or not self.only_typed()
        )

    def type_now(self, key: str, character: str | None) -> bool:
        """Type a key, if nothing but typing it is to be done; return whether it was; runs in any thread.

        Args:
            key: Textual's name of it, or the character.
            character: What it types, if anything.
        """
        source = self._typed_into() if key != self.prefix else None
        if source is None:
            return False
        data = key.encode() if key == character else encode_key(key, character, self.model.modes)
        self._background.typed()
        return bool(data) and source.write_now(data)

    def take_key(self, event: events.Key) -> None:
        """Send a key to the program, unless it is meant for the pane."""
        if self.on_hold(event):
            return
        if self.scrollback.typing is not None:
            words = self.scrollback.take_key(event)
            if words is not None:
                self.search(words)
        elif self._prefixed:
            self._prefixed = False
            self._command(event.key, event.character)
        elif event.key == self.prefix:
            self._prefixed = True
        elif self.scrollback.reading:
            self._reader.take_key(event.key)
        elif self.ended:
            if event.key == "enter":
                self.connect()
        else:
            self.select(None)
            self.scrollback.leave()
            self._type(partial(encode_key, event.key, event.character))
            return
        self.retitle()

    def _command(self, key: str, character: str | None) -> None:
        if key == self.prefix:
            self._type(partial(encode_key, key, character))
        elif key in ("left_square_bracket", "pageup"):
            self.read(-self.size.height // 2 if key == "pageup" else 0)
        elif key == "slash":
            self.read(0)
            self.scrollback.typing = ""
        elif key == "y":
            self.copy()
        else:
            self.on_command(self, key)

    def read(self, lines: int) -> None:
        """Look at the scrollback; keys move in it until ``q``."""
        if not self._background.is_here(lambda: self.read(lines)):
            return
        self._reader.begin()
        self.scroll_lines(lines)
        self.repaint_all()

    def scroll_lines(self, count: int) -> None:
        """Move through the scrollback."""
        if self._background.is_here(lambda: self.scroll_lines(count)):
            super().scroll_lines(count)

    def search(self, words: str) -> None:
        """Find text in the scrollback and the screen, and go to the last place, once all are found."""
        if self._background.is_here(lambda: self.search(words)):
            self.scrollback.search(words, f"search {self.label}")

    def on_paste(self, event: events.Paste) -> None:
        """Type what was pasted."""
        event.stop()
        event.prevent_default()
        self.take_paste(event)

    def take_paste(self, event: events.Paste) -> None:
        """Type pasted text."""
        if self.on_hold(event):
            return
        if self.scrollback.typing is not None:
            self.scrollback.typing += event.text.split("\n")[0]
            self.retitle()
            return
        self.scrollback.leave()
        self._type(partial(encode_paste, event.text))

    def on_focus(self) -> None:
        """Tell the program, and show the cursor."""
        self._rung = False
        self.attend()
        self.send(encode_focus(True, self.model.modes))
        self.cursor_changed()

    def on_blur(self) -> None:
        """Tell the program, and show the cursor as one that waits."""
        self._prefixed = False
        self.send(encode_focus(False, self.model.modes))
        self.cursor_changed()

    # selection and mouse

    def copy(self) -> None:
        """Copy what is selected, or all that is seen."""
        if not self._background.is_here(self.copy):
            return
        text = self.selected_text()
        if not clipboard.fits(text):
            self.notify(clipboard.TOO_MUCH, severity="warning")
        elif text:
            self.app.copy_to_clipboard(text)
            self.notify(f"Copied {len(text)} characters.")

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to select, unless the program wants the mouse."""
        if event.button == 1 and event.screen_y == self.region.y:
            return  # its upper edge is the rule between it and what is above
        event.stop()
        self.attend()
        self._mouse.press(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Select, or report."""
        event.stop()
        self._mouse.move(event)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Copy what was selected, or report."""
        event.stop()
        self._mouse.release(event)

    def on_click(self, event: events.Click) -> None:
        """Select a word by two clicks, a line by three."""
        self._mouse.click(event)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll, or tell the program."""
        event.stop()
        self._mouse.wheel_up(event)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll, or tell the program."""
        event.stop()
        self._mouse.wheel_down(event)
