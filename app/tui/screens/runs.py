"""The place of the runs: everything that ran on this host, opened, compared, run again, exported, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.widgets import Input

from app.engine.compare import compare
from app.engine.history import RunSummary
from app.engine.past import PastRuns
from app.tui import keymap, signs
from app.tui.screens.compare import CompareScreen
from app.tui.screens.dialogs import Confirm
from app.tui.screens.filtered import FilteredScreen
from app.tui.screens.polled import PolledScreen
from app.tui.widgets.entry import Entry
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.line_list import LineList
from app.tui.widgets.past_runs import PastRunList
from app.tui.widgets.places_bar import PlacesBar
from app.tui.widgets.still import StillText

SLICE = 100
"""Runs read at once, before keys get their turn."""
KNOWN_SLICE = 1000
"""The same where almost all are known."""
NOTHING = (
    "Nothing has run here yet.\n\n1 leads to the tests; there, r runs what is under the cursor. "
    "Runs of the command line are listed here too."
)


class RunsScreen(PolledScreen, FilteredScreen):
    """Lists the runs of this user, the newest first."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("runs")
    NAME = "Runs"
    SCOPE = "runs"
    PURPOSE = (
        "Everything that ran on this host, also in other terminals, the newest first. Enter opens a run "
        "exactly as a live one, with a slider that leads to any moment of it. Mark two to compare them. "
        "The filter takes parts of ids, tests and registries, and passed, failed, cancelled, kept."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Runs", "runs"),
        ("Moving around", "list"),
        ("Everywhere", "app"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.loaded = False
        """Whether every run was read once."""
        self._stamp: Hashable = None

    def compose(self) -> ComposeResult:
        """Make the panes."""
        yield PlacesBar("runs")
        yield from self.filter_bar("words, passed, failed, kept, -not")
        with Container(id="panes"):
            yield PastRunList(self.workbench.clock, id="runs")
            yield StillText(id="no-runs", classes="nothing")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Begin in the list."""
        self.set_focus(self.run_list)
        self._show()

    @property
    def run_list(self) -> PastRunList:
        """The list."""
        return self.query_one("#runs", PastRunList)

    @property
    def runs(self) -> PastRuns | None:
        """Where runs are read from."""
        return self.workbench.house.runs

    # reading

    async def look(self) -> None:
        """Read the runs, a slice at a time."""
        runs = self.runs
        if runs is None:
            return
        stamp = await asyncio.to_thread(runs.stamp)
        if self.loaded and stamp == self._stamp:
            return
        ids = await asyncio.to_thread(runs.ids)
        found: list[RunSummary] = []
        size = KNOWN_SLICE if self.loaded else SLICE
        for begin in range(0, len(ids), size):
            found += await asyncio.to_thread(runs.read, ids[begin : begin + size])
            if not self.loaded and begin % (10 * size) == 0:
                self._take(list(found))
        self.loaded = True
        self._take(found)
        # Of logs that were read for the first time only now, the next look learns.
        self._stamp = stamp

    def show_failure(self) -> None:
        """Say why there is nothing to list, or that the list is of an earlier look."""
        self._show()

    def _take(self, runs: list[RunSummary]) -> None:
        if self.is_mounted and runs != self.run_list.all:
            self.run_list.load(runs)
        self._show()

    def _show(self) -> None:
        if not self.is_mounted:
            return
        shown = self.run_list
        total = len(shown.all)
        words = signs.counted(total, "run") if len(shown.shown) == total else f"{len(shown.shown)} of {total}"
        marked = f" · {signs.MARKED} {len(shown.marked)} marked" if shown.marked else ""
        more = "" if self.loaded or self.failure else " · reading …"
        broken = f"{self.not_read()} " if total and self.failure else ""
        shown.border_title = Content(f"runs · {broken}{words}{marked}{more}")
        text = ""
        if self.runs is None:
            text = "This workbench was opened without a folder of runs."
        elif not total and self.failure is not None:
            text = self.not_listed("runs")
        elif not total:
            text = NOTHING if self.loaded else "Reading the runs …"
        elif not shown.shown:
            text = "No run matches the filter.\n\nEsc clears it."
        empty = self.query_one("#no-runs", StillText)
        empty.put(text)
        empty.display = bool(text)
        shown.display = not text
        self.refresh_bindings()

    # opening

    @on(LineList.Moved, "#runs")
    def _moved(self) -> None:
        self.refresh_bindings()

    @on(LineList.Chosen, "#runs")
    def _chosen(self) -> None:
        run = self.run_list.current
        if run is not None:
            self._open(run)

    @work(group="open", exclusive=True, exit_on_error=False)
    async def _open(self, run: RunSummary) -> None:
        assert self.runs is not None
        try:
            found = await asyncio.to_thread(self.runs.find, run.id)
        except Exception as error:
            self.workbench.say_not("Not opened", error)
            return
        self.workbench.runs.open_past(found)

    # comparing

    def _pair(self) -> tuple[str, str] | None:
        """Return the ids of the two runs to compare, the older one first."""
        current = self.run_list.current
        names = list(self.run_list.marked)
        if len(names) == 1 and current is not None and current.id not in names:
            names.append(current.id)
        if not names and current is not None:
            before = self.run_list.before(current)
            names = [current.id] if before is None else [current.id, before.id]
        if len(names) != 2:
            return None
        return min(names), max(names)

    @work(group="compare", exclusive=True, exit_on_error=False)
    async def action_compare(self) -> None:
        """Compare two runs."""
        pair = self._pair()
        runs = self.runs
        if pair is None or runs is None:
            self.notify(self.why_not("compare"))
            return
        try:
            states = [await asyncio.to_thread(runs.state, name) for name in pair]
        except Exception as error:
            self.workbench.say_not("Not compared", error)
            return
        await self.app.push_screen(CompareScreen(compare(*states)))

    # acting

    def action_mark(self) -> None:
        """Mark the run under the cursor and go on."""
        self.run_list.toggle(self.run_list.cursor)
        self.run_list.cursor += 1
        self._show()

    def action_unmark(self) -> None:
        """Take all marks away."""
        self.run_list.marked.clear()
        self.run_list.refresh()
        self._show()

    @work(group="again", exclusive=True, exit_on_error=False)
    async def action_run_failed(self) -> None:
        """Run again what failed in the run under the cursor."""
        run, runs = self.run_list.current, self.runs
        if run is None or runs is None:
            return
        try:
            names = await asyncio.to_thread(runs.failed, run.id)
        except Exception as error:
            self.workbench.say_not("Not run", error)
            return
        if names:
            self.workbench.runs.start(names)
        else:
            self.notify("Nothing failed in this run.")

    def action_export(self) -> None:
        """Write a report of the run under the cursor."""
        run = self.run_list.current
        if run is not None:
            self.workbench.runs.export_report(run.folder)

    def action_copy(self) -> None:
        """Copy the run's id."""
        run = self.run_list.current
        if run is not None:
            self.app.copy_to_clipboard(run.id)
            self.notify(f"Copied {run.id}.")

    def action_delete(self) -> None:
        """Delete the marked runs, or the one under the cursor, after a question."""
        shown = self.run_list
        current = [shown.current] if shown.current else []
        doomed = [run for run in shown.all if run.id in shown.marked] or current
        going = [run.id for run in doomed if run.live]
        if going:
            self.notify(f"{going[0]} goes on. Cancel it where it was started.", severity="warning")
            return
        if not doomed:
            return
        what = doomed[0].id if len(doomed) == 1 else signs.counted(len(doomed), "run")
        kept = sum(len(run.kept) for run in doomed)
        loss = "The events, outputs and consoles are lost for good."
        if kept:
            loss += f" {signs.counted(kept, 'kept machine')} of it stay{'s' if kept == 1 else ''}."

        def answered(yes: bool | None) -> None:
            if yes:
                self._delete([run.id for run in doomed])

        self.app.push_screen(Confirm(f"Delete {what}?", loss, yes="Delete", no="Keep"), answered)

    @work(group="delete", exit_on_error=False)
    async def _delete(self, names: list[str]) -> None:
        runs = self.runs
        assert runs is not None
        deleted = 0
        for name in names:
            try:
                await asyncio.to_thread(runs.delete, name)
                deleted += 1
            except Exception as error:
                self.workbench.say_not("Not deleted", error)
        gone = set(names)
        if deleted:
            self.notify(f"Deleted {signs.counted(deleted, 'run')}.")
            self._take([run for run in self.run_list.all if run.id not in gone])
        self.read()

    # the filter

    @property
    def filtered_list(self) -> PastRunList:
        """The list."""
        return self.run_list

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self.filter_shown = bool(event.value)
        self.run_list.set_filter(event.value)
        self._show()

    def action_back(self) -> None:
        """Clear the filter, then the marks."""
        if not self.unfilter():
            self.action_unmark()

    def why_not(self, action: str) -> str:
        """Say why an action cannot be done now."""
        if action in ("mark", "compare", "run_failed", "export", "delete", "copy"):
            run = self.run_list.current
            if run is None:
                return "There is no run here."
            if action == "run_failed" and not any(run.counts.get(o) for o in signs.BAD):
                return "Nothing failed in this run."
            if action == "compare" and self._pair() is None:
                return "Mark two runs with space, or go to one that has another before it."
        return ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done now."""
        if action == "filter":
            return not isinstance(self.focused, Entry)
        return super().check_action(action, parameters)
