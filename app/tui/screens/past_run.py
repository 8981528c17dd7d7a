"""A past run, or one of another process: the run screen over its log, with a time slider once it is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.binding import BindingType

from app.engine.api import LastResult
from app.engine.past import LoggedRun
from app.logs.at_moment import LogAtMoment
from app.logs.log_file import LogFile
from app.tui import keymap
from app.tui.later import later
from app.tui.messages import explain
from app.tui.replay_session import ReplaySession
from app.tui.run_session import RunSession
from app.tui.screens.run import RunScreen
from app.tui.widgets.time_slider import SPEEDS, TimeSlider

FRAME = 0.1
"""Seconds between two drawings of a run that plays or goes on."""


class PastRunScreen(RunScreen):
    """Shows a logged run exactly as a live one.

    Args:
        run: The run.
        before: Last results by test name, for the estimate of one that goes on.
        clock: Returns monotonic seconds.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("past-run")
    NAME = "Past run"
    SCOPE = "past-run run panes"
    PURPOSE = (
        "A run as its log tells it: one that is over, or one that another vmbench executes. Nothing of it is "
        "changed here. Once it is over the slider on top leads to any moment of it: the tests, steps and "
        "outputs are those of that moment, and so are the consoles."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [("Time", "past-run"), *RunScreen.HELP_SCOPES]

    def __init__(self, run: LoggedRun, before: Mapping[str, LastResult], clock: Callable[[], float]) -> None:
        self.past = ReplaySession(run, before, clock)
        super().__init__(self.past)
        self.playing = False
        self.speed = SPEEDS[0]
        self._due = False
        self.live = False
        """Whether a run of this session is shown by now, and no past one."""

    def on_mount(self) -> None:
        """Read the log; the run screen's own start comes after this."""
        self.console.opens = self._open_console
        self.mount(TimeSlider(id="slider"), before="#panes")
        self.set_interval(FRAME, self._play)
        self._read()

    @work(exclusive=True, group="log", exit_on_error=False)
    async def _read(self) -> None:
        try:
            await self.past.follow(self._changed)
        except Exception as error:
            message, remedy = explain(error)
            self.notify(
                f"{message}\n{remedy}".strip(), title="Not read", severity="error", timeout=10, markup=False
            )
        self.refresh_bindings()

    def take_session(self, session: RunSession) -> None:
        """Show a run of this session as the run screen does; terminals and pinned consoles stay."""
        self.live = True
        self.playing = False
        self.workers.cancel_group(self, "log")
        self.query(TimeSlider).remove()
        self.console.opens = LogFile
        # What leads through time, and its keys, are gone.
        for name in ("NAME", "PURPOSE", "SCOPE", "HELP_SCOPES"):
            setattr(self, name, getattr(RunScreen, name))
        assert RunScreen._merged_bindings is not None
        self._bindings = RunScreen._merged_bindings.copy()
        super().take_session(session)
        self.refresh_bindings()

    def _changed(self) -> None:
        """Ask for one redraw for all the events of a frame."""
        if not self._due:
            self._due = True
            later(self, FRAME, self.run_changed)

    def _open_console(self, path: Path) -> LogAtMoment:
        log = LogAtMoment(path)
        log.moment = self.past.moment
        return log

    def run_changed(self) -> None:
        """Show the moment."""
        self._due = False
        super().run_changed()
        console = self.console.source if self.is_mounted else None
        if isinstance(console, LogAtMoment):
            console.moment = self.past.moment
        sliders = self.query(TimeSlider)
        if sliders and not self.live:
            sliders.first().show(self.past, playing=self.playing, speed=self.speed)

    # time

    def _play(self) -> None:
        if self.playing and self.on_top:
            moment = self.past.at + FRAME * self.speed
            if moment >= self.past.length:
                self.playing = False
            self.seek(moment)

    @on(TimeSlider.Sought)
    def _sought(self, event: TimeSlider.Sought) -> None:
        self.playing = False
        self.seek(event.moment)

    @work(group="seek", exit_on_error=False)
    async def seek(self, moment: float) -> None:
        """Show the run as it was at a moment, in seconds since it began."""
        if await self.past.seek(max(0.0, min(moment, self.past.length))) and not self.live:
            self.run_changed()
            self.refresh_bindings()

    def action_event(self, direction: int) -> None:
        """Go to the event before or after."""
        self.playing = False
        self.seek(self.past.neighbour(direction))

    def action_seconds(self, seconds: float) -> None:
        """Go some seconds back or on."""
        self.playing = False
        self.seek(self.past.at + seconds)

    def action_ends(self, end: bool) -> None:
        """Go to the run's beginning or its end."""
        self.playing = False
        self.seek(self.past.length if end else 0.0)

    def action_play(self) -> None:
        """Play the run from here, or from its beginning; or stop."""
        self.playing = not self.playing
        if self.playing and self.past.at_end:
            self.seek(0.0)
        else:
            self.run_changed()

    def action_speed(self) -> None:
        """Play faster, or at the run's own pace again."""
        self.speed = SPEEDS[(SPEEDS.index(self.speed) + 1) % len(SPEEDS)]
        self.run_changed()

    def console_title(self) -> str:
        """Return whose console it is, and where its lines have no times that it is not cut off."""
        console = self.console.source
        whole = isinstance(console, LogAtMoment) and console.moment is not None and console.timeless
        return super().console_title() + (" (whole: nobody noted its times)" if whole else "")

    def why_not(self, action: str) -> str:
        """Say why an action cannot be done now."""
        if self.live:
            return super().why_not(action)
        if action in ("event", "seconds", "ends", "play", "speed"):
            return "" if self.past.over else "The run goes on; its time can be moved when it is over."
        if action == "rewind":
            test = self.run_list.current
            last = self.workbench.rows.results.get(test.name) if test is not None else None
            if last is not None and last.run != self.session.handle.id:
                return "This test ran again since; only its last run can be rewound."
        return super().why_not(action)
