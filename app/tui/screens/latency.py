"""Latency: measurements that were taken, the one that is being taken, and how two of them differ."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.message import Message
from textual.widgets import Static

from app.engine.latency import words
from app.engine.latency.compare import Difference, compare_apart, unlike
from app.engine.latency.lab import Entry, Lab, Request
from app.engine.latency.measure import Progress
from app.engine.latency.measurement import Measurement
from app.engine.latency.verdicts import judge
from app.tui import keymap
from app.tui.keys.key import PaneHelp
from app.tui.later import later
from app.tui.layout import PanedScreen, Split
from app.tui.messages import explain
from app.tui.screens.new_measurement import NewMeasurement
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.line_list import Cell, LineList, Row, fit
from app.tui.widgets.places_bar import PlacesBar
from app.tui.widgets.still import TextPane

if TYPE_CHECKING:
    from collections.abc import Sequence

REDRAW = 0.5
"""Seconds between two redraws while it is measured."""
_BEGIN = "Nothing was measured yet.\n\nn measures what a key costs: here, in a machine, idle or under load."
_NO_LAB = "This workbench was opened without the means to measure."


class MeasurementList(LineList):
    """The measurements that were taken, the latest first."""

    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "the measurements", "What was measured, the latest first; the figures are beside it.", "list"
    )

    def __init__(self) -> None:
        super().__init__(id="measurements")
        self.entries: Sequence[Entry] = ()
        self.marked: str | None = None

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of a measurement: when, which probe, where, under what."""
        entry = self.entries[index]
        where, load, figures = entry.words()
        yield Cell("● " if entry.name == self.marked else "  ", "accent")
        yield Cell(fit(entry.name, 24))
        yield Cell(fit(f"  {figures}", 22), "head")
        yield Cell(f"  {where}{'' if load == 'none' else f', {load}'}", "dim")


class Figures(TextPane):
    """The pane of the figures; their charts are as wide as it is."""

    class Resized(Message):
        """It has another size."""

    def on_resize(self) -> None:
        """Tell of it."""
        self.post_message(self.Resized())


