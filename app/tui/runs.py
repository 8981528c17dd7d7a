"""Runs as the workbench has them: started, followed, shown, told of, and the past ones opened."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.engine.outcome import Outcome
from app.notices import run_ended, sequence, way_of, worth_telling
from app.tui import signs
from app.tui.later import later
from app.tui.messages import RunBegan, RunEnded, RunRefused, explain
from app.tui.test_rows import Sort

# What shows a run is imported when there is one: the first frame would wait for it.
if TYPE_CHECKING:
    from app.engine.api import RunOptions
    from app.engine.past import LoggedRun
    from app.tui.app import Workbench
    from app.tui.run_session import RunSession
    from app.tui.screens.run import RunScreen

FRAME = 1 / 15
"""Seconds between two redraws of a run, at least."""
NOTICES = 3
"""What a run says of itself that is shown at once, at most."""


class Runs:
    """Starts runs, follows the one that goes on, and shows them.

    Args:
        app: The workbench.
    """

    def __init__(self, app: Workbench) -> None:
        self._app = app
        self.session: RunSession | None = None
        """The run that goes on, or the last one of this start."""
        self.last_run = ""
        """Id of the run that was shown the last time."""
        self.views: set[RunScreen] = set()
        """Every screen that shows a run."""
        self.redraw_due = False
        """Whether a redraw of the run was asked for and is still to come."""
        self._last_run_opened = False
        self._redraw_cost = 0.0
        self._done = 0
        self._told = 0
        self._starting = False

    def start(
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
        if self._app.rows.registry is None:
            return
        if self._starting or (self.session is not None and self.session.active):
            self._app.notify("A run is going on. v shows it; C there cancels it.", severity="warning")
            return
        from app.engine.api import RunOptions

        self._starting = True
        # What failed is run again with the means to look into it.
        checkpoints = shake is None and self._failed_all(names)
        options = RunOptions(
            names=names, checkpoints=checkpoints, retest=retest, from_step=from_step, shake=shake
        )
        self._app.background(partial(self._start, options), group="start")

    async def _start(self, options: RunOptions) -> None:
        from app.tui.run_session import RunSession

        registry = self._app.rows.registry
        assert registry is not None
        try:
            handle = await self._app.engine.start(registry, options)
        except Exception as error:
            self._app.post_message(RunRefused(*explain(error)))
            return
        finally:
            self._starting = False
        self._app.post_message(
            RunBegan(RunSession(handle, dict(self._app.rows.results), self._app.clock.mono))
        )

    def _failed_all(self, names: Iterable[str]) -> bool:
        last = [self._app.rows.results.get(name) for name in names]
        return all(r is not None and r.outcome in (Outcome.FAILED, Outcome.ERROR) for r in last)

    def refused(self, message: RunRefused) -> None:
        """Say why nothing runs."""
        text = f"{message.message}\n{message.remedy}".strip()
        self._app.notify(text, title="Not started", severity="error", timeout=10, markup=False)

    def began(self, message: RunBegan) -> None:
        """Follow the run and show it."""
        self.session = message.session
        self._done = 0
        self._told = 0
        self._app.background(partial(self._follow, message.session), group="run")
        self.view()

    async def _follow(self, session: RunSession) -> None:
        try:
            await session.follow(self._run_changed)
            await session.handle.wait()
        except Exception as error:
            self._app.report(error)
        self._app.post_message(RunEnded(session))

    def _run_changed(self) -> None:
        """Ask for one redraw for all the events of a frame."""
        if not self.redraw_due:
            self.redraw_due = True
            later(self._app, max(FRAME, 4 * self._redraw_cost), self.refresh)

    def refresh(self) -> None:
        """Draw the run, and what else tells of it, anew."""
        self.redraw_due = False
        if self._app.leaving:
            return
        session = self.session
        began = time.perf_counter()
        try:
            if session is not None and session.state.done != self._done:
                self._done = session.state.done
                self._app.rows.results = {**self._app.rows.results, **session.results()}
            if session is not None:
                self._tell_notices(session)
            for screen in self.views:
                if screen.session is session:
                    screen.run_changed()
            self._app.tests_screen.run_changed()
            if session is not None:
                self._mark_steps(session)
        except Exception as error:
            self._app.report(error)
        # Very large runs are drawn less often, so that drawing never takes more than a part of the time.
        self._redraw_cost = time.perf_counter() - began

    def _mark_steps(self, session: RunSession) -> None:
        """Let recordings of terminals know which steps of their test began and ended."""
        if "app.tui.screens.terminal" not in sys.modules:
            return  # no terminal was opened
        from app.tui.screens.terminal import TerminalScreen

        for stack in self._app._screen_stacks.values():
            for screen in stack:
                if isinstance(screen, TerminalScreen) and (test := session.state.tests.get(screen.test)):
                    screen.steps_changed(test.steps)

    def _tell_notices(self, session: RunSession) -> None:
        """Show what a person should know of the run, once."""
        notices = session.state.notices
        fresh = notices[self._told :]
        for notice in fresh:
            if notice.level == "warning":
                self._app.notify(notice.message, title="Run", severity="warning", timeout=10, markup=False)
        if told := [notice.message for notice in fresh if notice.level == "info"]:
            more = [f"… and {len(told) - NOTICES} more"] if len(told) > NOTICES else []
            self._app.notify("\n".join([*told[:NOTICES], *more]), title="Run", markup=False)
        self._told = len(notices)

    def ended(self, message: RunEnded) -> None:
        """Tell how it went, and take its results over."""
        if self._app.leaving:
            return
        session = message.session
        self._app.reading.read_trends()
        self.refresh()
        if self._app.rows.sort in (Sort.RESULT, Sort.DURATION):
            self._app.tests_screen.rows_changed()
        self._app.tests_screen.refresh_all()
        for screen in self._app.screen_stack:
            screen.refresh_bindings()
        finished = session.state.finished
        if finished is None:
            self._app.notify("The run's events ended early.", title="Run", severity="error")
            return
        bad = finished.failed + finished.errors
        title, words = run_ended(finished, signs.duration(finished.duration), session.state.shaken.values())
        self._app.notify(
            words,
            title=title,
            severity="error" if bad else "warning" if finished.cancelled else "information",
            markup=False,
        )
        if worth_telling(finished, self._app.settings.ui.notify_after):
            self._tell_outside(title, words)

    def _tell_outside(self, title: str, words: str) -> None:
        """Tell something to a person who looks elsewhere, as the settings want it."""
        way = way_of(self._app.settings.ui.notify, os.environ)
        if self._app._driver is not None and not self._app.is_headless and not self._app.is_web:
            self._app._driver.write(sequence(way, f"vmbench: {title}", words))

    def view(self) -> None:
        """Show the run that goes on, or the last one."""
        self._app.background(self._view, group="view", exclusive=True)

    async def _view(self) -> None:
        if self.session is None and not self.last_run:
            self._app.notify("Nothing has run yet. r runs a test.")
        elif self._app.place == "run":
            await self.show()
        else:
            await self._app.go("run")

    async def show(self) -> None:
        """Make the newest run the one that its place shows."""
        session = self.session
        # Imported when there is a run: the first paint does not wait for it.
        from app.tui.screens.run import RunScreen

        views = [screen for screen in self._app.screen_stack if isinstance(screen, RunScreen)]
        if session is None:
            await self._show_last_run()
            return
        if any(view.session is session for view in views):
            return
        for view in views:
            if view.holds_more:
                view.take_session(session)  # what runs in its terminals goes on
                return
        while isinstance(self._app.screen, RunScreen):
            await self._app.pop_screen()
        fresh = RunScreen(session)
        await self._app.push_screen(fresh)
        await self._app.remembering.reopen_room(fresh)

    async def _show_last_run(self) -> None:
        """Show the run of the last time as a past one."""
        runs, name = self._app.house.runs, self.last_run
        if runs is None or not name or self._last_run_opened:
            return
        self._last_run_opened = True
        try:
            found = await asyncio.to_thread(runs.find, name)
        except Exception as error:
            self._app.say_not("The last run is not there", error)
            self.last_run = ""
            return
        if self.session is None and self._app.place == "run":
            await self._app.remembering.reopen_room(await self._show_past(found))

    def open_past(self, run: LoggedRun) -> None:
        """Show a past run, or one of another process, in the place of the runs."""
        self._app.background(partial(self._open_past, run), group="past")

    async def _open_past(self, run: LoggedRun) -> None:
        await self._app.go("runs")
        await self._show_past(run)

    async def _show_past(self, run: LoggedRun) -> RunScreen:
        from app.tui.screens.past_run import PastRunScreen

        screen = PastRunScreen(run, dict(self._app.rows.results), self._app.clock.mono)
        await self._app.push_screen(screen)
        return screen

    def export_report(self, folder: Path) -> None:
        """Ask where to write a report of a run, and write it.

        Args:
            folder: The run's folder.
        """
        self._app.background(partial(self._export_report, folder), group="report")

    async def _export_report(self, folder: Path) -> None:
        from app.tui.screens.ask import AskReport, save_report

        asked = await self._app.push_screen_wait(AskReport(folder.name))
        if asked is None:
            return
        force = False
        if asked.exists():
            from app.tui.screens.dialogs import Confirm

            question = Confirm(
                f"Replace {asked.name}?", f"What is in {asked} now is lost.", yes="Replace", no="Keep"
            )
            force = await self._app.push_screen_wait(question)
            if not force:
                return
        try:
            await asyncio.to_thread(save_report, folder, asked, force)
        except Exception as error:
            self._app.say_not("Not written", error)
            return
        self._app.notify(f"Wrote {asked}.", markup=False)
