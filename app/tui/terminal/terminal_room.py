"""Terminals that share a room, each in a seat of its own; what follows the prefix key is done here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from app.engine.recorded import RECORDING_SHELL
from app.engine.state import StepState
from app.setting_kinds import prefix_name
from app.settings import PREFIX
from app.tui import keymap
from app.tui.screens.choices import Ask, Choice, Choose
from app.tui.screens.dialogs import Confirm, Help
from app.tui.screens.jump import Jump, Target
from app.tui.terminal.direct import Keyboard
from app.tui.terminal.machine_source import host_shell
from app.tui.terminal.pane import Opener, TerminalPane
from app.tui.terminal.recorded_panes import RecordedPanes
from app.tui.terminal.room import Panes
from app.tui.terminal.seat import NewTests, Seat
from app.tui.terminal.splits import Direction, Shape, Splits
from app.tui.terminal.together import Together

PURPOSE = (
    "Terminals in a machine. Every key reaches the program in the focused pane; the prefix key and then "
    "another one is for the workbench. The prefix key twice sends it to the program."
)

_CONSOLE = "console"
_HOST = "host"
_NEW_TEST = "new test"
_WIDE = 100
"""Columns from which on one more pane goes beside another and not below it."""


class TerminalRoom(Panes):
    """Panes of which some or all are terminals.

    Args:
        first: The first pane: a seat for a terminal, or something else.
        number: Number of the first pane.
        prefix: The prefix key.
        emulator: Name of what terminals are emulated by.
        new_tests: Where tests go that are recorded; ``None`` where they cannot be.
        shape: How terminals in the seat shared the room earlier; what is no shape counts as none.
    """

    BINDINGS: ClassVar[list[BindingType]] = []

    class LastClosed(Message):
        """The last pane shall be closed."""

    class LeaveAsked(Message):
        """The person wants to leave the terminals."""

    class Broadcast(Message):
        """Other panes than before are typed into at once."""

    def __init__(
        self,
        first: Seat | Widget,
        *,
        number: int = 1,
        prefix: str = PREFIX,
        emulator: str = "pyte",
        new_tests: NewTests | None = None,
        shape: object = None,
        id: str | None = None,
    ) -> None:
        self._prefix = prefix
        self._emulator = emulator
        self._seats: dict[TerminalPane, Seat] = {}
        self.recorded = RecordedPanes(self, self._seats, new_tests)
        self._opened: dict[Seat, int] = {}
        self._asking = False
        self._keyboard: Keyboard | None = None
        self._held: list[events.Key | events.Paste] | None = None
        self.together = Together(lambda: self.panes)
        """The terminals that are typed into at once."""
        self.on_zoom: Callable[[Widget], None] = self.zoom
        """Gives a pane the whole screen, and back."""
        self._kinds: dict[Widget, str] = {}
        super().__init__(self._begin(first, shape), number=number, id=id)
        self._actions: dict[str, Callable[[TerminalPane], object]] = {
            "choose": self._choose,
            "open_console": self._open_console,
            "ask_command": self._ask_command,
            "open_host": lambda pane: self._add(host_shell, _HOST, pane),
            "split_right": lambda pane: self._add(None, "", pane, "right"),
            "split_below": lambda pane: self._add(None, "", pane, "below"),
            "next_pane": lambda pane: self.focus_pane(1),
            "previous_pane": lambda pane: self.focus_pane(-1),
            "pane_left": lambda pane: self.go_towards(pane, -1, 0),
            "pane_right": lambda pane: self.go_towards(pane, 1, 0),
            "pane_above": lambda pane: self.go_towards(pane, 0, -1),
            "pane_below": lambda pane: self.go_towards(pane, 0, 1),
            "jump": lambda pane: self._jump(),
            "narrower": lambda pane: self.grow(pane, "right", -1),
            "wider": lambda pane: self.grow(pane, "right", 1),
            "lower": lambda pane: self.grow(pane, "below", -1),
            "higher": lambda pane: self.grow(pane, "below", 1),
            "even": lambda pane: self.even(),
            "zoom": lambda pane: self.on_zoom(pane),
            "broadcast": lambda pane: self._type_together(self.together.toggle_all),
            "broadcast_one": lambda pane: self._type_together(lambda: self.together.toggle(pane)),
            "record": self.recorded.toggle,
            "mark": self.recorded.ask_to_mark,
            "new_test": self._new_test,
            "play": lambda pane: self._ask_app("recordings"),
            "close": self.ask_to_close,
            "help": lambda pane: self._help(),
            "leave": lambda pane: self.post_message(self.LeaveAsked()),
        }

    def _begin(self, first: Seat | Widget, shape: object) -> Widget | Splits[Widget]:
        if not isinstance(first, Seat):
            return first
        seat = first
        if shape is not None:
            with contextlib.suppress(ValueError):
                return Splits.shaped(shape, lambda kind: self.remake_pane(seat, kind))
        return self.make_pane(seat)

    def shape(self) -> Shape:
        """Return how the terminals share the room, for the next start; commands are shells then."""
        return self.splits.shape(self.kind_of)

    def kind_of(self, pane: Widget) -> str:
        """Return what a terminal shows, by the word that the next start knows it by."""
        return self._kinds.get(pane, "shell")

    def remake_pane(self, seat: Seat, kind: str) -> TerminalPane:
        """Make a pane of a kind in a seat."""
        if kind == _CONSOLE and seat.machine is not None:
            return self.make_pane(seat, seat.machine.console, _CONSOLE)
        return self.make_pane(seat, host_shell, _HOST) if kind == _HOST else self.make_pane(seat)

    def on_mount(self) -> None:
        """Take keys where they arrive."""
        self._keyboard = Keyboard(self.screen, self._pane)
        self._keyboard.attach()

    def on_unmount(self) -> None:
        """Take no more keys."""
        if self._keyboard is not None:
            self._keyboard.detach()

    def hide(self, hidden: bool) -> None:
        """Let floods be emulated elsewhere while another screen is shown; or have them here again."""
        for pane in self.panes:
            pane.hidden = hidden
        if not hidden and self.current is not None:
            self.current.attend()

    def make_pane(self, seat: Seat, opener: Opener | None = None, what: str = "") -> TerminalPane:
        """Make a pane that shows a shell in a seat, or something else in it."""
        opener = opener or seat.opener
        opened = self._opened[seat] = self._opened.get(seat, 0) + 1
        label = seat.label if opened == 1 else f"{seat.label} {opened}"
        if what:
            label = what if opener is host_shell else f"{seat.label} {what}"
        pane = TerminalPane(opener, label=label, prefix=self._prefix, emulator=self._emulator)
        self._seats[pane] = seat
        if what in (_CONSOLE, _HOST):
            self._kinds[pane] = what
        if what == _NEW_TEST:
            self.recorded.capture(pane)
        elif seat.recording is not None and seat.recording.always:
            self.recorded.record(pane, "")
        pane.on_typed = self.together.typed
        pane.on_command = self._command
        pane.on_hold = self._hold
        pane.only_typed = lambda: self._held is None and pane not in self.together
        return pane

    def _pane(self, widget: Widget | None) -> TerminalPane | None:
        """Return a widget as one of the terminals, if it is one."""
        return widget if isinstance(widget, TerminalPane) and widget in self._seats else None

    def _hold(self, event: events.Key | events.Paste) -> bool:
        """Keep what is typed after the key that opens a pane for that pane."""
        if self._held is None:
            return False
        self._held.append(event)
        return True

    def seat_of(self, pane: TerminalPane) -> Seat:
        """Return what a terminal is in."""
        return self._seats[pane]

    @property
    def panes(self) -> list[TerminalPane]:
        """The terminals, from the upper left on."""
        return [pane for pane in self.all_panes if isinstance(pane, TerminalPane)]

    @property
    def current(self) -> TerminalPane | None:
        """The focused terminal."""
        return self._pane(self.screen.focused)

    def _command(self, pane: TerminalPane, key: str) -> None:
        action = self._actions.get(self._named().get(key, ""))
        if action is not None:
            action(pane)
        elif not (key.isdecimal() and len(key) == 1 and self._ask_app("go_digit", key)):
            name = prefix_name(self._prefix)
            self.notify(f"No such key after {name}; {name} ? lists them.", severity="warning")

    def _named(self) -> dict[str, str]:
        """Return the actions by the keys that a person has for them."""
        changes: Mapping[str, str] = getattr(self.app, "key_changes", {})
        return {
            name: key.action
            for key in keymap.SCOPES["terminal"]
            for name in keymap.keys_of(key, changes).split(",")
        }

    def run_command(self, action: str) -> None:
        """Do what a key after the prefix does, in the focused pane."""
        self._actions[action](self.current or self.panes[0])

    def _type_together(self, change: Callable[[], None]) -> None:
        change()
        self.post_message(self.Broadcast())

    def _help(self) -> None:
        self.app.push_screen(Help("Terminals", PURPOSE, [("After the prefix key", "terminal")]))

    def _ask_app(self, action: str, *parameters: str) -> bool:
        """Have the app do an action of its own, if it has it."""
        # run as an action it would be refused: no key leads to one while a terminal has the focus
        method = getattr(self.app, f"action_{action}", None)
        return method is not None and self.app.call_later(method, *parameters)

    # what else a pane can show

    def _choose(self, pane: TerminalPane) -> None:
        seat = self._seats[pane]
        choices = [Choice("shell", f"One more shell in {seat.label}", "c")]
        if seat.machine is not None:
            choices += [
                Choice("open_console", "Its serial console", "s", "one at a time may type into it"),
                Choice("ask_command", "A command in it …", ":"),
            ]
        choices.append(Choice("open_host", "A shell of this host", "h"))

        def answered(chosen: str | None) -> None:
            if chosen == "shell":
                self._add(None, "", pane)
            elif chosen:
                self._actions[chosen](pane)

        self.app.push_screen(Choose("What shall the new terminal show?", choices), answered)

    def _open_console(self, pane: TerminalPane) -> None:
        seat = self._seats[pane]
        if seat.machine is None:
            self.notify("There is no machine here, so it has no console.")
            return
        # One pane has the console; asking again leads to it.
        for other in self.panes:
            if other.label == f"{seat.label} {_CONSOLE}" and other.source is not None:
                self.go_to(other)
                return
        self._add(seat.machine.console, _CONSOLE, pane)

    def _ask_command(self, pane: TerminalPane) -> None:
        seat = self._seats[pane]
        machine = seat.machine
        if machine is None:
            self.notify("There is no machine here to run a command in.")
            return

        def answered(command: str | None) -> None:
            if command:
                short = command if len(command) <= 24 else f"{command[:23]}…"
                self._add(machine.running(command), short, pane)

        hint = "It runs on a terminal of its own. enter runs · esc closes"
        self.app.push_screen(Ask(f"Run in {seat.label}", hint), answered)

    def _add(
        self, opener: Opener | None, what: str, pane: TerminalPane, direction: Direction | None = None
    ) -> None:
        if direction is None:
            direction = "right" if pane.size.width >= _WIDE else "below"
        self._held = []
        self.call_later(self._split_and_go_on, pane, direction, opener, what)

    # recording

    def steps_changed(self, test: str, steps: Sequence[StepState]) -> None:
        """Mark what steps of a test began or ended, in every recording of its machine."""
        self.recorded.steps_changed(test, steps)

    def _new_test(self, pane: TerminalPane) -> None:
        seat = self._seats[pane]
        if self.recorded.captured is not None:
            self.recorded.review()
        elif seat.machine is None or seat.recording is None or self.recorded.new_tests is None:
            self.notify("A new test is recorded in a machine, and there is none here.", severity="warning")
        else:
            self._add(seat.machine.running(RECORDING_SHELL), _NEW_TEST, pane)

    @on(TerminalPane.Ended)
    def _ended(self, event: TerminalPane.Ended) -> None:
        if event.pane is self.recorded.captured and event.code is not None:
            self.recorded.review()

    # panes

    async def _split_and_go_on(
        self, pane: TerminalPane, direction: Direction, opener: Opener | None, what: str
    ) -> None:
        try:
            await self.split(pane, direction, opener, what)
        finally:
            held, self._held = self._held or [], None
            for event in held:
                taker = self.current or pane
                if isinstance(event, events.Key):
                    taker.take_key(event)
                else:
                    taker.take_paste(event)

    async def split(
        self, pane: Widget, direction: Direction, opener: Opener | None = None, what: str = ""
    ) -> None:
        """Open one more terminal beside or below another, in the same seat."""
        assert isinstance(pane, TerminalPane)
        fresh = self.make_pane(self._seats[pane], opener, what)
        await self.put(pane, fresh, direction)
        self._type_together(lambda: self.together.join(fresh, pane))

    def _jump(self) -> None:
        shown = {n: pane for n, pane in enumerate(self.all_panes, self._number) if pane.display}

        def chosen(target: Target | None) -> None:
            if target is not None:
                self.go_to(target[0])

        self.app.push_screen(Jump(shown, None), chosen)

    def ask_to_close(self, pane: TerminalPane) -> None:
        """Close a terminal, after a question if something runs in it."""

        def answered(yes: bool | None) -> None:
            if yes:
                self.app.run_worker(self.close_pane(pane), exit_on_error=False)

        if pane.source is None:
            answered(True)
        else:
            loss = "The program in it is hung up; what it did in the machine stays."
            self.app.push_screen(Confirm("Close this terminal?", loss, yes="Close", no="Stay"), answered)

    async def close_pane(self, pane: Widget) -> None:
        """Close a pane; the screen closes the last one."""
        if len(self.all_panes) == 1:
            self.post_message(self.LastClosed())
            return
        self.zoomed = None
        self.focus_pane(-1)
        self.splits.remove(pane)
        await pane.remove()
        if isinstance(pane, TerminalPane):
            self._seats.pop(pane, None)
            self._type_together(lambda: self.together.leave(pane))
            self._kinds.pop(pane, None)
        self._names.pop(pane, None)
        self.place()

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
