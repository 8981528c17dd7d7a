"""The tests of a run: those that run on top, then what failed, what waits and what passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len

from app.engine.events import Outcome
from app.engine.state import TestState
from app.tui import signs
from app.tui.keys.key import PaneHelp
from app.tui.run_session import RunSession
from app.tui.widgets.line_list import Cell, LineList, Row, fit

if TYPE_CHECKING:
    from app.engine.usage import Usage

USAGE_ROOM = 78
"""Columns from which the list has room for what machines use."""
_DONE = {Outcome.FAILED: 1, Outcome.ERROR: 1, Outcome.SKIPPED: 3, Outcome.PASSED: 4}


def order(tests: list[TestState]) -> list[TestState]:
    """Return tests as the list shows them: running, failed, waiting, skipped, passed."""

    def rank(test: TestState) -> int:
        if test.outcome is not None:
            return _DONE[test.outcome]
        return 0 if test.running else 2

    return sorted(tests, key=rank)


class RunList(LineList):
    """Shows the tests of a run; the cursor stays on its test when the order changes."""

    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "the tests of the run",
        "Where each test is; the other panes show the one under the cursor.",
        "list",
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.session: RunSession | None = None
        self.tests: list[TestState] = []
        self._chosen: str | None = None
        self._longest_name = 0
        self._usage: Mapping[str, Usage] = {}

    @property
    def shows_usage(self) -> bool:
        """Whether there is room for what machines use."""
        return self.view.width - 3 >= USAGE_ROOM

    def show_usage(self, usage: Mapping[str, Usage]) -> None:
        """Show what machines use, by their ids."""
        self._usage = usage
        self.refresh()

    @property
    def current(self) -> TestState | None:
        """The test under the cursor."""
        return self.tests[self.cursor] if self.cursor < len(self.tests) else None

    def show(self, session: RunSession) -> None:
        """Show where the run's tests are."""
        if session is not self.session:
            self._chosen = None
        self.session = session
        before = self.current.name if self.current else None
        self.tests = order(list(session.state.tests.values()))
        self._longest_name = max((cell_len(name) for name in session.state.tests), default=0)
        wanted = self._chosen or self._worth_seeing(before)
        with self.by_program():
            self.set_count(len(self.tests))
            for index, test in enumerate(self.tests):
                if test.name == wanted:
                    self.cursor = index
                    break

    def _worth_seeing(self, before: str | None) -> str | None:
        """Return the test to show while nobody chose one: one that runs, or the first failure."""
        if not self.tests:
            return None
        assert self.session is not None
        if self.session.active and before is not None:
            now = self.session.state.tests.get(before)
            if now is not None and now.running:
                return before
        return self.tests[0].name

    def moved_by_person(self) -> None:
        """Stay on the test somebody chose."""
        self._chosen = self.current.name if self.current else None

    def refresh_clocks(self) -> None:
        """Draw the rows whose clocks run, as far as they are in view."""
        for index in self.visible_rows():
            if self.tests[index].running:
                self.refresh_row(index)

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of a row."""
        test = self.tests[index]
        session = self.session
        assert session is not None
        sign = signs.of_test(test)
        if test.result is None and (test.name in session.cancelling or session.cancelling_all):
            sign = signs.CANCELLING
        elif test.result is None and session.gone:
            sign = signs.CUT_OFF
        yield Cell(f" {sign.glyph} ", sign.tone)
        rest = width - 3
        machine_width = 10 if rest >= 64 else 0
        usage_width = 15 if self.shows_usage and self._usage and session.active else 0
        taken = machine_width + usage_width + 9
        name_width = max(12, min(self._longest_name, rest - taken - 14))
        what_width = rest - taken - name_width
        yield Cell(fit(test.name, name_width) + " ", bold=test.running)
        yield Cell(
            fit(self._what(test, sign), what_width), sign.tone if test.outcome or not test.running else "dim"
        )
        if machine_width:
            yield Cell(" " + fit(test.machine, machine_width - 1), "dim")
        if usage_width:
            yield Cell(f" {self._usage_words(test):>{usage_width - 1}}", "dim")
        yield Cell(f"{self._time(test, session):>7} ", "dim")

    def _usage_words(self, test: TestState) -> str:
        """Return the share of a core and the memory that a test's machine takes now."""
        usage = self._usage.get(test.machine) if test.running else None
        if usage is None:
            return ""
        cpu = "" if usage.cpu_percent is None else f"{usage.cpu_percent:.0f}% "
        return f"{cpu}{signs.amount(usage.memory)}"

    def _what(self, test: TestState, sign: signs.Sign) -> str:
        if test.outcome is not None or sign is signs.CANCELLING:
            word = sign.word
            if test.kept is not None:
                word += ", kept"
            if test.result is not None and test.result.message:
                word += f": {test.result.message.splitlines()[0]}"
            return word
        step = test.current_step
        word = f"{sign.word} at " if sign is signs.CUT_OFF else ""
        if step is not None:
            return f"{word}{step + 1}/{len(test.steps)} {test.steps[step].action} {test.steps[step].name}"
        return sign.word + (f" {test.phase_detail}" if test.phase_detail else "")

    def _time(self, test: TestState, session: RunSession) -> str:
        if test.result is not None:
            return signs.duration(test.result.duration) if test.result.duration else ""
        return signs.clock(session.now() - test.started) if test.started is not None else ""
