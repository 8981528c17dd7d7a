"""A screen of a run in which consoles and terminals of its machines share a room as the person wants it."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.events import DescendantBlur, DescendantFocus
from textual.widget import Widget
from textual.widgets import Static

from app.engine.state import TestState
from app.setting_kinds import prefix_name
from app.tui.layout import PanedScreen
from app.tui.run_session import RunSession
from app.tui.screens.dialogs import Confirm
from app.tui.screens.log_screen import LogScreen
from app.tui.terminal.seat import Seat
from app.tui.terminal.splits import Direction
from app.tui.terminal.terminal_room import TerminalRoom
from app.tui.widgets.log_view import LogView

_WIDE = 100
"""Columns from which on a pinned console goes beside another pane and not below it."""


class RoomScreen(LogScreen, PanedScreen):
    """A screen with a room that begins with a console; its last pane of ``PANES`` is ``room``."""

    session: RunSession

    def __init__(self) -> None:
        super().__init__()
        self.pinned: dict[LogView, str] = {}
        """Tests whose consoles are pinned, by the view."""
        self.terminal_keys = Static(id="terminal-keys", markup=False)
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
        seat = self._seats.get(machine)
        if seat is None:
            seat = self._seats[machine] = self.workbench.doors.seat_in(machine, test)
        self._put(self.room.make_pane(seat), direction)

    def pin(self, test: TestState) -> None:
        """Keep the console of a test's machine in view."""
        known = next((view for view, name in self.pinned.items() if name == test.name), None)
        if known is not None:
            self.room.go_to(known)
            return
        view = LogView(empty="This machine printed nothing so far.")
        view.add_class("pane")
        self.pinned[view] = test.name
        self._put(view, "right" if self._beside().size.width >= _WIDE else "below")

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
        for view, name in self.pinned.items():
            test = tests.get(name)
            if test is None or not view.is_mounted:
                continue
            path = self.session.console_of(test)
            if path != view.path and not view.line_count:
                view.attach(path)
            if path is not None and not self.room.named(view):
                self.room.entitle(view, f"console of {test.machine} · pinned")
        for seat in self._seats.values():
            if seat.test in tests:
                self.room.steps_changed(seat.test, tests[seat.test].steps)

    @on(LogView.Status)
    def _pinned_status(self, event: LogView.Status) -> None:
        name = self.pinned.get(event.control)
        test = self.session.state.tests.get(name) if name is not None else None
        if test is not None:
            words = (f"console of {test.machine}", "pinned", event.text)
            self.room.entitle(event.control, " · ".join(filter(None, words)))

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
            name = prefix_name(self.workbench.terminals.prefix)
            words = f'{name} then: d to the run  % right  " below  o next  z zoom  x close  ? keys'
            into_all = "typing into all terminals · " if self.room.broadcast else ""
            self.terminal_keys.update(into_all + words)
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
