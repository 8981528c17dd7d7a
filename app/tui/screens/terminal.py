"""The terminal screen: one or more panes, split, maximised, closed by keys after the prefix."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from app.engine.state import StepState
from app.settings import PREFIX
from app.tui.screens.base import VmScreen
from app.tui.screens.dialogs import Confirm
from app.tui.terminal.machine_source import MachineTerminals
from app.tui.terminal.pane import Opener, TerminalPane
from app.tui.terminal.recording import Recording
from app.tui.terminal.seat import NewTests, Seat
from app.tui.terminal.splits import Direction
from app.tui.terminal.terminal_room import PURPOSE, TerminalRoom
from app.tui.widgets.gauge import Gauge
from app.tui.widgets.prefix_keys import PrefixKeys

KEYS = {
    "terminal.new": "more",
    "terminal.right": "right",
    "terminal.below": "below",
    "terminal.next": "next",
    "terminal.zoom": "zoom",
    "terminal.read": "scroll",
    "terminal.leave": "leave",
    "terminal.help": "keys",
}
"""What is named at the bottom."""


class TerminalScreen(VmScreen):
    """Terminals in panes.

    Every key goes to the program in the focused pane; what follows the prefix key is one of the scope
    ``terminal`` in the table of keys.

    Args:
        opener: Opens one more of what the panes show.
        label: What that is.
        machine: The machine that it is in, for its console and for commands; ``None`` where there is none.
        prefix: The prefix key.
        emulator: Name of what they are emulated by.
        recording: How panes are recorded; ``None`` where they cannot be.
        test: The test whose machine it is, if any: its steps become markers of recordings.
        new_tests: Where tests go that are recorded; ``None`` where they cannot be.
        release: Called when the last terminal is hung up.
        shape: How its panes shared the room earlier.
    """

    DEFAULT_CSS = """
    TerminalScreen { layout: vertical; }
    TerminalScreen #keys-line { height: 1; background: $panel; }
    TerminalScreen #keys { width: 1fr; height: 1; padding: 0 1; color: $vm-dim; }
    """
    BINDINGS: ClassVar[list[BindingType]] = []
    NAME = "Terminals"
    PURPOSE = PURPOSE
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [("After the prefix key", "terminal")]

    def __init__(
        self,
        opener: Opener,
        *,
        label: str,
        machine: MachineTerminals | None = None,
        prefix: str = PREFIX,
        emulator: str = "pyte",
        recording: Recording | None = None,
        test: str = "",
        new_tests: NewTests | None = None,
        release: Callable[[], Awaitable[None]] | None = None,
        shape: object = None,
    ) -> None:
        super().__init__()
        self._prefix = prefix
        self._release = release
        self.machine = machine
        self.test = test
        seat = Seat(opener, label, machine, recording, test)
        self.room = TerminalRoom(seat, prefix=prefix, emulator=emulator, new_tests=new_tests, shape=shape)
        """Where the panes are."""

    def compose(self) -> ComposeResult:
        """Make the first pane."""
        yield self.room
        with Horizontal(id="keys-line"):
            yield PrefixKeys(KEYS, id="keys")
            yield Gauge()

    def on_mount(self) -> None:
        """Begin in it."""
        self.panes[0].focus()
        self._tell_keys()

    def on_screen_suspend(self) -> None:
        """Let floods be emulated elsewhere while another screen is shown."""
        self.room.hide(True)

    def on_screen_resume(self) -> None:
        """Have the focused terminal here again."""
        self.room.hide(False)

    async def on_unmount(self) -> None:
        """Let go of what the terminals were in; they are hung up before."""
        if self._release is not None:
            await self._release()

    @property
    def panes(self) -> list[TerminalPane]:
        """The panes, from the upper left on."""
        return self.room.panes

    @property
    def current(self) -> TerminalPane | None:
        """The focused pane."""
        return self.room.current

    def run_command(self, action: str) -> None:
        """Do what a key after the prefix does, in the focused pane."""
        self.room.run_command(action)

    async def split(self, pane: TerminalPane, direction: Direction) -> None:
        """Open one more pane beside or below another."""
        await self.room.split(pane, direction)

    def steps_changed(self, steps: Sequence[StepState]) -> None:
        """Mark what steps of the test began or ended, in every recording."""
        self.room.steps_changed(self.test, steps)

    def on_descendant_focus(self) -> None:
        """Say whether others are typed into, too."""
        self._tell_keys()

    @on(TerminalRoom.Broadcast)
    def _tell_keys(self) -> None:
        told = self.room.together.told(self.room.current)
        self.query_one("#keys", PrefixKeys).tell(self._prefix, told)

    @on(TerminalRoom.LastClosed)
    def _last_closed(self) -> None:
        self.dismiss()

    @on(TerminalRoom.LeaveAsked)
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
