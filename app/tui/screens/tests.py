"""The tests screen: what there is, how it went, and what to run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widgets import Input, Static

from app.tui import keymap, signs
from app.tui.acting import ActingScreen, run_command
from app.tui.clock import Clock
from app.tui.layout import PanedScreen, Split
from app.tui.memory import Spot
from app.tui.screens.filtered import FilteredScreen
from app.tui.source import highlighted
from app.tui.test_rows import Grouping, GroupRow, ProblemRow, Sort, TestRow, TestRows
from app.tui.widgets.details import Details
from app.tui.widgets.entry import Entry
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.line_list import LineList
from app.tui.widgets.places_bar import PlacesBar
from app.tui.widgets.run_header import TICK, StatusStrip
from app.tui.widgets.still import StillText
from app.tui.widgets.test_list import TestList

if TYPE_CHECKING:
    from app.engine.state import TestState
    from registry.model import Test

SOURCE_DELAY = 0.15
"""Seconds that the cursor rests on a test before its source is read."""


class TestsScreen(FilteredScreen, ActingScreen, PanedScreen):
    """Lists the registry's tests.

    Args:
        rows: What to list.
        clock: The time.
    """

    __test__ = False  # keeps pytest from collecting it

    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings("tests"), *keymap.bindings("panes")]
    AUTO_FOCUS = "#tests"
    PANES = ("tests", "details")
    SPLITS = (Split("tests.details", ("tests", "empty"), "details", turns=True),)
    NAME = "Tests"
    SCOPE = "tests panes"
    PURPOSE = (
        "Everything the registry holds, grouped by service, with how it went the last time. "
        "Mark tests and run them; each gets a throwaway machine of its own. "
        "The filter takes parts of names, tag:NAME, group:NAME, and -word to leave something out."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Tests", "tests"),
        ("Moving around", "list"),
        ("Panes", "panes"),
        ("Everywhere", "app"),
    ]

    def __init__(self, rows: TestRows, clock: Clock) -> None:
        super().__init__()
        self.rows = rows
        self._clock = clock
        self._failure: tuple[str, str] | None = None
        self._undo: Callable[[], None] | None = None

    def compose(self) -> ComposeResult:
        """Make the panes."""
        yield PlacesBar("tests")
        yield Static(id="title", markup=False)
        yield from self.filter_bar("words, tag:NAME, group:NAME, -not")
        with Container(id="panes"):
            yield TestList(self.rows, self._live_tests, id="tests")
            yield StillText(id="empty")
            yield Details(id="details")
        yield StatusStrip(id="strip", markup=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Begin in the list."""
        self.entitle("details", "details")
        self._title_list()
        self.set_focus(self.test_list)
        self.refresh_all()
        self.set_interval(TICK, self._tick)
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.refresh_all())

    @property
    def test_list(self) -> TestList:
        """The list."""
        return self.query_one("#tests", TestList)

    def _live_tests(self) -> Mapping[str, TestState]:
        session = self.workbench.session
        return session.state.tests if session is not None and session.active else {}

    # what the app tells

    def registry_changed(self, keep: Test | None = None) -> None:
        """Show another reading of the registry; the cursor stays on the test ``keep``."""
        self._failure = None
        self.test_list.rebuilt(keep=keep)
        self.refresh_all()

    def rows_changed(self) -> None:
        """List the same tests in another way, the cursor on the same one."""
        keep = self.test_list.current_test
        self.rows.build()
        self.test_list.rebuilt(keep=keep)
        self._title_list()

    def _title_list(self) -> None:
        rows = self.rows
        parts = ["tests"]
        if rows.grouping is not Grouping.SERVICE:
            parts.append(rows.grouping.value)
        if rows.sort is not Sort.REGISTRY:
            parts.append(rows.sort.value)
        self.entitle("tests", *parts)

    def spot(self) -> Spot:
        """Return where the person is."""
        rows = self.rows
        test = self.test_list.current_test
        return Spot(
            place=self.workbench.place,
            test=test.name if test is not None else "",
            filter=rows.filter,
            marked=sorted(rows.marked),
            folded=sorted(rows.folded),
            sort=rows.sort.name,
            grouping=rows.grouping.name,
        )

    def restore(self, spot: Spot) -> None:
        """Go where the person was, as far as that is still there."""
        rows = self.rows
        rows.sort = Sort.__members__.get(spot.sort, rows.sort)
        rows.grouping = Grouping.__members__.get(spot.grouping, rows.grouping)
        rows.folded = set(spot.folded)
        rows.restore_marks(spot.marked)
        rows.filter = spot.filter
        entry = self.filter_entry
        with entry.prevent(Input.Changed):
            entry.value = spot.filter
        self.filter_shown = bool(spot.filter)
        rows.build()
        self.test_list.rebuilt()
        self.test_list.cursor = rows.index_of(spot.test) or 0
        self._title_list()
        self.refresh_all()

    def registry_failed(self, message: str, remedy: str) -> None:
        """Say why there is nothing to list."""
        self._failure = (message, remedy)
        self.refresh_all()

    def run_changed(self) -> None:
        """Show where the run is."""
        self.query_one(StatusStrip).show(self.workbench.session)
        self.test_list.refresh()
        self._show_details()

    def refresh_all(self) -> None:
        """Draw everything again."""
        self._show_title()
        self._show_empty()
        self.run_changed()

    def _tick(self) -> None:
        session = self.workbench.session
        if session is not None and session.active and self.on_top:
            self.query_one(StatusStrip).show(session)

    # parts

    def _show_title(self) -> None:
        rows = self.rows
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append("vmbench", "bold")
        dim = self.app.theme_variables["vm-dim"]
        if rows.registry is not None:
            total = len(rows.registry.tests)
            shown = len(rows.shown)
            text.append(
                f"  {rows.registry.root.name or rows.registry.root}", self.app.theme_variables["primary"]
            )
            count = (
                signs.counted(total, "test")
                if shown == total
                else f"{shown} of {signs.counted(total, 'test')}"
            )
            text.append(f"  ·  {count}", dim)
            errors = len(rows.registry.errors())
            if errors:
                text.append(
                    f"  ·  {signs.BROKEN.glyph} {errors} cannot run", self.app.theme_variables["warning"]
                )
            if rows.marked:
                text.append(
                    f"  ·  {signs.MARKED} {len(rows.marked)} marked", self.app.theme_variables["accent"]
                )
        self.query_one("#title", Static).update(text, layout=False)

    def _show_empty(self) -> None:
        text = self._empty_text()
        empty = self.query_one("#empty", StillText)
        empty.set_class(not text, "-absent")
        self.test_list.set_class(bool(text), "-absent")
        empty.put(text)

    def _empty_text(self) -> str:
        rows = self.rows
        if self._failure is not None:
            message, remedy = self._failure
            return "\n\n".join(filter(None, ("The registry cannot be read.", message, remedy)))
        if rows.registry is None:
            return "Reading the registry …"
        if rows.rows:
            return ""
        if rows.filter:
            return f"No test matches “{rows.filter}”.\n\nEsc clears the filter."
        return (
            f"There is no test in {rows.registry.root} yet.\n\n"
            "Put one into <service>/test.toml or tests/NAME.toml, for example:\n\n"
            '    [[tests]]\n    name = "hello"\n    [[tests.steps]]\n    action = "shell"\n'
            '    name = "says hello"\n    run = "echo hello"\n\n'
            "Then press L to read the registry again."
        )

    def _show_details(self) -> None:
        row = self.test_list.current
        when = ""
        if isinstance(row, TestRow) and (last := self.rows.results.get(row.test.name)) is not None:
            when = self._clock.ago(last.time)
        self.query_one("#details", Details).show(
            row, self.rows, lambda test: self.test_list.sign_of(test)[0], when
        )

    @on(LineList.Moved, "#tests")
    def _moved(self) -> None:
        self.follow(self._show_details)
        self._read_source()

    @work(group="source", exclusive=True, exit_on_error=False)
    async def _read_source(self) -> None:
        """Show the test's part of its file, once the cursor rests on it."""
        test = self.test_list.current_test
        if test is None:
            return
        await asyncio.sleep(SOURCE_DELAY)
        source = await asyncio.to_thread(highlighted, test.file, test.key, dark=self.app.current_theme.dark)
        if source is not None and self.is_mounted:
            self.query_one("#details", Details).show_source(test, source)
            self._show_details()

    @on(LineList.Chosen, "#tests")
    def _chosen(self) -> None:
        row = self.test_list.current
        if isinstance(row, GroupRow):
            self.test_list.toggle_fold()
        elif row is not None:
            self.add_class("-reading")
            self.set_focus(self.query_one("#details", Details))

    @on(TestList.MarksChanged)
    def _marks_changed(self) -> None:
        self._show_title()
        self.refresh_bindings()

    # the filter

    @property
    def filtered_list(self) -> TestList:
        """The list."""
        return self.test_list

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        keep = self.test_list.current_test
        self.rows.set_filter(event.value)
        self.filter_shown = bool(event.value)
        self.test_list.rebuilt(keep=keep)
        if self.rows.filter and keep not in self.rows.shown and self.rows.shown:
            self.test_list.cursor = self.rows.index_of(self.rows.shown[0].name) or 0
        self._show_title()
        self._show_empty()

    def action_back(self) -> None:
        """Undo the last narrowing: the zoom, the details, the filter, the marks."""
        words = self.filter_entry.value
        if self.zoomed:
            self.action_zoom()
        elif self.has_class("-reading") or self.focused is self.query_one("#details"):
            self.remove_class("-reading")
            self.set_focus(self.test_list)
        elif self.unfilter():
            self._remember_filter(words)
        elif self.rows.marked:
            self.action_unmark()

    def _remember_filter(self, text: str) -> None:
        """Let the filter that is taken away come back."""
        if not text:
            return

        def undo() -> None:
            self.filter_entry.value = text

        self._undo = undo

    # marking and running

    def action_mark(self) -> None:
        """Mark what is under the cursor."""
        self.test_list.toggle_mark()

    def action_mark_shown(self) -> None:
        """Mark everything that is shown."""
        self.rows.mark_shown()
        self.test_list.refresh()
        self._marks_changed()

    def action_unmark(self) -> None:
        """Take all marks away, or undo what was taken away last: marks, or the filter."""
        marked = set(self.rows.marked)
        if marked:

            def undo() -> None:
                self.rows.restore_marks(marked)

            self._undo = undo
            self.rows.marked.clear()
            if len(marked) > 1:
                self.notify(f"{len(marked)} marks taken away. u puts them back.")
        elif self._undo is not None:
            undo, self._undo = self._undo, None
            undo()
        else:
            self.notify("Nothing is marked.")
        self.test_list.refresh()
        self._marks_changed()

    def action_run(self) -> None:
        """Run the marked tests, or what is under the cursor."""
        names = self.chosen_names()
        if names:
            self.workbench.runs.start(names)
        else:
            self.notify("This cannot run; the details say why.", severity="warning")

    def action_run_shown(self) -> None:
        """Run everything that is shown."""
        names = self.rows.selection([test.name for test in self.rows.shown])
        if names:
            self.workbench.runs.start(names)
        else:
            self.notify("No test is shown. Esc clears the filter.", severity="warning")

    def action_run_failed(self) -> None:
        """Run again what failed the last time."""
        names = self.rows.failed()
        if names:
            self.workbench.runs.start(names)
        else:
            self.notify("Nothing that is shown failed the last time.")

    def chosen_test(self) -> Test | None:
        """Return the test under the cursor."""
        return self.test_list.current_test

    def action_edit(self) -> None:
        """Open the test in the editor, at its line, or the file with the problem under the cursor."""
        row = self.test_list.current
        if isinstance(row, ProblemRow):
            self.workbench.reading.edit(row.problem.file, row.problem.key, line=row.problem.line)
        else:
            super().action_edit()

    def chosen_names(self) -> tuple[str, ...]:
        """Return the marked tests, or what is under the cursor."""
        row = self.test_list.current
        if self.rows.marked:
            return self.rows.selection(self.rows.marked)
        if isinstance(row, TestRow):
            return self.rows.selection([row.test.name])
        return self.rows.selection([t.name for t in row.tests]) if isinstance(row, GroupRow) else ()

    def action_copy_command(self) -> None:
        """Copy the command that runs the chosen tests."""
        names = self.chosen_names()
        if names:
            self.copy_text(run_command(names), f"the command that runs {signs.counted(len(names), 'test')}")
        else:
            self.notify("There is no test under the cursor.")

    def action_group(self) -> None:
        """List by service, by tag or flat, in turn."""
        kinds = list(Grouping)
        self.rows.grouping = kinds[(kinds.index(self.rows.grouping) + 1) % len(kinds)]
        self.rows_changed()
        self.notify(f"Listed {self.rows.grouping.value}.")

    def action_sort(self) -> None:
        """Order in another way, in turn."""
        kinds = list(Sort)
        self.rows.sort = kinds[(kinds.index(self.rows.sort) + 1) % len(kinds)]
        self.rows_changed()
        self.notify(f"Ordered {self.rows.sort.value}.")

    def action_fold(self, folded: bool) -> None:
        """Fold or open the group under the cursor, or that of the test there."""
        if self.focused is self.test_list:
            self.test_list.fold(folded)

    def action_fold_all(self, folded: bool) -> None:
        """Fold or open every group."""
        keep = self.test_list.current_test
        self.rows.fold_all(folded)
        self.test_list.rebuilt(keep=keep)

    def action_reload(self) -> None:
        """Read the registry again."""
        self.workbench.reading.load()

    def action_view_run(self) -> None:
        """Go to the run."""
        self.workbench.runs.view()

    def zoom_target(self) -> str:
        """Zoom the details."""
        return "details"

    def unzoom(self) -> None:
        """Go back to the list."""
        super().unzoom()
        self.set_focus(self.test_list)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done now."""
        if action == "filter":
            return not isinstance(self.focused, Entry)
        if action == "view_run":
            return self.workbench.session is not None or bool(self.workbench.runs.last_run)
        return True
