"""The recordings of a room's terminals, and the one that becomes a new test."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from textual.widget import Widget

from app.engine.events import Outcome
from app.engine.state import StepState
from app.setting_kinds import prefix_name
from app.tui.screens.choices import Ask
from app.tui.screens.new_test import NewTestScreen
from app.tui.terminal.ansi_rows import screen_text
from app.tui.terminal.cast import CastWriter
from app.tui.terminal.cast_file import CastError, read_cast
from app.tui.terminal.pane import TerminalPane
from app.tui.terminal.prompts import commands_of
from app.tui.terminal.recording import Recording
from app.tui.terminal.seat import NewTests, Seat


class RecordedPanes:
    """Begins, marks and ends the recordings of terminals.

    Args:
        room: Where they are; its workers end recordings.
        seats: What each terminal is in; read whenever that is asked.
        new_tests: Where tests go that are recorded; ``None`` where they cannot be.
    """

    def __init__(self, room: Widget, seats: Mapping[TerminalPane, Seat], new_tests: NewTests | None) -> None:
        self._room = room
        self._seats = seats
        self.new_tests = new_tests
        self.captured: TerminalPane | None = None
        """The pane in which a new test is being recorded."""
        self._steps: dict[str, list[tuple[bool, Outcome | None]]] = {}

    def record(
        self, pane: TerminalPane, screen: str, recording: Recording | None = None
    ) -> CastWriter | None:
        """Begin to record a pane.

        Args:
            pane: The pane.
            screen: What it shows already, as text with its colours.
            recording: How, if not as its seat says.

        Returns:
            What writes it, or nothing if that cannot be; the person is told then.
        """
        recording = recording or self._seats[pane].recording
        assert recording is not None
        model = pane.model
        try:
            cast = recording.begin(pane.label, model.columns, model.lines, screen)
        except OSError as error:
            self._room.app.notify(
                f"{error.strerror or error}\nFree some disk space, or point VMBENCH_STATE elsewhere.",
                title="Not recorded",
                severity="error",
                markup=False,
            )
            return None
        cast.when_it_fails(lambda: pane.call_later(self._not_recorded, pane, cast))
        pane.recorder = cast
        return cast

    def _not_recorded(self, pane: TerminalPane, cast: CastWriter) -> None:
        """End a recording that cannot be written; its terminal goes on."""
        if pane.recorder is not cast:
            return  # whoever ended it tells
        pane.recorder = None
        if self.captured is pane:
            self.captured = None
        pane.retitle()
        self._end(cast)

    def _end(self, cast: CastWriter) -> None:
        self._room.run_worker(self._close(cast), group="recordings", exit_on_error=False)

    async def _close(self, cast: CastWriter) -> None:
        """End a recording and tell what became of it."""
        await asyncio.to_thread(cast.close)
        app = self._room.app
        if cast.failure is not None:
            app.notify(
                f"{cast.failure.strerror}. What was written is in {cast.path}\n"
                "Free some disk space, or point VMBENCH_STATE elsewhere.",
                title="The recording ended",
                severity="error",
                markup=False,
            )
        else:
            app.notify(f"Recorded: vmbench play {cast.path}", title="Recording", markup=False)

    def toggle(self, pane: TerminalPane) -> None:
        """Begin to record a pane, or end it."""
        room = self._room
        if self._seats[pane].recording is None:
            room.notify("There is nowhere to put a recording.", severity="warning")
            return
        if pane is self.captured:
            room.notify("It is recorded for a new test; T ends that.")
            return
        if pane.recorder is None:
            begun = self.record(pane, screen_text(pane.model))
            if begun is not None:
                room.notify(f"Recording to {begun.path}", markup=False)
        else:
            cast, pane.recorder = pane.recorder, None
            self._end(cast)
        pane.retitle()

    def ask_to_mark(self, pane: TerminalPane) -> None:
        """Mark this moment of a pane's recording by words that are asked for."""
        if pane.recorder is None:
            self._room.notify("It is not recorded. R after the prefix key begins to.")
            return

        def answered(label: str | None) -> None:
            if label and pane.recorder is not None:
                pane.recorder.marker(label)

        question = Ask("Mark this moment of the recording", "enter marks · esc closes")
        self._room.app.push_screen(question, answered)

    def steps_changed(self, test: str, steps: Sequence[StepState]) -> None:
        """Mark what steps of a test began or ended, in every recording of its machine."""
        now = [(step.started is not None, step.outcome) for step in steps]
        before = self._steps.get(test)
        self._steps[test] = now
        for index, step in enumerate(steps if before is not None else ()):
            assert before is not None
            began, outcome = before[index] if index < len(before) else (False, None)
            what = f"step {index + 1} {step.action} {step.name}"
            if step.started is not None and not began:
                self._mark_all(test, what)
            if step.outcome is not None and outcome is None:
                self._mark_all(test, f"{what}: {step.outcome}")

    def _mark_all(self, test: str, label: str) -> None:
        for pane, seat in self._seats.items():
            if pane.recorder is not None and seat.test == test:
                pane.recorder.marker(label)

    # new tests

    def capture(self, pane: TerminalPane) -> None:
        """Record a shell whose commands become a test, with what is typed: that is the very thing here."""
        recording = self._seats[pane].recording
        assert recording is not None
        if self.record(pane, "", replace(recording, typed=True)) is None:
            return
        self.captured = pane
        name = prefix_name(pane.prefix)
        told = f"What is typed here becomes a test. {name} T, or the shell's end, leads to its review."
        self._room.notify(told)

    def review(self) -> None:
        """Show the commands of the shell that was recorded for a new test."""
        pane, self.captured = self.captured, None
        if pane is None or pane.recorder is None or self.new_tests is None:
            return
        cast, pane.recorder = pane.recorder, None
        pane.retitle()
        reading = self._read_commands(cast, self.new_tests, self._seats[pane].label)
        self._room.run_worker(reading, group="review", exclusive=True, exit_on_error=False)

    async def _read_commands(self, cast: CastWriter, target: NewTests, label: str) -> None:
        app = self._room.app
        await asyncio.to_thread(cast.close)
        try:
            commands = await asyncio.to_thread(lambda: commands_of(read_cast(cast.path)))
        except CastError as error:
            app.notify(error.message, title="No test", severity="error", markup=False)
            return
        if not commands:
            app.notify("Nothing was typed in it.", title="No test", severity="warning")
            return
        screen = NewTestScreen(commands, target.location, summary=f"Recorded in {label}")

        def closed(_result: None) -> None:
            if screen.saved:
                target.saved()
            else:
                later = f"vmbench record {cast.path} --test NAME"
                app.notify(f"Nothing was saved. {later} makes a test of it later.", markup=False)

        await app.push_screen(screen, closed)
