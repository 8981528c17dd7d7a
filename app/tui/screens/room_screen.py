"""A screen of a run in which consoles and terminals of its machines share a room as the person wants it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from textual import on
from textual.events import DescendantBlur, DescendantFocus
from textual.widget import Widget

from app.engine.state import TestState
from app.tui import kept_room
from app.tui.kept_room import KeptPane
from app.tui.layout import PanedScreen
from app.tui.run_session import RunSession
from app.tui.screens.dialogs import Confirm
from app.tui.screens.log_screen import LogScreen
from app.tui.terminal.pane import TerminalPane
from app.tui.terminal.seat import Seat
from app.tui.terminal.splits import Direction
from app.tui.terminal.terminal_room import TerminalRoom
from app.tui.widgets.log_view import LogView
from app.tui.widgets.prefix_keys import PrefixKeys

KEYS = {
    "terminal.leave": "to the run",
    "terminal.right": "right",
    "terminal.below": "below",
    "terminal.next": "next",
    "terminal.zoom": "zoom",
    "terminal.close": "close",
    "terminal.help": "keys",
}
"""What the line at the bottom names while a terminal is typed into."""
_WIDE = 100
"""Columns from which on a pinned console goes beside another pane and not below it."""


@dataclass(slots=True)
class Pin:
    """A console that stays in view.

    Attributes:
        test: The test whose machine it is of.
        machine: The machine whose console is shown; empty while there is none.
        stale: Whether it is of an earlier run, until the test has a console in this one.
    """

    test: str
    machine: str = ""
    stale: bool = False


class RoomScreen(LogScreen, PanedScreen):
    """A screen with a room that begins with a console; its last pane of ``PANES`` is ``room``."""

    session: RunSession

    def __init__(self) -> None:
        super().__init__()
        self.pinned: dict[LogView, Pin] = {}
        """What is pinned, by the view."""
        self.terminal_keys = PrefixKeys(KEYS, id="terminal-keys")
        """Says the keys of a terminal while one is focused."""
        self._seats: dict[str, Seat] = {}

    def make_room(self, console: LogView) -> TerminalRoom:
        """Return the room, which begins with a console."""
        options = self.workbench.terminals
        room = TerminalRoom(
            console,
            number=len(self.PANES),
            prefix=options.prefix,
            emulator=options.settings.emulator,
            new_tests=self.workbench.doors.new_tests(),
            id="room",
        )
        room.on_zoom = lambda pane: self.action_zoom()
        return room

    @property
    def room(self) -> TerminalRoom:
        """Where consoles and terminals are."""
        return self.query_one("#room", TerminalRoom)

    @property
    def panes(self) -> list[Widget]:
        """The panes, those in the room among them."""
        return [*(self.query_one(f"#{pane}") for pane in self.PANES[:-1]), *self.room.all_panes]

    @property
    def shown_log(self) -> LogView:
        """The console that keys are for: the focused one, or the one of the selected test."""
        return self.focused if isinstance(self.focused, LogView) else self.query_one("#console", LogView)

    async def on_unmount(self) -> None:
        """Let go of the machines; their terminals are hung up before."""
        for seat in self._seats.values():
            if seat.machine is not None:
                await seat.machine.release()

    def on_screen_suspend(self) -> None:
        """Let floods be emulated elsewhere while another screen is shown."""
        for room in self.query(TerminalRoom):
            room.hide(True)

    def on_screen_resume(self) -> None:
        """Have the focused terminal here again."""
        for room in self.query(TerminalRoom):
            room.hide(False)

    # what is opened

    def _beside(self) -> Widget:
        focused = self.focused
        return focused if focused in self.room.all_panes else self.room.all_panes[-1]

    def open_beside(self, machine: str, test: str, direction: Direction) -> None:
        """Open a terminal in a machine of a test, beside the focused pane of the room or below it."""
        self._put(self.room.make_pane(self._seat(machine, test)), direction)

    def _seat(self, machine: str, test: str) -> Seat:
        seat = self._seats.get(machine)
        if seat is None:
            seat = self._seats[machine] = self.workbench.doors.seat_in(machine, test)
        return seat

    def pin(self, test: TestState) -> None:
        """Keep the console of a test's machine in view."""
        known = next((view for view, pin in self.pinned.items() if pin.test == test.name), None)
        if known is not None:
            self.room.go_to(known)
            return
        view = self._pinned_view(Pin(test.name))
        self._put(view, "right" if self._beside().size.width >= _WIDE else "below")

    def _pinned_view(self, pin: Pin) -> LogView:
        view = LogView(empty="This machine printed nothing so far.")
        view.add_class("pane")
        self.pinned[view] = pin
        return view

    def _put(self, pane: Widget, direction: Direction) -> None:
        self.panes_layout.closed.discard("room")
        if self.zoomed:
            self.unzoom()
        self.lay_out()
        self.run_worker(self._put_now(pane, direction), exit_on_error=False)

    async def _put_now(self, pane: Widget, direction: Direction) -> None:
        await self.room.put(self._beside(), pane, direction)
        self.room_changed()

    def room_changed(self) -> None:
        """Show in the room where the run is."""
        tests = self.session.state.tests
        for view, pin in self.pinned.items():
            test = tests.get(pin.test)
            path = self.session.console_of(test) if test is not None else None
            if test is None or path is None or not view.is_mounted:
                continue
            if path != view.path and (pin.stale or not view.line_count):
                view.attach(path)
            pin.stale = False
            if test.machine != pin.machine or not self.room.named(view):
                pin.machine = test.machine
                self._title_pinned(view, "")
        for seat in self._seats.values():
            if seat.test in tests:
                self.room.steps_changed(seat.test, tests[seat.test].steps)

    @on(LogView.Status)
    def _pinned_status(self, event: LogView.Status) -> None:
        if isinstance(event.control, LogView):
            self._title_pinned(event.control, event.text)

    def _title_pinned(self, view: LogView, status: str) -> None:
        pin = self.pinned.get(view)
        if pin is not None and pin.machine:
            words = (f"console of {pin.machine}", "pinned", status)
            self.room.entitle(view, " · ".join(filter(None, words)))

    # what is kept for the next start

    @property
    def holds_more(self) -> bool:
        """Whether terminals or pinned consoles are beside the console of the run."""
        return bool(self.room.panes or self.pinned)

    def keep_pins(self) -> None:
        """Have what is pinned follow its tests into another run."""
        for pin in self.pinned.values():
            pin.stale = True

    def kept_room(self) -> dict[str, object]:
        """Return what is needed to open the room again."""
        return kept_room.dump(self.room.splits, self._kept_pane)

    def _kept_pane(self, pane: Widget) -> KeptPane:
        if isinstance(pane, TerminalPane):
            seat = self.room.seat_of(pane)
            return KeptPane(self.room.kind_of(pane), seat.label, seat.test)
        if isinstance(pane, LogView) and pane in self.pinned:
            pin = self.pinned[pane]
            return KeptPane(kept_room.PINNED, pin.machine, pin.test, str(pane.path or ""))
        return KeptPane(kept_room.RUN_CONSOLE)

    async def open_again(self, kept: Mapping[str, object]) -> None:
        """Have the room as it was left; a machine that is gone says so in its pane."""
        if not kept or self.holds_more:
            return
        logs: dict[LogView, Path] = {}

        def make(pane: KeptPane) -> Widget:
            if pane.kind == kept_room.RUN_CONSOLE:
                return self.room.all_panes[0]
            if pane.kind != kept_room.PINNED:
                return self.room.remake_pane(self._seat(pane.machine, pane.test), pane.kind)
            view = self._pinned_view(Pin(pane.test, pane.machine, stale=True))
            if pane.log:
                logs[view] = Path(pane.log)
            return view

        # Whatever else the file holds was not written by a workbench: the room begins with its console then.
        with contextlib.suppress(ValueError):
            await self.room.share_as(kept_room.load(kept, make))
            for view, log in logs.items():
                if view.path is None:
                    view.attach(log)
                    self._title_pinned(view, "")
            self.room_changed()

    # what is typed into

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Aim searches at the focused console, and say the keys of a focused terminal."""
        if isinstance(event.widget, LogView):
            self.find.aim(event.widget)
        self._tell_keys()

    def on_descendant_blur(self, event: DescendantBlur) -> None:
        """Say the keys of the screen again."""
        self._tell_keys()

    @on(TerminalRoom.Broadcast)
    def _tell_keys(self) -> None:
        typing = self.room.current is not None
        self.set_class(typing, "-typing")
        if typing:
            told = self.room.together.told(self.room.current)
            self.terminal_keys.tell(self.workbench.terminals.prefix, told)
        self.refresh_bindings()

    @on(TerminalRoom.LeaveAsked)
    def _to_the_run(self) -> None:
        self.action_go_pane(1)

    def leave_terminals(self, leave: Callable[[], object]) -> None:
        """Leave the screen, after a question if programs run in its terminals."""
        running = sum(pane.source is not None for pane in self.room.panes)
        if not running:
            leave()
            return

        def answered(yes: bool | None) -> None:
            if yes:
                leave()

        loss = f"{running} running in terminals here {'is' if running == 1 else 'are'} hung up."
        self.app.push_screen(Confirm("Leave this run?", loss, yes="Leave", no="Stay"), answered)

    # the layout

    def action_go_pane(self, number: int) -> None:
        """Go to a pane by its number."""
        panes = self.panes
        if not len(self.PANES) <= number <= len(panes):
            super().action_go_pane(number)
            return
        self.panes_layout.closed.discard("room")
        if self.zoomed not in ("", "room"):
            self.unzoom()
        self.lay_out()
        self.call_after_refresh(self.room.go_to, panes[number - 1])

    def action_grow(self, axis: str, direction: int) -> None:
        """Make the focused pane larger or smaller, in the room first."""
        pane = self.focused
        if pane not in self.room.all_panes or not self.room.grow(
            pane, "right" if axis == "x" else "below", direction
        ):
            super().action_grow(axis, direction)

    def action_even(self) -> None:
        """Put all rules back where they were at first."""
        self.room.even()
        super().action_even()

    def action_close_pane(self) -> None:
        """Close the focused pane; a pinned console for good."""
        view = self.focused
        if isinstance(view, LogView) and view in self.pinned:
            del self.pinned[view]
            self.run_worker(self.room.close_pane(view), exit_on_error=False)
        else:
            super().action_close_pane()

    def zoom_target(self) -> str:
        """Zoom the focused pane, also one in the room."""
        if self.focused in self.room.all_panes:
            if self.room.zoomed is None:
                self.room.zoom(self.focused)
            return "room"
        return super().zoom_target()

    def unzoom(self) -> None:
        """Give every pane its room again."""
        if self.room.zoomed is not None:
            self.room.zoom(self.room.zoomed)
        super().unzoom()

    def focus_in(self, pane: Widget) -> None:
        """Focus a pane; in the room the one that is seen."""
        if pane is self.room:
            pane = self.room.zoomed or (self.focused if self.focused in self.room.all_panes else None) or pane
        super().focus_in(pane)
