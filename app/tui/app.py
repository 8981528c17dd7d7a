"""The workbench: an app over an injected engine. Screens draw, workers ask, handlers own the state."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import textual
from textual import work
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.driver import Driver
from textual.notifications import Notify
from textual.screen import ModalScreen, Screen

from app import __version__, editor
from app.engine.commands import CommandLog
from app.engine.house import House, HouseApi
from app.engine.latency.hostload import HostLoad
from app.engine.outcome import Outcome
from app.notices import run_ended, sequence, way_of, worth_telling
from app.settings import Settings
from app.tui import keymap, places, signs, theme
from app.tui.acting import Edit, edit_file
from app.tui.base_app import BaseApp
from app.tui.clock import Clock
from app.tui.exported_size import forget_exported_size
from app.tui.faults import Contained
from app.tui.feel import Feel
from app.tui.later import later
from app.tui.memory import Memory, read_memory, write_memory
from app.tui.messages import (
    PaneBroke,
    RegistryFailed,
    RegistryLoaded,
    RunBegan,
    RunEnded,
    RunRefused,
    explain,
)
from app.tui.recall import Recall
from app.tui.screens.base import VmScreen
from app.tui.screens.tests import TestsScreen
from app.tui.terminals import TerminalOptions, machine_screen, machine_seat, play_one_of
from app.tui.test_rows import Sort, TestRows

# What the first frame does not show is imported when it is needed: it would wait for it.
if TYPE_CHECKING:
    from app.engine.api import EngineApi, RunOptions
    from app.engine.past import LoggedRun
    from app.tui.run_session import RunSession
    from app.tui.screens.run import RunScreen
    from app.tui.screens.terminal import TerminalScreen
    from app.tui.terminal.recording import Recording
    from app.tui.terminal.seat import NewTests, Seat
    from app.tui.user_themes import UserThemes
    from app.tui.walk_in import Walk
    from backends.base import Machine
    from registry.model import Registry

TOASTS = 3
"""Notices that are shown at the same time, at most."""
EDITS_TOLD = 3
"""Changes, and problems, of an edited file that are told in full."""
THEMES_PERIOD = 1.0
"""Seconds between two looks at the person's own themes."""
MEMORY_PERIOD = 2.0
"""Seconds between two notes of where the person is."""
GONE_HARD_LIMIT = 20.0
"""Seconds that it has when it cannot even begin to."""
GONE_LIMIT = 3.0
"""Seconds the app has to end by itself after its terminal went away."""
FRAME = 1 / 15
"""Seconds between two redraws of a run, at least."""


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
        self.memory = Memory()
        """Where the person was, and is."""
        self._memory_file = memory if self.settings.ui.restore else None
        self._guide_file = guide
        self._memory_written = ""
        self._memory_restored = False
        self.last_run = ""
        """Id of the run that was shown the last time."""
        self._last_run_opened = False
        self._closed_terminals: list[dict[str, object]] = []
        """Screens of terminals of the last time, until somebody goes to their place."""
        self.command_log = CommandLog()
        """What was run on the person's behalf."""
        self.rows = TestRows()
        self.session: RunSession | None = None
        self.key_changes: dict[str, str] = {}
        """Keys that a person gave to actions, by the actions' ids."""
        self.run_views: set[RunScreen] = set()
        """Every screen that shows a run."""
        self.edit_with: Edit = editor.edit
        """How a file is opened in an editor."""
        self._edited: tuple[Path, Registry] | None = None
        """The file that was just edited and the registry of before, until it is read again."""
        self.walk: Walk = _walk_in
        """How the screen is given to a machine."""
        self.ending: asyncio.Task[None] | None = None
        """Sees to the end after a hang-up."""
        self.fault: BaseException | None = None
        """What ended the app, if it was a fault of its own."""
        self.animation_level = "basic" if self.settings.ui.animation else "none"
        self.redraw_due = False
        """Whether a redraw of the run was asked for and is still to come."""
        self._redraw_cost = 0.0
        self._done = 0
        self._told = 0
        self._starting = False
        self._leaving = False
        self._reported: set[str] = set()
        self.tests_screen = TestsScreen(self.rows, self.clock)
        """The first screen."""
        for known in theme.THEMES:
            self.register_theme(known)
        self.theme = theme_name if theme_name in self.available_themes else theme.DARK.name
        self._themes_read = False
        self._furnished = False

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

    def on_mount(self) -> None:
        """Take the person's keys and panes, and read the rest when something is on the screen."""
        self.set_class(theme.few(self.console.color_system, no_color=self.no_color), theme.FEW_COLOURS)
        self.load_keys()
        self.recall_memory()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """Read the registry, then what the other places need."""
        collect_again()
        self.watch_themes()
        self.load_registry()
        if self.watching is not None:
            self.open_past(self.watching)
        else:
            self.greet()

    @work(group="house", exit_on_error=False)
    async def furnish(self) -> None:
        """Get the other places ready, and tell what was reclaimed."""
        try:
            told = await asyncio.to_thread(self.house.furnish)
        except Exception as error:
            self._say_not("Not reclaimed", error)
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

    # where the person was

    def recall_memory(self) -> None:
        """Read where the person was, and begin to note where they are."""
        file = self._memory_file
        if file is None:
            return
        # One small file, before anything is drawn: panes do not jump.
        self.memory, wrong = read_memory(file)
        self._memory_written = "" if wrong else self.memory.dump()
        if wrong:
            self.notify(wrong, title="Not restored", severity="warning", markup=False)
        if "ui.theme" not in self.settings.sources and self.memory.theme in self.available_themes:
            self.theme = self.memory.theme
        self.tests_screen.lay_out()
        self.set_interval(MEMORY_PERIOD, self.write_memory)

    async def _restore_spot(self, registry: Registry) -> None:
        """Go where the person was in a registry; once."""
        if self._memory_restored:
            return
        self._memory_restored = True
        spot = self.memory.spots.get(str(registry.root))
        if spot is None or self._memory_file is None:
            return
        self.tests_screen.restore(spot)
        self.last_run, self._closed_terminals = spot.run, spot.terminals
        if self.watching is None and spot.place in {place.id for place in places.PLACES}:
            await self.go(spot.place)

    def _noted(self) -> str:
        """Note where the person is, and return all that is remembered as text."""
        registry = self.rows.registry
        if registry is not None and self._memory_restored:
            self.memory.spots.pop(str(registry.root), None)
            spot = self.memory.spots[str(registry.root)] = self.tests_screen.spot()
            spot.run = self.session.handle.id if self.session is not None else self.last_run
            spot.terminals = [*self._closed_terminals, *self._terminals_open()]
        self.memory.theme = self.theme
        return self.memory.dump()

    def _terminals_open(self) -> list[dict[str, object]]:
        """Return what is needed to open the screens of terminals again."""
        if "app.tui.screens.terminal" not in sys.modules:
            return []
        from app.tui.screens.terminal import TerminalScreen

        screens = [s for s in self._screen_stacks.get("terminals", ()) if isinstance(s, TerminalScreen)]
        return [
            {"machine": screen.machine.name, "test": screen.test, "shape": screen.room.shape()}
            for screen in screens
            if screen.machine is not None and screen.is_running
        ]

    def _reopen_terminals(self) -> None:
        """Open the terminals of the last time; one whose machine is gone says so in its pane."""
        if len(self.screen_stack) > 1:
            return  # others are open
        closed, self._closed_terminals = self._closed_terminals, []
        for entry in closed:
            self.open_terminal(str(entry["machine"]), str(entry["test"]), shape=entry["shape"])

    @work(group="memory", exclusive=True, exit_on_error=False)
    async def write_memory(self) -> None:
        """Write down where the person is, if that changed."""
        file, text = self._memory_file, self._noted()
        if file is None or text == self._memory_written:
            return
        try:
            await asyncio.to_thread(write_memory, file, text)
        except OSError as error:
            self._memory_file = None
            told = f"{file} cannot be written, so the next start does not know where you were: "
            self.notify(told + (error.strerror or str(error)), severity="warning", timeout=10, markup=False)
            return
        self._memory_written = text

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
            await self._show_session()
        elif place == "terminals":
            self._reopen_terminals()

    def apply_keys(self, changes: Mapping[str, str]) -> None:
        """Give actions other keys, at once and everywhere.

        Args:
            changes: Keys as Textual calls them, separated by commas, by the ids of actions.
        """
        self.key_changes = dict(changes)
        self.set_keymap(self.key_changes)

    def load_keys(self) -> None:
        """Read the person's keys, and say what is wrong with them."""
        desk = self.house.settings
        if desk is None:
            return
        found = desk.keys({key.id for _, key in keymap.all_keys()})
        self.apply_keys(found.changes)
        for problem in found.problems:
            self.notify(str(problem), title="keys.toml", severity="warning", timeout=10, markup=False)

    def apply_settings(self, settings: Settings) -> None:
        """Take over what can be changed while the workbench is open."""
        before, self.settings = self.settings, settings
        if settings.ui.theme != before.ui.theme:
            self._take_theme(settings.ui.theme)
        self.animation_level = "basic" if settings.ui.animation else "none"

    def _take_theme(self, name: str) -> None:
        if name in self.available_themes:
            self.theme = name
        else:
            self.notify(f"There is no theme {name}; the palette lists those there are.", severity="warning")

    def themes_changed(self, found: UserThemes) -> None:
        """Take over the person's own themes: new ones are offered, the one in use is drawn anew."""
        for known in found.themes:
            self.register_theme(known)
            if known.name == self.theme:
                # Only another name makes Textual look at a theme's colours again.
                self.theme = theme.other(known.name)
                self.theme = known.name
        # One's own theme may be the setting, and is known only now.
        if not self._themes_read and "ui.theme" in self.settings.sources:
            self._take_theme(self.settings.ui.theme)
        self._themes_read = True
        for problem in found.problems:
            self.notify(problem, title="Theme", severity="warning", timeout=10, markup=False)

    @work(group="themes", exit_on_error=False)
    async def watch_themes(self) -> None:
        """Read the person's own themes, now and whenever a file of them changes."""
        desk = self.house.settings
        if desk is None:
            return
        from app.tui.user_themes import load_themes, stamp_of

        folder, seen = desk.paths.user_themes, None
        while True:
            stamp = await asyncio.to_thread(stamp_of, folder)
            if stamp != seen:
                seen = stamp
                self.themes_changed(await asyncio.to_thread(load_themes, folder))
            await asyncio.sleep(THEMES_PERIOD)

    # the registry

    @work(exclusive=True, group="registry", exit_on_error=False)
    async def load_registry(self) -> None:
        """Read the registry and the last results, off the loop."""
        try:
            registry = await asyncio.to_thread(self.engine.load)
            results = await asyncio.to_thread(self.engine.last_results)
        except Exception as error:
            self.post_message(RegistryFailed(*explain(error)))
        else:
            self.post_message(RegistryLoaded(registry, results))
        if not self._furnished:
            self._furnished = True
            self.furnish()

    async def on_registry_loaded(self, message: RegistryLoaded) -> None:
        """List what was read."""
        again = self.rows.registry is not None
        self.rows.results = message.results
        self.read_trends()
        keep = self.tests_screen.chosen_test() if again else None
        self.rows.load(message.registry)
        self.tests_screen.registry_changed(keep)
        await self._restore_spot(message.registry)
        if self._tell_edited(message.registry):
            return
        if again:
            errors = len(message.registry.errors())
            told = f"Read {signs.counted(len(message.registry.tests), 'test')}"
            self.notify(
                told + (f"; {errors} cannot run." if errors else "."),
                severity="warning" if errors else "information",
            )

    def on_registry_failed(self, message: RegistryFailed) -> None:
        """Say what is wrong; what was listed before stays, if anything was."""
        if self.rows.registry is None:
            self.tests_screen.registry_failed(message.message, message.remedy)
        else:
            self.notify(
                f"{message.message}\n{message.remedy}".strip(),
                title="Not reloaded",
                severity="error",
                markup=False,
            )

    @work(exclusive=True, group="trends", exit_on_error=False)
    async def read_trends(self) -> None:
        """Read what the last results of every test tell; the list is there before that."""
        try:
            recent = await asyncio.to_thread(self.engine.recent_results)
        except Exception as error:
            self._say_not("Trends not read", error)
            return
        from app.engine.trends import trends

        self.rows.trends = trends(recent)
        if self.tests_screen.is_mounted:
            self.tests_screen.run_changed()

    # runs

    def start_run(
        self,
        names: tuple[str, ...],
        *,
        retest: bool = False,
        from_step: int | None = None,
        shake: int | None = None,
    ) -> None:
        """Start a run of the tests ``names``, unless one goes on.

        Args:
            names: Exact names.
            retest: Whether their set-up is left out.
            from_step: Number, from 1, of the step at which the one test begins.
            shake: How many forks of each test run.
        """
        if self.rows.registry is None:
            return
        if self._starting or (self.session is not None and self.session.active):
            self.notify("A run is going on. v shows it; C there cancels it.", severity="warning")
            return
        from app.engine.api import RunOptions

        self._starting = True
        # What failed is run again with the means to look into it.
        checkpoints = shake is None and self._failed_all(names)
        self._start(
            RunOptions(names=names, checkpoints=checkpoints, retest=retest, from_step=from_step, shake=shake)
        )

    @work(group="start", exit_on_error=False)
    async def _start(self, options: RunOptions) -> None:
        from app.tui.run_session import RunSession

        registry = self.rows.registry
        assert registry is not None
        try:
            handle = await self.engine.start(registry, options)
        except Exception as error:
            self.post_message(RunRefused(*explain(error)))
            return
        finally:
            self._starting = False
        self.post_message(RunBegan(RunSession(handle, dict(self.rows.results), self.clock.mono)))

    def _failed_all(self, names: Iterable[str]) -> bool:
        last = [self.rows.results.get(name) for name in names]
        return all(r is not None and r.outcome in (Outcome.FAILED, Outcome.ERROR) for r in last)

    def on_run_refused(self, message: RunRefused) -> None:
        """Say why nothing runs."""
        text = f"{message.message}\n{message.remedy}".strip()
        self.notify(text, title="Not started", severity="error", timeout=10, markup=False)

    def on_run_began(self, message: RunBegan) -> None:
        """Follow the run and show it."""
        self.session = message.session
        self._done = 0
        self._told = 0
        self._follow(message.session)
        self.view_run()

    @work(group="run", exit_on_error=False)
    async def _follow(self, session: RunSession) -> None:
        try:
            await session.follow(self._run_changed)
            await session.handle.wait()
        except Exception as error:
            self.report(error)
        self.post_message(RunEnded(session))

    def _run_changed(self) -> None:
        """Ask for one redraw for all the events of a frame."""
        if not self.redraw_due:
            self.redraw_due = True
            later(self, max(FRAME, 4 * self._redraw_cost), self._refresh_run)

    def _refresh_run(self) -> None:
        self.redraw_due = False
        if self._leaving:
            return
        session = self.session
        began = time.perf_counter()
        try:
            if session is not None and session.state.done != self._done:
                self._done = session.state.done
                self.rows.results = {**self.rows.results, **session.results()}
            if session is not None:
                self._tell_notices(session)
            for screen in self.run_views:
                if screen.session is session:
                    screen.run_changed()
            self.tests_screen.run_changed()
            if session is not None:
                self._mark_steps(session)
        except Exception as error:
            self.report(error)
        # Very large runs are drawn less often, so that drawing never takes more than a part of the time.
        self._redraw_cost = time.perf_counter() - began

    def _mark_steps(self, session: RunSession) -> None:
        """Let recordings of terminals know which steps of their test began and ended."""
        if "app.tui.screens.terminal" not in sys.modules:
            return  # no terminal was opened
        from app.tui.screens.terminal import TerminalScreen

        for stack in self._screen_stacks.values():
            for screen in stack:
                if isinstance(screen, TerminalScreen) and (test := session.state.tests.get(screen.test)):
                    screen.steps_changed(test.steps)

    def _tell_notices(self, session: RunSession) -> None:
        """Show what a person should know of the run, once."""
        notices = session.state.notices
        for notice in notices[self._told :]:
            if notice.level == "warning":
                self.notify(notice.message, title="Run", severity="warning", timeout=10, markup=False)
        self._told = len(notices)

    def on_run_ended(self, message: RunEnded) -> None:
        """Tell how it went, and take its results over."""
        if self._leaving:
            return
        session = message.session
        self.read_trends()
        self._refresh_run()
        if self.rows.sort in (Sort.RESULT, Sort.DURATION):
            self.tests_screen.rows_changed()
        self.tests_screen.refresh_all()
        for screen in self.screen_stack:
            screen.refresh_bindings()
        finished = session.state.finished
        if finished is None:
            self.notify("The run's events ended early.", title="Run", severity="error")
            return
        bad = finished.failed + finished.errors
        title, words = run_ended(finished, signs.duration(finished.duration))
        self.notify(
            words,
            title=title,
            severity="error" if bad else "warning" if finished.cancelled else "information",
        )
        if worth_telling(finished, self.settings.ui.notify_after):
            self.tell_outside(title, words)

    def tell_outside(self, title: str, words: str) -> None:
        """Tell something to a person who looks elsewhere, as the settings want it."""
        way = way_of(self.settings.ui.notify, os.environ)
        if self._driver is not None and not self.is_headless and not self.is_web:
            self._driver.write(sequence(way, f"vmbench: {title}", words))

    def on_notify(self, event: Notify) -> None:
        """Keep notices from piling up: one of a kind, and three in all."""
        shown = list(self._notifications)
        fresh = event.notification
        for old in shown:
            same = (old.message, old.title) == (fresh.message, fresh.title)
            if same or (old in shown[: 1 - TOASTS] and old in self._notifications):
                self._unnotify(old, refresh=False)

    @work(group="view", exclusive=True, exit_on_error=False)
    async def view_run(self) -> None:
        """Show the run that goes on, or the last one."""
        if self.session is None and not self.last_run:
            self.notify("Nothing has run yet. r runs a test.")
        elif self.place == "run":
            await self._show_session()
        else:
            await self.go("run")

    async def _show_session(self) -> None:
        """Make the newest run the one that its place shows."""
        session = self.session
        # Imported when there is a run: the first paint does not wait for it.
        from app.tui.screens.run import RunScreen

        views = [screen for screen in self.screen_stack if isinstance(screen, RunScreen)]
        if session is None:
            await self._show_last_run()
            return
        if any(view.session is session for view in views):
            return
        for view in views:
            if view.room.panes and type(view) is RunScreen:
                view.take_session(session)  # what runs in its terminals goes on
                return
        while isinstance(self.screen, RunScreen):
            await self.pop_screen()
        await self.push_screen(RunScreen(session))

    async def _show_last_run(self) -> None:
        """Show the run of the last time as a past one."""
        runs, name = self.house.runs, self.last_run
        if runs is None or not name or self._last_run_opened:
            return
        self._last_run_opened = True
        try:
            found = await asyncio.to_thread(runs.find, name)
        except Exception as error:
            self._say_not("The last run is not there", error)
            self.last_run = ""
            return
        from app.tui.screens.past_run import PastRunScreen

        if self.session is None and self.place == "run":
            await self.push_screen(PastRunScreen(found, dict(self.rows.results), self.clock.mono))

    @work(group="past", exit_on_error=False)
    async def open_past(self, run: LoggedRun) -> None:
        """Show a past run, or one of another process, in the place of the runs."""
        from app.tui.screens.past_run import PastRunScreen

        await self.go("runs")
        await self.push_screen(PastRunScreen(run, dict(self.rows.results), self.clock.mono))

    @work(group="report", exit_on_error=False)
    async def export_report(self, folder: Path) -> None:
        """Ask where to write a report of a run, and write it.

        Args:
            folder: The run's folder.
        """
        from app.tui.screens.ask import AskReport, save_report

        asked = await self.push_screen_wait(AskReport(folder.name))
        if asked is None:
            return
        force = False
        if asked.exists():
            from app.tui.screens.dialogs import Confirm

            question = Confirm(
                f"Replace {asked.name}?", f"What is in {asked} now is lost.", yes="Replace", no="Keep"
            )
            force = await self.push_screen_wait(question)
            if not force:
                return
        try:
            await asyncio.to_thread(save_report, folder, asked, force)
        except Exception as error:
            self._say_not("Not written", error)
            return
        self.notify(f"Wrote {asked}.", markup=False)

    # machines

    @work(group="machine", exclusive=True, exit_on_error=False)
    async def walk_in(self, machine: str, *, beside: str = "") -> None:
        """Give the screen to a shell in a machine: a kept one, or that of a test that runs, ``beside`` it."""
        if beside:
            self.notify(
                f"{beside} is at work in {machine}: it sees what you change there. K keeps the machine.",
                title="Beside a test",
                markup=False,
            )
        try:
            found = await self.engine.adopt(machine)
            try:
                await self.walk(self, found, "")
            finally:
                await found.release()
        except Exception as error:
            self._say_not("Not attached", error)

    @work(group="editor", exclusive=True, exit_on_error=False)
    async def edit(self, file: Path, key: str, step: int | None = None, line: int | None = None) -> None:
        """Give the screen to the person's editor, and take the change over.

        Args:
            file: What to edit.
            key: Of the test in it to go to.
            step: Index of its step to go to.
            line: Where to go instead.
        """
        before = self.rows.registry
        try:
            await edit_file(self, file, key, step, line, self.edit_with)
        except Exception as error:
            self._say_not("Not edited", error)
            return
        if before is not None:
            self._edited = file, before
        self.load_registry()

    def _tell_edited(self, registry: Registry) -> bool:
        """Say what is different and wrong in a file that was just edited; return whether anything is."""
        edited, self._edited = self._edited, None
        if edited is None:
            return False
        file, before = edited
        from app import editing

        done = editing.outcome(before, registry, file)
        if done.changes:
            more = len(done.changes) - EDITS_TOLD
            told = [*done.changes[:EDITS_TOLD], *([f"and {more} more"] if more > 0 else [])]
            self.notify("\n".join(told), title="Changed", markup=False)
        for problem in done.problems[:EDITS_TOLD]:
            place = f"{problem.file.name}{f':{problem.line}' if problem.line else ''} {problem.key}".rstrip()
            text = "\n".join(filter(None, (place, problem.message, problem.remedy)))
            self.notify(text, title="It cannot run like this", severity="error", timeout=15, markup=False)
        return bool(done.problems or done.changes)

    @work(group="machine", exclusive=True, exit_on_error=False)
    async def rewind(self, test: str, step: int | None) -> None:
        """Fork a test's machine from before a step, and give the screen to a shell in the fork."""
        try:
            found = await self.engine.rewind(test, step)
            try:
                await self.walk(self, found.machine, found.typed)
            finally:
                await found.machine.release()
        except Exception as error:
            self._say_not("Not rewound", error)
            return
        kept = f"{found.machine.id}, {test} before step {found.number}, stays."
        self.notify(f"{kept} vmbench rm {found.machine.id} removes it.", title="Rewound", markup=False)

    def _say_not(self, title: str, error: Exception) -> None:
        text = "\n".join(explain(error)).strip()
        self.notify(text, title=title, severity="error", timeout=10, markup=False)

    @work(group="machine", exit_on_error=False)
    async def show_machine(self, machine: str) -> None:
        """Go to a machine in its place."""
        from app.tui.screens.machines import MachinesScreen

        await self.go("machines")
        for screen in self.screen_stack:
            if isinstance(screen, MachinesScreen):
                screen.select(machine)

    def open_terminal(self, machine: str, test: str = "", *, shape: object = None) -> None:
        """Open terminals in a machine, in their place; it is that of a test of the run if one is named."""
        recording = self._recording_of(test)
        screen = machine_screen(
            self.engine.adopt, machine, self.terminals, recording, test=test, saved=self._reread, shape=shape
        )
        self._show_terminals(screen)

    def _recording_of(self, test: str) -> Recording | None:
        session = self.session
        folder = None if session is None or not test else session.folder / "recordings"
        return self.terminals.recording(folder, self._secrets_of(test))

    def seat_in(self, machine: str, test: str) -> Seat:
        """Return what terminals in a machine of a test are opened in."""
        return machine_seat(self.engine.adopt, machine, self._recording_of(test), test)

    def new_tests(self) -> NewTests | None:
        """Return where tests go that are recorded."""
        from app.tui.terminal.seat import NewTests

        location = self.terminals.location
        return NewTests(location, self._reread) if location is not None else None

    @work(group="recordings", exclusive=True, exit_on_error=False)
    async def action_recordings(self) -> None:
        """Choose among the recordings of terminals, and play one."""
        folders = [self.terminals.recordings] if self.terminals.recordings is not None else []
        if self.session is not None:
            folders.append(self.session.folder)
        await play_one_of(self, folders)

    def _reread(self) -> None:
        self.load_registry()

    def _secrets_of(self, test: str) -> list[str]:
        from app.engine.masking import secrets_of

        registry = self.rows.registry
        if registry is None:
            return []
        named = [found for found in registry.tests if found.name == test]
        return [v for t in named for values in secrets_of(t, registry.services).values() for v in values]

    @work(group="terminals", exit_on_error=False)
    async def _show_terminals(self, screen: TerminalScreen) -> None:
        origin = self.place

        async def closed(_result: None) -> None:
            from app.tui.screens.terminal import TerminalScreen

            if self.place == "terminals" and not isinstance(self.screen, TerminalScreen):
                await self.go(origin)

        if self.place != "terminals":
            await self.switch_mode("terminals")
        await self.push_screen(screen, closed)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave every key to a focused terminal."""
        return not getattr(self.focused, "takes_all_keys", False)

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
            self.push_screen(Help(screen.NAME, screen.PURPOSE, screen.HELP_SCOPES))

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
        if isinstance(screen, VmScreen):
            for key in (key for scope in screen.SCOPE.split() for key in keymap.SCOPES[scope]):
                name = key.action.partition("(")[0]
                if not key.help or name == "back":
                    continue
                reason = screen.why_not(name)
                if not reason and not screen.check_action(name, ()):
                    continue
                label = f"{key.label.capitalize()} ({keymap.shown(keymap.keys_of(key, self.key_changes))})"
                if reason:
                    # Offered all the same, so that who looks for it finds out why it is not there.
                    tell = partial(self.notify, reason, title=key.label.capitalize(), markup=False)
                    yield SystemCommand(f"{label}: not now", reason, tell)
                    continue
                yield SystemCommand(label, key.help, partial(self.call_later, screen.run_action, key.action))
        for digit, place, title in places.titles():
            if place != self.place:
                go = partial(self.call_later, self.go, place)
                yield SystemCommand(f"Go to {title} ({digit})", f"Show the place {title}", go)
        yield SystemCommand("Recordings", "Play a recorded terminal", self.action_recordings)
        yield SystemCommand(
            "Command log (^l)", "Every command that was run on your behalf", self.action_commands
        )
        yield SystemCommand("Help (?)", "What this screen is for, and its keys", self.action_help)
        yield SystemCommand("Guide (F1)", "What can be done, in a few lines", self.action_guide)
        yield SystemCommand("Theme (t)", "Switch between dark and light", self.action_toggle_theme)
        yield SystemCommand("All themes", "Choose among all themes", self.action_change_theme)
        yield SystemCommand("Quit (q)", "Leave the workbench", lambda: self.call_later(self.action_quit))

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

        if self._leaving:
            return
        self._leaving = True
        self.push_screen(Closing(message))
        file, self._memory_file = self._memory_file, None  # this note is the last one
        if file is not None:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(write_memory, file, self._noted())
        try:
            await self.engine.close()
        finally:
            self.exit(code, return_code=code)

    def _fatal_error(self) -> None:
        """End without a traceback on the terminal; replaces Textual's own way, ``run_app`` raises."""
        self.fault = sys.exc_info()[1]
        self._close_messages_no_wait()

    def on_pane_broke(self, message: PaneBroke) -> None:
        """Report what a pane could not draw."""
        self.report(message.error)

    def report(self, error: BaseException) -> None:
        """Show an error of the workbench itself without ending it."""
        from app.tui.screens.dialogs import Report

        text = "".join(traceback.format_exception(error))
        if self._leaving or text in self._reported:
            return
        self._reported.add(text)
        if not isinstance(self.screen, Report):
            where = f"vmbench {__version__}, Textual {textual.__version__}, Python {sys.version.split()[0]}"
            self.push_screen(Report(f"{where}, in {self.place}\n\n{text}"))


