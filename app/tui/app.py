"""The workbench: an app over an injected engine. Screens draw, workers ask, handlers own the state."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual._context import active_message_pump
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.driver import Driver
from textual.notifications import Notify
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.worker import Worker

from app import editor
from app.engine.commands import CommandLog
from app.engine.house import House, HouseApi
from app.engine.latency.hostload import HostLoad
from app.settings import Settings
from app.tui import keymap, places, signs, theme
from app.tui.acting import Edit
from app.tui.ahead import read_ahead
from app.tui.base_app import BaseApp
from app.tui.broken import Fault, fault_of, keeps_all_from_being_painted
from app.tui.clock import Clock
from app.tui.doors import Doors
from app.tui.driver import OuterDriver
from app.tui.faults import Contained
from app.tui.feel import Feel
from app.tui.live_settings import LiveSettings
from app.tui.memory import Memory
from app.tui.messages import (
    PaneBroke,
    RegistryFailed,
    RegistryLoaded,
    RunBegan,
    RunEnded,
    RunRefused,
    explain,
)
from app.tui.process import collect_again
from app.tui.reading import Reading
from app.tui.recall import Recall
from app.tui.remembering import Remembering
from app.tui.reports import Reports
from app.tui.runs import Runs
from app.tui.screens.base import VmScreen
from app.tui.screens.tests import TestsScreen
from app.tui.terminals import TerminalOptions
from app.tui.test_rows import TestRows
from app.tui.widgets.line_list import LineList
from app.tui.widgets.places_bar import PlacesBar

# What the first frame does not show is imported when it is needed: it would wait for it.
if TYPE_CHECKING:
    from textual.actions import ActionParseResult
    from textual.command import Provider
    from textual.dom import DOMNode

    from app.engine.api import EngineApi
    from app.engine.past import LoggedRun
    from app.tui.run_session import RunSession
    from app.tui.walk_in import Walk
    from backends.base import Machine

TOASTS = 3
"""Notices that are shown at the same time, at most."""
_BEGUN = 0.5
"""Seconds after the first paint in which the registry is read and the rest waits."""


def _commands() -> type[Provider]:
    from app.tui.palette import Commands

    return Commands


class Workbench(Contained, BaseApp):
    """The workbench.

    Args:
        engine: What it reads and commands.
        theme_name: One of the two themes; ``None`` for the dark one.
        clock: The time.
        house: What outlives a run: machines, snapshots, past runs and the like.
        terminals: What its terminals are told by the settings.
        recall: Where earlier searches and filters are kept; ``None`` for nowhere.
        memory: Where it is kept where the person was; ``None`` for nowhere.
        guide: Where it is kept that the person has seen the guide; ``None`` shows it only when asked for.
        settings: The settings.
        watching: A past run, or one of another process, to begin with.
    """

    TITLE = "vmbench"
    CSS_PATH = "workbench.tcss"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("app")
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_commands}
    DEFAULT_MODE = places.TESTS
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - typed in App

    def __init__(
        self,
        engine: EngineApi,
        *,
        theme_name: str | None = None,
        clock: Clock | None = None,
        house: HouseApi | None = None,
        terminals: TerminalOptions | None = None,
        recall: Path | None = None,
        memory: Path | None = None,
        guide: Path | None = None,
        settings: Settings | None = None,
        watching: LoggedRun | None = None,
    ) -> None:
        super().__init__()
        self.terminals = terminals or TerminalOptions()
        self.settings = settings or Settings()
        """The settings as they were read last."""
        self.engine = engine
        self.house: HouseApi = house or House()
        self.watching = watching
        self.clock = clock or Clock()
        self.feel = Feel() if self.settings.ui.gauge else None
        """What the person just felt; nothing where the gauge is turned off."""
        self.recall = Recall(recall)
        """Earlier searches and filters."""
        self.slow = self.settings.latency.paint_p99
        """Milliseconds from which on the gauge says that keys are slow."""
        self.busy: Callable[[], float] = HostLoad().busy
        """Tells how busy the host is, from 0 to 1."""
        self._guide_file = guide
        self.command_log = CommandLog()
        """What was run on the person's behalf."""
        self.rows = TestRows()
        self.key_changes: dict[str, str] = {}
        """Keys that a person gave to actions, by the actions' ids."""
        self.edit_with: Edit = editor.edit
        """How a file is opened in an editor."""
        self.walk: Walk = _walk_in
        """How the screen is given to a machine."""
        self.ending: asyncio.Task[None] | None = None
        """Sees to the end after a hang-up."""
        self.animation_level = "basic" if self.settings.ui.animation else "none"
        self.leaving = False
        """Whether the app is about to end."""
        self.tests_screen = TestsScreen(self.rows, self.clock)
        """The first screen."""
        theme.put_on(self, theme_name)
        self.remembering = Remembering(self, memory if self.settings.ui.restore else None)
        self.live = LiveSettings(self)
        self.reading = Reading(self)
        self.runs = Runs(self)
        self.doors = Doors(self)
        self.reports = Reports(self)
        self.add_mode(places.TESTS, lambda: self._fresh(self.tests_screen))
        for place in places.PLACES:
            self.add_mode(place.id, partial(self._made, place))

    def _made(self, place: places.Place) -> Screen[None]:
        return self._fresh(place.make())

    def _fresh(self, screen: Screen[None]) -> Screen[None]:
        """Return a new screen that is styled once, as it is mounted.

        Textual takes the style of a new place for stale and reads all style sheets again, and styles it a
        second time for its width.
        """
        screen._css_update_count = self._css_update_count
        wide = screen._get_breakpoint_classes(self.size.width, self.HORIZONTAL_BREAKPOINTS)
        screen.add_class(*wide, update=False)
        return screen

    def refresh_css(self, animate: bool = True) -> None:
        """Read all style sheets again, if anything was styled by them."""
        if self._screen_stacks.get(self.current_mode):
            super().refresh_css(animate)
        else:
            self.stylesheet.set_variables(self.get_css_variables())

    def get_default_screen(self) -> Screen[None]:
        """Begin with the tests."""
        return self.tests_screen

    def _build_driver(
        self, headless: bool, inline: bool, mouse: bool, size: tuple[int, int] | None
    ) -> Driver:
        driver = super()._build_driver(headless, inline, mouse, size)
        if self.feel is not None:
            self.feel.listen(driver)
        return driver

    @property
    def key_waits(self) -> bool:
        """Whether a key that was just read waits for its paint."""
        return super().key_waits and (self.feel is None or self.feel.waiting)

    def on_mount(self) -> None:
        """Take the person's keys and panes, and read the rest when something is on the screen."""
        self.live.load_keys()
        self.remembering.recall()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """Read the registry, then what the other places need."""
        collect_again()
        self.live.watch_themes()
        self.live.tell_problems()
        self.reading.load()
        if self.watching is not None:
            self.runs.open_past(self.watching)
        else:
            self.greet()
        if isinstance(self._driver, OuterDriver):
            self.set_timer(_BEGUN, read_ahead)

    @work(group="house", exit_on_error=False)
    async def furnish(self) -> None:
        """Get the other places ready, and tell what was reclaimed."""
        try:
            told = await asyncio.to_thread(self.house.furnish)
        except Exception as error:
            self.say_not("Not reclaimed", error)
            return
        if told:
            self.notify("\n".join(told), title="Reclaimed", markup=False)

    @work(group="greet", exit_on_error=False)
    async def greet(self) -> None:
        """Show the guide to a person who has not seen it, and note that they have."""
        file = self._guide_file
        if file is None or self.memory.spots or await asyncio.to_thread(file.exists):
            return
        self.action_guide()
        # Where nothing can be written it greets again: no harm.
        with contextlib.suppress(OSError):
            await asyncio.to_thread(file.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
            await asyncio.to_thread(file.touch)

    @property
    def memory(self) -> Memory:
        """Where the person was, and is."""
        return self.remembering.memory

    @property
    def session(self) -> RunSession | None:
        """The run that goes on, or the last one of this start."""
        return self.runs.session

    # places

    @property
    def place(self) -> str:
        """Id of the place that is shown."""
        return self.current_mode

    async def action_go(self, place: str) -> None:
        """Go to a place; what was open there is found as it was left."""
        await self.go(place)

    async def action_go_digit(self, digit: str) -> None:
        """Go to the place that a digit leads to."""
        for key, place, _title in places.titles():
            if key == digit:
                await self.go(place)

    async def go(self, place: str) -> None:
        """Go to a place.

        Args:
            place: Its id.
        """
        if place == self.place:
            return
        await self.switch_mode(place)
        if place == "run":
            await self.runs.show()
        elif place == "terminals":
            self.remembering.reopen_terminals()

    def apply_keys(self, changes: Mapping[str, str]) -> None:
        """Give actions other keys, at once and everywhere.

        Args:
            changes: Keys as Textual calls them, separated by commas, by the ids of actions.
        """
        self.key_changes = dict(changes)
        self.set_keymap(self.key_changes)
        for stack in self._screen_stacks.values():
            for bar in (bar for screen in stack for bar in screen.query(PlacesBar)):
                bar.draw()

    # what is read, and what runs

    async def on_registry_loaded(self, message: RegistryLoaded) -> None:
        """List what was read."""
        await self.reading.loaded(message)

    def on_registry_failed(self, message: RegistryFailed) -> None:
        """Say what is wrong."""
        self.reading.failed(message)

    def on_run_refused(self, message: RunRefused) -> None:
        """Say why nothing runs."""
        self.runs.refused(message)

    def on_run_began(self, message: RunBegan) -> None:
        """Follow the run and show it."""
        self.runs.began(message)

    def on_run_ended(self, message: RunEnded) -> None:
        """Tell how it went."""
        self.runs.ended(message)

    def background(
        self, job: Callable[[], Coroutine[None, None, None]], group: str, *, exclusive: bool = False
    ) -> Worker[None]:
        """Have something done while keys are answered; a fault of it is reported.

        Args:
            job: What is done.
            group: Of what kind it is.
            exclusive: Whether it takes the place of what goes on of its kind.
        """
        return self.run_worker(job, group=group, exclusive=exclusive, exit_on_error=False)

    def say_not(self, title: str, error: Exception) -> None:
        """Say that something was not done, and why.

        Args:
            title: What was not done.
            error: What was in the way.
        """
        text = "\n".join(explain(error)).strip()
        self.notify(text, title=title, severity="error", timeout=10, markup=False)

    def on_notify(self, event: Notify) -> None:
        """Keep notices from piling up: one of a kind, one about a thing, and three in all."""
        shown = list(self._notifications)
        fresh = event.notification
        for old in shown:
            same = (old.message, old.title) == (fresh.message, fresh.title)
            # What was told of a thing before is no longer so; an error stays until it was read.
            same |= old.title == fresh.title != "" and old.severity == fresh.severity == "information"
            if same or (old in shown[: 1 - TOASTS] and old in self._notifications):
                self._unnotify(old, refresh=False)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Perform an action; what follows a cursor is shown first, for it may be what is acted on."""
        if isinstance(self.screen, VmScreen) and not isinstance(default_namespace, LineList):
            self.screen.catch_up()
        return await super().run_action(action, default_namespace, namespaces)

    async def _check_bindings(self, key: str, priority: bool = False) -> bool:
        # A key that does nothing without a word looks broken.
        taken = await super()._check_bindings(key, priority)
        if not taken and not priority and isinstance(self.screen, VmScreen):
            self.screen.tell_why_not(key)
        return taken

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave every key to a focused terminal, unless that is broken, or to a dialog that asks for one."""
        if getattr(self.focused, "takes_all_keys", False) and fault_of(self.focused) is None:
            return False
        if getattr(self.screen, "takes_all_keys", False):
            return False
        return action not in ("copy_fault", "try_again") or bool(self.reports.here())

    def action_recordings(self) -> None:
        """Choose among the recordings of terminals, and play one."""
        self.doors.play_recording()

    # everywhere

    def action_commands(self) -> None:
        """Show every command that was run on the person's behalf."""
        from app.tui.screens.commands import CommandsScreen

        if not isinstance(self.screen, CommandsScreen):
            self.push_screen(CommandsScreen(self.command_log))

    def action_help(self) -> None:
        """Show what the screen is for, and its keys."""
        from app.tui.screens.dialogs import Help

        screen = self.screen
        if isinstance(screen, VmScreen):
            self.push_screen(Help(screen.NAME, screen.PURPOSE, screen.HELP_SCOPES, screen.pane_help))

    def action_guide(self) -> None:
        """Show what can be done, in a few lines."""
        from app.tui.screens.guide import Guide

        if not isinstance(self.screen, ModalScreen):
            self.push_screen(Guide())

    def action_toggle_theme(self) -> None:
        """Switch between dark and light."""
        self.theme = theme.other(self.theme)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer the actions of the screen, then those of the app."""
        from app.tui.palette import system_commands

        return system_commands(self, screen)

    async def action_quit(self) -> None:
        """Leave, after a question if a run goes on."""
        session = self.session
        if session is None or not session.active:
            self.leave("Closing …")
            return
        from app.tui.screens.dialogs import Closing, Confirm

        if isinstance(self.screen, Confirm | Closing):
            return
        state = session.state
        left = len(state.tests) - state.done
        machines = signs.counted(len(state.running()), "machine")
        loss = (
            f"{signs.counted(left, 'test')} will not finish; {machines} at work and all in them are lost. "
            "Kept machines stay."
        )

        def answered(yes: bool | None) -> None:
            if yes:
                self.leave(f"Stopping {machines} …")

        question = Confirm("Quit while a run is going on?", loss, yes="Quit", no="Stay")
        self.push_screen(question, answered)

    @work(group="leave", exit_on_error=False)
    async def leave(self, message: str, code: int = 0) -> None:
        """Close the engine and end the app with an exit code; machines go or are kept meanwhile."""
        from app.tui.screens.dialogs import Closing

        if self.leaving:
            return
        self.leaving = True
        self.push_screen(Closing(message))
        told = await self.remembering.write_last()
        try:
            await self.engine.close()
        finally:
            self.exit(code, return_code=code, message=told or None)

    def _handle_exception(self, error: Exception) -> None:
        """Go on, where Textual would end, if there is something to go on with."""
        pump = active_message_pump.get(None)
        over = not self.screen_stack or not self._running or self._exit
        if over or keeps_all_from_being_painted(error):
            super()._handle_exception(error)
        elif isinstance(pump, Widget) and getattr(pump, "composing", False):
            self.broke(pump, Fault(error, made=False))
        else:
            self.report(error)

    def on_pane_broke(self, message: PaneBroke) -> None:
        """Report what a pane could not draw."""
        self.report(message.error)

    def report(self, error: BaseException) -> None:
        """Show an error of the workbench itself without ending it."""
        self.reports.show(error)

    def broke(self, widget: Widget, fault: Fault) -> None:
        """Show one in the place of the pane that it broke."""
        self.reports.take(widget, fault)

    def action_copy_fault(self) -> None:
        """Copy the report of a pane that is broken."""
        self.reports.copy()

    async def action_try_again(self) -> None:
        """Make and draw again what is broken."""
        await self.reports.again()

    def on_click(self, event: events.Click) -> None:
        """Show the report of a broken pane that is clicked."""
        self.reports.open(event.widget)


async def _walk_in(app: App[int], machine: Machine, typed: str) -> None:
    from app.tui.walk_in import walk_in

    await walk_in(app, machine, typed)
