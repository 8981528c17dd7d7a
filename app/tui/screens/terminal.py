"""The terminal screen: one or more panes, split, maximised, closed by keys after the prefix."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widgets import Static

from app.tui.screens.base import VmScreen
from app.tui.screens.dialogs import Confirm
from app.tui.terminal.cast import CastWriter
from app.tui.terminal.pane import PREFIX, Opener, TerminalPane
from app.tui.terminal.splits import Direction, Splits


class Panes(Container):
    """The room that the panes share.

    Args:
        first: The first pane.
    """

    DEFAULT_CSS = """
    Panes { height: 1fr; background: $vm-rule; }
    Panes > TerminalPane { position: absolute; }
    """

    def __init__(self, first: TerminalPane) -> None:
        super().__init__(first)
        self.splits = Splits(first)
        self.zoomed: TerminalPane | None = None

    def on_resize(self) -> None:
        """Share the room anew."""
        self.place()

    def place(self) -> None:
        """Give every pane its place."""
        size = self.size
        places = self.splits.arrange(size.width, size.height)
        if self.zoomed is not None:
            places[self.zoomed] = size.region
        for pane, place in places.items():
            pane.display = self.zoomed in (None, pane)
            pane.styles.offset = (place.x, place.y)
            pane.styles.width, pane.styles.height = place.width, place.height


class TerminalScreen(VmScreen):
    """Terminals in panes.

    Every key goes to the program in the focused pane. After the prefix key: ``%`` or ``|`` splits to the
    right, ``"`` or ``-`` below, ``o`` or an arrow goes to another pane, ``z`` maximises, ``b`` types into
    all panes, ``x`` closes, ``d`` or escape leaves the screen.

    Args:
        opener: Opens one more of what the panes show.
        label: What that is.
        prefix: The prefix key.
        recordings: Folder to record every pane in; ``None`` records nothing.
        release: Called when the last terminal is hung up.
    """

    DEFAULT_CSS = """
    TerminalScreen { layout: vertical; }
    TerminalScreen #keys { height: 1; padding: 0 1; background: $panel; color: $vm-dim; }
    """
    BINDINGS: ClassVar[list[BindingType]] = []
    NAME = "Terminals"
    PURPOSE = (
        "Terminals in a machine. Every key reaches the program in the focused pane; the prefix key and then "
        "another one is for the workbench."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = []

    def __init__(
        self,
        opener: Opener,
        *,
        label: str,
        prefix: str = PREFIX,
        recordings: Path | None = None,
        release: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__()
        self._opener = opener
        self._label = label
        self._prefix = prefix
        self._recordings = recordings
        self._release = release
        self._opened = 0
        self._asking = False
        self.broadcast = False
        """Whether what is typed goes to every pane."""

    def compose(self) -> ComposeResult:
        """Make the first pane."""
        yield Panes(self._make_pane())
        yield Static(id="keys", markup=False)

    def on_mount(self) -> None:
        """Begin in it."""
        self.panes[0].focus()
        self._tell_keys()

    async def on_unmount(self) -> None:
        """Let go of what the terminals were in; they are hung up before."""
        if self._release is not None:
            await self._release()

    def _make_pane(self) -> TerminalPane:
        self._opened += 1
        label = self._label if self._opened == 1 else f"{self._label} {self._opened}"
        recorder = None
        if self._recordings is not None:
            recorder = CastWriter(self._recordings / f"terminal-{self._opened}.cast", 80, 24, title=label)
        pane = TerminalPane(self._opener, label=label, prefix=self._prefix, recorder=recorder)
        pane.on_typed = self._typed
        pane.on_command = self._command
        return pane

    @property
    def panes(self) -> list[TerminalPane]:
        """The panes, from the upper left on."""
        return self._room.splits.panes

    @property
    def _room(self) -> Panes:
        return self.query_one(Panes)

    @property
    def current(self) -> TerminalPane | None:
        """The focused pane."""
        return self.focused if isinstance(self.focused, TerminalPane) else None

    def _tell_keys(self) -> None:
        key = self._prefix.replace("ctrl+", "^")
        words = (
            f'{key} then: % right  " below  o next  z zoom  b all  [ scroll  / find  x close  0-9 go  d leave'
        )
        self.query_one("#keys", Static).update(
            f"typing into all panes · {words}" if self.broadcast else words
        )

    def _typed(self, pane: TerminalPane, data: bytes) -> None:
        if self.broadcast:
            for other in self.panes:
                if other is not pane:
                    other.send(data)

    def _command(self, pane: TerminalPane, key: str) -> None:
        if key in ("percent_sign", "vertical_line"):
            self.call_later(self.split, pane, "right")
        elif key in ("quotation_mark", "minus"):
            self.call_later(self.split, pane, "below")
        elif key in ("o", "tab", "right", "down"):
            self.focus_pane(1)
        elif key in ("left", "up", "shift+tab"):
            self.focus_pane(-1)
        elif key == "z":
            self.zoom(pane)
        elif key == "b":
            self.broadcast = not self.broadcast
            self._tell_keys()
        elif key == "x":
            self._ask_to_close(pane)
        elif key.isdecimal() and len(key) == 1:
            self.app.call_later(self.app.run_action, f"go_digit('{key}')")
        elif key in ("d", "escape"):
            self._ask_to_leave()
        else:
            self.notify("No such key after the prefix; the last line names them.", severity="warning")

    async def split(self, pane: TerminalPane, direction: Direction) -> None:
        """Open one more pane beside or below another."""
        room = self._room
        room.zoomed = None
        fresh = self._make_pane()
        room.splits.add(pane, fresh, direction)
        await room.mount(fresh)
        room.place()
        fresh.focus()

    def focus_pane(self, step: int) -> None:
        """Go to another pane; what was maximised is then that one."""
        panes, current = self.panes, self.current
        place = panes.index(current) if current in panes else 0
        target = panes[(place + step) % len(panes)]
        if self._room.zoomed is not None:
            self._room.zoomed = target
            self._room.place()
        self.set_focus(target)

    def zoom(self, pane: TerminalPane) -> None:
        """Give a pane the whole screen, and back."""
        room = self._room
        room.zoomed = pane if room.zoomed is None and len(self.panes) > 1 else None
        room.place()

    def _ask_to_close(self, pane: TerminalPane) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self.close_pane(pane), exit_on_error=False)

        if pane.source is None:
            answered(True)
        else:
            loss = "The program in it is hung up; what it did in the machine stays."
            self.app.push_screen(Confirm("Close this terminal?", loss, yes="Close", no="Stay"), answered)

    async def close_pane(self, pane: TerminalPane) -> None:
        """Close a pane, and the screen with the last one."""
        if len(self.panes) == 1:
            self.dismiss()
            return
        room = self._room
        room.zoomed = None
        self.focus_pane(-1)
        room.splits.remove(pane)
        await pane.remove()
        room.place()

    def _ask_to_leave(self) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.dismiss()

        running = sum(pane.source is not None for pane in self.panes)
        if not running:
            self.dismiss()
            return
        loss = f"{running} running in it {'is' if running == 1 else 'are'} hung up; the machine stays."
        self.app.push_screen(Confirm("Leave the terminals?", loss, yes="Leave", no="Stay"), answered)

    @on(TerminalPane.CopyAsked)
    def _copy_asked(self, event: TerminalPane.CopyAsked) -> None:
        if self._asking:
            return
        self._asking = True

        def answered(yes: bool | None) -> None:
            self._asking = False
            if yes:
                self.app.copy_to_clipboard(event.text)
                self.notify(f"Copied {len(event.text)} characters.")

        shown = event.text[:200] + ("…" if len(event.text) > 200 else "")
        question = f"Let {event.pane.label} put this on the clipboard?"
        self.app.push_screen(Confirm(question, shown, yes="Copy", no="Refuse"), answered)