async def _walk_in(app: App[int], machine: Machine, typed: str) -> None:
    from app.tui.walk_in import walk_in

    await walk_in(app, machine, typed)


def run_app(workbench: Workbench) -> int:
    """Open a workbench on this terminal and return its exit code when it was left; its engine is closed.

    Raises:
        Exception: a fault of the workbench's own ended it; the engine is closed and the terminal restored.
    """
    return asyncio.run(_run(workbench, workbench.engine))


def collect_again() -> None:
    """Look for garbage again where that was put off until the first paint; what is there now stays."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


async def _run(workbench: Workbench, engine: EngineApi) -> int:
    forget_exported_size()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, workbench.leave, "Stopping …", 128 + signal.SIGTERM)

    def hang_up(*_signal: object) -> None:
        # The loop may be stuck for ever, in a write to the terminal that is gone.
        _end_in(GONE_HARD_LIMIT)
        loop.call_soon_threadsafe(_hang_up, workbench, engine)

    signal.signal(signal.SIGHUP, hang_up)
    try:
        with workbench.command_log.listening():
            await workbench.run_async()
    finally:
        await workbench.house.close()
        await engine.close()
    if workbench.fault is not None:
        raise workbench.fault
    return workbench.return_code or 0


def _hang_up(workbench: Workbench, engine: EngineApi) -> None:
    """Leave when the terminal is gone, and see to it that the process ends."""
    code = 128 + signal.SIGHUP
    workbench.leave("Stopping …", code)

    async def end() -> None:
        await engine.close()
        # Textual waits for ever for a writer that lost its terminal.
        _end_in(GONE_LIMIT)

    workbench.ending = asyncio.get_running_loop().create_task(end())


def _end_in(seconds: float) -> None:
    """End the process after a while, whatever it does; the reaper sees to what it leaves."""
    timer = threading.Timer(seconds, os._exit, (128 + signal.SIGHUP,))
    timer.daemon = True
    timer.start()