class LatencyScreen(PanedScreen):
    """Takes and shows measurements."""

    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings("latency"), *keymap.bindings("panes")]
    PANES = ("measurements", "measured")
    SPLITS = (Split("latency.figures", ("measurements",), "measured", turns=True),)
    NAME = "Latency"
    SCOPE = "latency panes"
    PURPOSE = (
        "What a key costs, measured with real terminals, real guests and real load. Percentiles are "
        "samples by nearest rank; figures in the list are p50 and p99 of the workbench."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Latency", "latency"),
        ("Moving around", "list"),
        ("Panes", "panes"),
        ("Everywhere", "app"),
    ]
    DEFAULT_CSS = """
    LatencyScreen #measurements { height: 8; }
    LatencyScreen #measured { height: 1fr; padding: 0 1; background: $surface; }
    LatencyScreen #measurements, LatencyScreen #measured {
        border-top: solid $vm-rule; border-title-color: $vm-dim; background: $surface;
        scrollbar-size-vertical: 1;
    }
    LatencyScreen #measurements:focus, LatencyScreen #measured:focus {
        border-top: solid $primary; border-title-color: $primary; border-title-style: bold;
    }
    LatencyScreen.-wide #measurements { width: 2fr; height: 1fr; }
    LatencyScreen.-wide #measured { width: 3fr; border-left: solid $vm-rule; }
    LatencyScreen #measuring { height: 1; padding: 0 1; background: $panel; color: $primary; display: none; }
    LatencyScreen.-measuring #measuring { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._taken: Progress | None = None
        self._measuring: asyncio.Task[None] | None = None
        self._drawing = False
        self._comparing: asyncio.Task[None] | None = None
        self._compared: tuple[str, str, list[Difference]] | None = None
        self._failure: tuple[str, str] | None = None

    @property
    def lab(self) -> Lab | None:
        """What measures."""
        return self.workbench.house.lab

    @property
    def measurements(self) -> MeasurementList:
        """The list."""
        return self.query_one(MeasurementList)

    @property
    def current(self) -> Entry | None:
        """The measurement under the cursor."""
        entries = self.measurements.entries
        return entries[self.measurements.cursor] if self.measurements.cursor < len(entries) else None

    def compose(self) -> ComposeResult:
        """Make the panes."""
        yield PlacesBar("latency")
        with Container(id="panes"):
            yield MeasurementList()
            yield Figures(id="measured")
        yield Static(id="measuring", markup=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        """List what was taken."""
        self.entitle("measurements", "measurements")
        self.entitle("measured", "figures")
        self.set_focus(self.measurements)
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._show())

    def on_screen_resume(self) -> None:
        """Read what was taken, here or by the command line."""
        self.run_worker(self._load(), exit_on_error=False)

    async def on_unmount(self) -> None:
        """End what is measured; the guests of its load are removed meanwhile."""
        for task in (self._measuring, self._comparing):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _load(self, keep: str = "") -> None:
        if self.lab is None:
            self._show()
            return
        try:
            self.measurements.entries = await asyncio.to_thread(self.lab.entries)
            self._failure = None
        except Exception as error:
            self._failure = explain(error)
        self.measurements.set_count(len(self.measurements.entries))
        names = [entry.name for entry in self.measurements.entries]
        with self.measurements.by_program():
            self.measurements.cursor = names.index(keep) if keep in names else 0
        self._show()

    # showing

    @on(Figures.Resized)
    def _resized(self) -> None:
        self._show()

    @on(LineList.Moved)
    def _moved(self) -> None:
        self.follow(self._show)

    def _show(self) -> None:
        target = self.query_one("#measured", TextPane)
        entry = self.current
        if self._taken is not None and self._taken.series:
            target.put(self._text(self._taken.measurement(), ()))
        elif self.lab is None:
            target.put(_NO_LAB)
        elif self._failure is not None:
            target.put("\n\n".join(filter(None, ("The measurements cannot be read.", *self._failure))))
        elif entry is None:
            target.put(_BEGIN)
        else:
            target.put(self._text(entry.measurement, self._comparison(entry)))
        self.refresh_bindings()

    def _text(self, measurement: Measurement, comparison: Sequence[tuple[str, str]]) -> Text:
        colours = self.app.theme_variables
        width = max(self.query_one("#measured").size.width - 2, 40)
        text = Text()
        text.append(words.headline(measurement) + "\n\n", "bold")
        table = [words.HEAD, *words.rows(measurement)]
        widths = [max(len(row[i]) for row in table) for i in range(len(words.HEAD))]
        for number, row in enumerate(table):
            line = "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
            text.append(line + "\n", colours["vm-dim"] if number == 0 else "")
        if self.lab is not None:
            text.append("\n")
            for verdict in judge(measurement, self.lab.limits):
                sign, tone = ("✓", "success") if verdict.kept else ("✗", "error")
                text.append(f"{sign} ", colours[tone])
                text.append(verdict.words() + "\n")
        for line, tone in comparison:
            text.append(line + "\n", colours[tone] if tone else "")
        for name in measurement.series:
            text.append(f"\n{name}, ms\n", colours["primary"])
            text.append("\n".join(words.charts(measurement, name, min(width, 100))) + "\n")
        text.append("\n" + words.footnote(measurement), colours["vm-dim"])
        return text

    def _comparison(self, entry: Entry) -> list[tuple[str, str]]:
        before = next((e for e in self.measurements.entries if e.name == self.measurements.marked), None)
        if before is None or before.name == entry.name:
            return []
        lines = [("", ""), (f"{before.name} → {entry.name}", "primary")]
        if self._compared is None or self._compared[:2] != (before.name, entry.name):
            self._compare(before, entry)
            return [*lines, ("comparing …", "vm-dim")]
        found = self._compared[2]
        lines += [(d.words(), "warning" if d.differs else "") for d in found]
        if not found:
            lines.append(("nothing that both measured", "vm-dim"))
        return lines + [(f"! {told}", "vm-dim") for told in unlike(before.measurement, entry.measurement)]

    def _compare(self, before: Entry, after: Entry) -> None:
        if self._comparing is not None:
            self._comparing.cancel()

        async def work() -> None:
            try:
                found = await compare_apart(before.file, after.file)
            except Exception as error:
                self.workbench.say_not("Not compared", error)
                return
            self._compared = (before.name, after.name, found)
            self._show()

        self._comparing = asyncio.create_task(work())

    # actions

    def why_not(self, action: str) -> str:
        """Say why an action cannot be done now."""
        measuring = self._measuring is not None
        if action == "measure":
            return _NO_LAB if self.lab is None else "A measurement goes on; c ends it." if measuring else ""
        if action == "stop":
            return "" if measuring else "Nothing is being measured."
        if action == "mark":
            return "" if self.current is not None else "Nothing was measured yet."
        return ""

    def action_mark(self) -> None:
        """Compare others with the one under the cursor, or no longer."""
        entry = self.current
        if entry is not None:
            self.measurements.marked = None if self.measurements.marked == entry.name else entry.name
            self.measurements.refresh()
            self._show()

    async def action_measure(self) -> None:
        """Ask what to measure, and do it."""
        lab = self.lab
        if lab is None or self._measuring is not None:
            return
        machines = await asyncio.to_thread(lab.machines)

        def answered(request: Request | None) -> None:
            if request is not None and self._measuring is None:
                self._begin(lab, request)

        self.app.push_screen(NewMeasurement(machines), answered)

    def _begin(self, lab: Lab, request: Request) -> None:
        self._taken = Progress(conditions=request.conditions)
        self._measuring = asyncio.create_task(self._measure(lab, request, self._taken))
        self.add_class("-measuring")
        self._redraw()

    async def _measure(self, lab: Lab, request: Request, taken: Progress) -> None:
        keep = ""
        try:
            try:
                await lab.measure(request, taken, lambda _progress: self._changed())
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not taken.series or task is None:
                    raise
                task.uncancel()  # somebody ended it: what was measured so far is kept
            keep = (await asyncio.to_thread(lab.keep, taken.measurement())).stem
        except asyncio.CancelledError:
            self.log("nothing was measured before it was ended")
        except Exception as error:
            self.workbench.say_not("Not measured", error)
        finally:
            self._measuring = self._taken = None
            if self.is_attached:
                self.remove_class("-measuring")
                await self._load(keep)

    def _changed(self) -> None:
        if not self._drawing:
            self._drawing = True
            later(self, REDRAW, self._redraw)

    def _redraw(self) -> None:
        self._drawing = False
        taken = self._taken
        if taken is None:
            return
        told = f"{taken.done} of {taken.total} keys" if taken.done else taken.note or "starting"
        self.query_one("#measuring", Static).update(f"measuring {taken.conditions.probe}: {told} · c ends it")
        self._show()

    def action_stop(self) -> None:
        """End the measurement; what was measured so far is kept."""
        if self._measuring is not None:
            self._measuring.cancel()

    def action_back(self) -> None:
        """Go to the tests; what is measured goes on."""
        if self.zoomed:
            self.unzoom()
        else:
            self.app.call_later(self.workbench.go, "tests")
