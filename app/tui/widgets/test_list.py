"""The list of tests: groups that fold, marks, last results, step kinds and tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from app.tui import signs
from app.tui.keys.key import PaneHelp
from app.tui.signs import Sign
from app.tui.test_rows import PROBLEMS, GroupRow, ProblemRow, TestRow, TestRows
from app.tui.widgets.line_list import Cell, LineList, Row, fit

if TYPE_CHECKING:
    from app.engine.state import TestState
    from registry.model import Test

ROOM_FOR_TRENDS = 130
"""Columns of the screen from which the tests' trends are shown."""
BARS = 10
"""Results whose durations are shown as bars."""
TOOK = 7


class TestList(LineList):
    """Shows ``TestRows``.

    Args:
        rows: What to list.
        running: Returns the tests of the run that goes on, by name.
    """

    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "the list of tests", "What can run, and how it went the last time; marked tests run together.", "list"
    )

    __test__ = False  # keeps pytest from collecting it
    HEADED = True

    class MarksChanged(Message):
        """A test or a group was marked, or lost its mark."""

    class Folded(Message):
        """A group was folded or opened."""

    def __init__(
        self, rows: TestRows, running: Callable[[], Mapping[str, TestState]], *, id: str | None = None
    ) -> None:
        # There is nothing to list yet; so it is styled once before the first paint.
        super().__init__(id=id, classes="-absent")
        self.rows = rows
        self._live_tests = running

    @property
    def current(self) -> GroupRow | TestRow | ProblemRow | None:
        """The row under the cursor."""
        return self.rows.rows[self.cursor] if self.cursor < len(self.rows.rows) else None

    @property
    def current_test(self) -> Test | None:
        """The test under the cursor."""
        row = self.current
        return row.test if isinstance(row, TestRow) else None

    def rebuilt(self, *, keep: Test | None = None) -> None:
        """Take over rows that were made again; stay on the test ``keep`` if it is still listed."""
        index = self.rows.index_of(keep.name) if keep else None
        self.set_count(len(self.rows.rows))
        if index is not None:
            self.cursor = index
        self.show_cursor()
        if self.count:
            self.post_message(self.Moved(self, self.cursor))

    # marking and folding

    def toggle_mark(self) -> None:
        """Mark what is under the cursor and go on to the next row."""
        row = self.current
        if isinstance(row, TestRow):
            self.rows.toggle([row.test])
        elif isinstance(row, GroupRow):
            self.rows.toggle(row.tests)
        self.refresh()
        self.post_message(self.MarksChanged())
        if not isinstance(row, GroupRow):
            self.cursor += 1

    def toggle_fold(self) -> None:
        """Fold or open the group under the cursor, or the group of the test there."""
        row = self.current
        if isinstance(row, GroupRow):
            self.rows.fold(row.key)
            self.set_count(len(self.rows.rows))
            self.post_message(self.Folded())

    def fold(self, folded: bool) -> None:
        """Fold the group under the cursor and go to it; or open it, and where it is open, go into it."""
        above = (i for i in range(self.cursor, -1, -1) if isinstance(self.rows.rows[i], GroupRow))
        index = next(above, None) if self.cursor < len(self.rows.rows) else None
        group = self.rows.rows[index] if index is not None else None
        if index is None or not isinstance(group, GroupRow):
            return
        if folded:
            self.cursor = index
        if (group.key in self.rows.folded) != folded:
            self.toggle_fold()
        elif not folded and self.cursor == index:
            self.cursor += 1

    def clicked(self, index: int, x: int) -> bool:
        """Mark by a click on the marks' column, fold by a click on a group."""
        row = self.rows.rows[index]
        if isinstance(row, GroupRow):
            if 2 <= x < 4 and row.tests:
                self.rows.toggle(row.tests)
                self.refresh()
                self.post_message(self.MarksChanged())
            else:
                self.toggle_fold()
            return True
        if isinstance(row, TestRow) and x < 4:
            self.rows.toggle([row.test])
            self.refresh_row(index)
            self.post_message(self.MarksChanged())
            return True
        return False

    # drawing

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of a row."""
        row = self.rows.rows[index]
        if isinstance(row, GroupRow):
            return self._group(row, width)
        if isinstance(row, TestRow):
            return self._test(row.test, width)
        return self._problem(row, width)

    def _group(self, row: GroupRow, width: int) -> Row:
        folded = row.key in self.rows.folded and not (self.rows.filter and row.key != PROBLEMS)
        arrow = signs.FOLDED if folded else signs.OPEN
        if row.key == PROBLEMS:
            yield Cell(f"{arrow} ", "warn")
            yield Cell(f"{signs.BROKEN.glyph} cannot run", "warn", bold=True)
            yield Cell(f"  {signs.counted(len(row.problems), 'error')}", "dim")
            return
        marked = sum(test.name in self.rows.marked for test in row.tests)
        yield Cell(f"{arrow} ", "dim")
        if marked:
            yield Cell(f"{signs.MARKED} " if marked == len(row.tests) else "◐ ", "accent")
        yield Cell(row.key, "head")
        yield Cell(f"  {signs.counted(len(row.tests), 'test')}", "dim")
        counts = self.rows.counts(row.tests)
        for outcome, sign in signs.OUTCOMES.items():
            if counts[outcome]:
                yield Cell(f"  {sign.glyph} {counts[outcome]}", sign.tone)

    def _test(self, test: Test, width: int) -> Row:
        marked = test.name in self.rows.marked
        sign, seconds = self.sign_of(test)
        yield Cell("  ")
        yield Cell(f"{signs.MARKED if marked else signs.UNMARKED} ", "accent" if marked else "dim")
        yield Cell(f"{sign.glyph} ", sign.tone)
        columns = self._columns(width)
        yield Cell(fit(test.name, columns["TEST"]), bold=marked)
        yield Cell(f"{seconds:>{TOOK}}  ", "dim")
        if "TREND" in columns:
            yield from self._trend_cells(test)
        yield Cell(fit(signs.step_kinds(step.action for step in test.steps), columns["STEPS"]), "dim")
        if "MACHINE" in columns:
            yield Cell(" " + fit(_needs(test), columns["MACHINE"] - 1), "dim")
        if "TAGS" in columns:
            yield Cell(" " + fit(" ".join(f"#{tag}" for tag in test.tags), columns["TAGS"] - 1), "accent")

    def _columns(self, width: int) -> dict[str, int]:
        """Return the columns there is room for, with their widths, beside the marks and signs."""
        rest = width - 6
        name = max(12, min(self.rows.longest_name + 1, rest - TOOK - 2 - 12))
        found = {"TEST": name, "TOOK": TOOK + 2}
        room = max(0, rest - name - TOOK - 2)
        trended = self.app.size.width >= ROOM_FOR_TRENDS and room >= 34
        if trended and self.rows.trends:
            found |= {"TREND": BARS + 1, "FLIPS": 8}
            room -= BARS + 9
        machine = 0 if room < 46 else 16 if room < 70 else 26
        room -= machine
        tags = room * 2 // 5 if room >= 30 else 0
        found["STEPS"] = room - (tags + 1 if tags else 0)
        if machine:
            found["MACHINE"] = machine
        if tags:
            found["TAGS"] = tags + 1
        return found

    def head(self, width: int) -> str:
        """Return the columns' names."""
        cells = "      "
        for name, size in self._columns(width).items():
            if name in ("MACHINE", "TAGS"):
                cells += " " + fit(name, size - 1)
            else:
                cells += f"{name:>{size - 2}}  " if name in ("TOOK", "FLIPS") else fit(name, size)
        return cells

    def _trend_cells(self, test: Test) -> list[Cell]:
        """Return the durations of the last results as bars, and how often the outcome flipped."""
        trend = self.rows.trends.get(test.name)
        bars = trend.spark(BARS) if trend else ""
        flaky = trend.flakiness if trend else None
        told = "" if flaky is None else f"~{flaky:.0%}" if flaky else "steady"
        return [Cell(f"{bars:>{BARS}} ", "live"), Cell(f"{told:>6}  ", "warn" if flaky else "dim")]

    def sign_of(self, test: Test) -> tuple[Sign, str]:
        """Return a test's sign and time: of the run that goes on, else of the last one."""
        if not self.rows.can_run(test):
            return signs.BROKEN, "broken"
        live = self._live_tests().get(test.name)
        if live is not None:
            sign = signs.of_test(live)
            took = live.result.duration if live.result else 0.0
            return sign, signs.duration(took) if took else sign.word[:7]
        last = self.rows.results.get(test.name)
        if last is None:
            return signs.NEVER_RAN, ""
        return signs.OUTCOMES[last.outcome], signs.duration(last.duration) if last.duration else ""

    def _problem(self, row: ProblemRow, width: int) -> Row:
        problem = row.problem
        where = problem.test or f"{problem.file.parent.name}/{problem.file.name}"
        yield Cell(f"    {signs.BROKEN.glyph} ", "warn")
        yield Cell(f"{where}  ", "plain")
        yield Cell(problem.message, "dim")


def _needs(test: Test) -> str:
    """Return in a few words what machine a test asks for; the details tell all of it."""
    spec = test.machine
    parts = [
        spec.image or "",
        f"{spec.cpus} cpus" if (spec.cpus or 1) > 1 else "",
        signs.size(spec.memory) if spec.memory else "",
    ]
    return " ".join(filter(None, parts)) or spec.backend or "any"
