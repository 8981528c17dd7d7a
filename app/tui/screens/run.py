"""The run screen: progress, tests, the selected test's steps and its console."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from app.engine.events import Outcome, Phase
from app.engine.state import TestState
from app.logs.log_file import LogFile
from app.tui import keymap, signs
from app.tui.acting import ActingScreen, names_in_registry
from app.tui.layout import Split
from app.tui.run_session import RunSession
from app.tui.screens.consoles import ConsolesScreen
from app.tui.screens.dialogs import Confirm
from app.tui.screens.output import OutputScreen
from app.tui.screens.room_screen import RoomScreen
from app.tui.terminal.splits import Direction
from app.tui.widgets.find_bar import FindBar
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.line_list import LineList
from app.tui.widgets.log_view import LogView
from app.tui.widgets.places_bar import PlacesBar
from app.tui.widgets.run_header import TICK, RunHeader
from app.tui.widgets.run_list import RunList
from app.tui.widgets.timeline import Timeline
from registry.model import Test

if TYPE_CHECKING:
    from app.engine.usage import Usage


class RunScreen(RoomScreen, ActingScreen):
    """Shows a run, while it goes on and afterwards.

    Args:
        session: The run.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings("run"), *keymap.bindings("panes")]
    PANES = ("run-tests", "timeline", "room")
    SPLITS = (
        Split("run.tests", ("run-tests",), "right", turns=True),
        Split("run.timeline", ("timeline",), "room"),
    )
    NAME = "Run"
    SCOPE = "run panes"
    PURPOSE = (
        "A run, live: how far it is, what every machine does, and for the selected test its steps with their "
        "output and its console. Esc goes back to the tests and leaves the run going; v comes back here."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Run", "run"),
        ("Tests and steps", "list"),
        ("Console", "log"),
        ("Panes", "panes"),
        ("In a terminal, after the prefix key", "terminal"),
        ("While typing a search or a filter", "find"),
        ("Everywhere", "app"),
    ]

    def __init__(self, session: RunSession) -> None:
        super().__init__()
        self.session = session
        self._console_words = ""
        self._question: tuple[Confirm, Callable[[], bool]] | None = None
        """What is asked about something that goes on, and whether it still does."""
        self._offered: tuple[object, ...] = ()
        """What decides which actions are offered, as it was last."""

    def compose(self) -> ComposeResult:
        """Make the panes."""
        yield PlacesBar(self.workbench.place)
        yield RunHeader(id="header", markup=False)
        with Container(id="panes"):
            yield RunList(id="run-tests")
            with Container(id="right"):
                yield Timeline(id="timeline")
                yield self.make_room(LogView(id="console"))
        yield FindBar("console")
        yield self.terminal_keys
        yield KeyFooter()

    def on_mount(self) -> None:
        """Begin in the list of tests."""
        self.workbench.runs.views.add(self)
        self.entitle("run-tests", "tests")
        self.console.place_steps = self._steps
        self.set_focus(self.run_list)
        self._show_run()
        self.set_interval(TICK, self._tick)
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.run_changed())

    async def on_unmount(self) -> None:
        """Be told no more."""
        self.workbench.runs.views.discard(self)

    def take_session(self, session: RunSession) -> None:
        """Show another run; terminals and pinned consoles stay."""
        self.session = session
        self.keep_pins()
        self.console.attach(None)
        self.run_changed()

    @property
    def run_list(self) -> RunList:
        """The tests of the run."""
        return self.query_one("#run-tests", RunList)

    @property
    def timeline(self) -> Timeline:
        """The steps of the selected test."""
        self.catch_up()
        return self.query_one("#timeline", Timeline)

    @property
    def console(self) -> LogView:
        """The console of the selected test's machine."""
        self.catch_up()
        return self.query_one("#console", LogView)

    @property
    def shown_log(self) -> LogView:
        """The console that keys are for."""
        self.catch_up()
        return super().shown_log

    # what the app tells

    def run_changed(self) -> None:
        """Show where the run is."""
        if self.is_mounted:
            self._show_run()

    def _show_run(self) -> None:
        self.query_one(RunHeader).show(self.session)
        self.run_list.show(self.session)
        self._show_test()
        self.room_changed()
        self._offer()
        self._withdraw()

    def _offer(self) -> None:
        """Offer what can be done now, where that is something else than before."""
        test = self.run_list.current
        of_test = None if test is None else (test.name, test.phase, test.result is None, test.kept is None)
        offered = (self.session.active, len(self.session.failed()), of_test)
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    def _tick(self) -> None:
        if self.session.active and self.on_top:
            self.query_one(RunHeader).show(self.session)
            self.run_list.refresh_clocks()
            self.timeline.refresh_clocks()
            self._sample()

    @work(group="usage", exclusive=True, exit_on_error=False)
    async def _sample(self) -> None:
        """Learn what the machines at work use, where there is room to show it."""
        room = self.workbench.house.machines
        names = {test.machine for test in self.session.state.running()} - {""}
        if room is None or not names or not self.run_list.shows_usage:
            return

        def look() -> Mapping[str, Usage]:
            return room.usage([view for view in room.machines() if view.id in names])

        self.run_list.show_usage(await asyncio.to_thread(look))

    def _show_test(self) -> None:
        test = self.run_list.current
        timeline = self.timeline
        timeline.show(self.session, test)
        console = self.console
        if test is None:
            self.entitle("timeline", "steps")
            self.room.entitle(console, "console")
            console.attach(None)
            return
        self.entitle("timeline", f"steps of {test.name}")
        self._title_console()
        console.say(_console_words(test.phase, test.phase_detail, over=test.result is not None))
        path = self.session.console_of(test)
        # A console that is read already stays open when its machine and file are gone.
        if str(console.path) != test.console or not console.line_count:
            console.attach(path)

    @on(LineList.Moved, "#run-tests")
    def _moved(self) -> None:
        self.follow(self._show_selected)

    def _show_selected(self) -> None:
        self._show_test()
        self._offer()

    @on(LineList.Chosen, "#run-tests")
    def _chosen_test(self) -> None:
        self.set_focus(self.timeline)

    @on(LineList.Chosen, "#timeline")
    def _chosen_step(self) -> None:
        self.timeline.toggle()

    @on(LogView.Status, "#console")
    def _console_status(self, event: LogView.Status) -> None:
        self._console_words = event.text
        self._title_console()

    def _title_console(self) -> None:
        words = (self.console_title(), self._console_words)
        self.room.entitle(self.console, " · ".join(filter(None, words)))

    def console_title(self) -> str:
        """Return whose console it is."""
        test = self.run_list.current
        return f"console of {test.machine}" if test is not None and test.machine else "console"

    # cancelling

    def action_cancel_test(self) -> None:
        """Cancel the selected test, after a question."""
        test = self.run_list.current
        if test is None or test.result is not None or not self.session.active:
            self.notify("This test is over already.")
            return
        name = test.name
        loss = (
            f"Its machine {test.machine} and everything in it is lost."
            if test.machine
            else "It has no machine yet; it will not start."
        )

        def answered(yes: bool | None) -> None:
            if yes:
                self.session.cancel(name)
                self.run_changed()

        question = Confirm(f"Cancel {name}?", loss, yes="Cancel the test", no="Let it run")
        self._ask(question, lambda: self.session.active and test.result is None, answered)

    def action_cancel_run(self) -> None:
        """Cancel the run, after a question."""
        if not self.session.active:
            self.notify("The run is over already.")
            return
        state = self.session.state
        left = len(state.tests) - state.done
        machines = signs.counted(len(state.running()), "machine")

        def answered(yes: bool | None) -> None:
            if yes:
                self.session.cancel()
                self.run_changed()

        loss = f"{signs.counted(left, 'test')} will not finish; {machines} at work and all in them are lost."
        question = Confirm("Cancel the whole run?", loss, yes="Cancel the run", no="Let it run")
        self._ask(question, lambda: self.session.active, answered)

    def _ask(
        self, question: Confirm, going: Callable[[], bool], answered: Callable[[bool | None], None]
    ) -> None:
        """Ask something as long as what it is about goes on."""
        self._question = (question, going)
        self.app.push_screen(question, answered)

    def _withdraw(self) -> None:
        """Take a question back whose subject ended meanwhile."""
        if self._question is None:
            return
        question, going = self._question
        if not question.is_current:
            # It was answered, or something is over it; then it is looked at again.
            self._question = self._question if question.is_attached else None
        elif not going():
            self._question = None
            question.dismiss(None)
            self.notify("It ended meanwhile; nothing was cancelled.")

    def action_run_failed(self) -> None:
        """Run again what failed."""
        self.workbench.runs.start(names_in_registry(test.name for test in self.session.failed()))

    # walking in

    def action_attach(self) -> None:
        """Walk into the machine that the selected test left, or runs in."""
        test = self.run_list.current
        if test is not None and test.kept is not None:
            self.workbench.doors.walk_in(test.kept.machine)
        elif test is not None and _lives(test):
            self.workbench.doors.walk_in(test.machine, beside=test.name)

    def action_rewind(self) -> None:
        """Go back to before the step under the cursor, or the one that failed."""
        test = self.run_list.current
        if test is not None:
            index = self.timeline.current_step if self.focused is self.timeline else None
            self.workbench.doors.rewind(test.name, None if index is None else index + 1)

    def action_keep(self) -> None:
        """Keep the machine of a test that runs when it is over, remove it, or leave it to the policy."""
        test = self.run_list.current
        if test is None or test.result is not None:
            self.notify(self.why_not("keep") or "There is no test under the cursor.")
            return
        wanted = {None: True, True: False, False: None}[test.wish]
        self.session.handle.keep(test.name, wanted)
        ends = {
            True: "It is kept when the test is over. K again removes it instead.",
            False: "It is removed when the test is over. K again leaves it to the test's policy.",
            None: "It is kept or removed as the test's policy says.",
        }
        self.notify(ends[wanted], title=f"The machine of {test.name}", markup=False)

    # terminals and consoles beside each other

    def action_split(self, direction: Direction) -> None:
        """Open a terminal in the test's machine beside the console, or below."""
        test = self.run_list.current
        if reason := self.why_not("split"):
            self.notify(reason)
        elif test is not None:
            self.open_beside(test.kept.machine if test.kept else test.machine, test.name, direction)

    def action_pin(self) -> None:
        """Keep the console of the test's machine in view, in a pane of its own."""
        test = self.run_list.current
        if reason := self.why_not("pin"):
            self.notify(reason)
        elif test is not None:
            self.pin(test)

    # acting on the test

    def chosen_test(self) -> Test | None:
        """Return the registry's test that is selected."""
        test = self.run_list.current
        return self.registry_test(test.name) if test is not None else None

    def chosen_names(self) -> tuple[str, ...]:
        """Return the selected test's name."""
        test = self.chosen_test()
        return (test.name,) if test is not None else ()

    def chosen_step(self) -> int | None:
        """Return the step under the cursor, or the one that decided."""
        index = self.timeline.current_step if self.focused is self.timeline else None
        return self.timeline.deciding_step() if index is None else index

    def action_from_step(self) -> None:
        """Run the test from the step under the cursor, or the one that failed."""
        names, index = self.chosen_names(), self.chosen_step()
        if names and index is not None:
            self.workbench.runs.start(names, from_step=index + 1)
        else:
            self.notify("No step has run yet.")

    def action_copy_command(self) -> None:
        """Copy the command of the step under the cursor, or of the one that failed."""
        test, index = self.run_list.current, self.chosen_step()
        command = test.steps[index].command if test is not None and index is not None else ""
        if command and index is not None:
            self.copy_text(command, f"the command of step {index + 1}")
        else:
            self.notify("No step with a command has run yet.")

    # reading

    def action_open_output(self) -> None:
        """Open the whole output of the step under the cursor, or of the one that decided."""
        test = self.run_list.current
        if test is None:
            return
        index = self.timeline.current_step if self.focused is self.timeline else None
        if index is None:
            index = self.timeline.deciding_step()
        if index is None:
            self.notify("No step has run yet.")
            return
        step = test.steps[index]
        paths = self.session.outputs_of(step)
        if not paths:
            self.timeline.open_step(index)
            self.set_focus(self.timeline)
            return
        title = f"{test.name} · step {index + 1} {step.action} {step.name}"
        begin = len(paths) - 1 if step.outcome is Outcome.FAILED else 0
        self.app.push_screen(OutputScreen(title, paths, begin))

    def action_terminal(self) -> None:
        """Open a terminal in the machine that was kept, or that the test runs in."""
        test = self.run_list.current
        if reason := self.why_not("terminal"):
            self.notify(reason)
        elif test is not None:
            self.workbench.doors.open_terminal(test.kept.machine if test.kept else test.machine, test.name)

    def action_export(self) -> None:
        """Write a report of the run."""
        self.workbench.runs.export_report(self.session.folder)

    def action_follow(self) -> None:
        """Follow the console's end, or stay."""
        self.shown_log.following = not self.shown_log.following

    def action_consoles(self) -> None:
        """Show the consoles of all machines as one."""
        self.app.push_screen(
            ConsolesScreen(
                "Consoles of the run", self.session.consoles, self.session.step_places, self.console.opens
            )
        )

    def log_name(self) -> str:
        """Return what to call a file that the console is exported to."""
        if self.shown_log in self.pinned:
            return f"{self.pinned[self.shown_log].machine}.log"
        test = self.run_list.current
        return f"{test.machine}.log" if test is not None and test.machine else super().log_name()

    def _steps(self) -> list[tuple[int, str]]:
        """Return the lines of the console at which the test's steps began."""
        test, log = self.run_list.current, self.console.source
        if test is None or not isinstance(log, LogFile):
            return []
        return [
            (log.line_at(step.console), f"step {index} {step.action} {step.name}".rstrip())
            for index, step in enumerate(test.steps, 1)
            if step.console is not None
        ]

    def action_copy(self) -> None:
        """Copy what is selected, or what the focused pane shows."""
        text = self.get_selected_text()
        what = "the selection"
        if not text and self.focused is self.timeline:
            test, step = self.timeline.test, self.timeline.current_step
            if step is not None:
                text, what = self.timeline.step_text(step), f"the output of step {step + 1}"
            elif test is not None and test.kept is not None:
                text, what = test.kept.command, f"the command that walks into {test.machine}"
        if not text and self.shown_log.line_count:
            text, what = self.shown_log.visible_text(), "the console in view"
        if text:
            self.app.copy_to_clipboard(text)
            self.notify(f"Copied {what}.")
        else:
            self.notify("There is nothing to copy.")

    def action_back(self) -> None:
        """End the search, then the filter, then the zoom, then go back to the tests."""
        if self.find.close():
            return
        if self.zoomed:
            self.unzoom()
        elif self.workbench.place == "run":
            self.app.call_later(self.workbench.go, "tests")
        else:
            self.leave_terminals(self.dismiss)

    def why_not(self, action: str) -> str:
        """Say why an action cannot be done now."""
        test = self.run_list.current
        if action == "pin" and (test is None or not test.console):
            return "It has no machine yet, so there is no console."
        if action in ("attach", "terminal", "split") and (test is None or not (test.kept or _lives(test))):
            if test is not None and test.result is None:
                return "Its machine does not take commands yet."
            return "Its machine was not kept. K while a test runs keeps it, and so does the setting keep (0)."
        if action == "keep" and (test is None or test.result is not None or not self.session.active):
            return "Its test is over. The machine is kept or gone; 4 lists the machines."
        if action in ("retest", "from_step", "shake", "run_failed") and self.session.active:
            return "The run is not over yet."
        if action == "run_failed" and not self.session.failed():
            return "Nothing failed."
        if action in ("edit", "retest", "from_step", "shake") and self.chosen_test() is None:
            return "The registry has no such test any more."
        if action in ("cancel_test", "cancel_run") and not self.session.active:
            return "The run is over already."
        if action in ("cancel_test", "cancel_run") and self.session.read_only:
            return "Another vmbench executes this run; it can be cancelled there."
        if action == "rewind" and (test is None or test.result is None or not self.session.can_rewind(test)):
            return "There is no checkpoint of it. A test that failed is run again with checkpoints."
        return ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done now, and leave every key to a focused terminal."""
        if self.is_mounted and self.room.current is not None:
            return False
        if action in ("cancel_test", "cancel_run", "run_failed", "attach", "rewind"):
            return self.is_mounted and not self.reason_against(action)
        return super().check_action(action, parameters)


def _lives(test: TestState) -> bool:
    """Whether the machine of a test that runs takes commands."""
    return test.running and bool(test.machine) and test.phase is Phase.READY


def _console_words(phase: Phase | None, detail: str, *, over: bool) -> str:
    if over:
        return "This machine printed nothing, or its console is gone with it."
    if phase is None or phase is Phase.WAITING:
        return (
            f"Waiting for room{f': {detail}' if detail else ''}. The console appears when its machine boots."
        )
    return f"{signs.PHASES[phase].word}{f': {detail}' if detail else ''} … nothing printed yet."
