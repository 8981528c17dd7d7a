"""The list of past runs: how each went, when, what it ran."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import ClassVar

from app.engine.events import Outcome
from app.engine.history import RunSummary
from app.tui import signs
from app.tui.clock import Clock
from app.tui.keys.key import PaneHelp
from app.tui.signs import CUT_OFF, Sign
from app.tui.widgets.line_list import Cell, LineList, Row, fit
from app.tui.widgets.run_header import bar

BAR = 10
WORDS = {
    "passed": Sign("✓", "passed", "good"),
    "failed": Sign("✗", "failed", "bad"),
    "cancelled": Sign("■", "cancelled", "warn"),
    "cut off": CUT_OFF,
    "running": Sign("▶", "running", "live"),
}
"""How a run's state looks."""


def matching(runs: list[RunSummary], words: list[str]) -> list[RunSummary]:
    """Return the runs that have every word in what is shown of them, and none of those after ``-``."""
    # Word by word, not run by run: a filter looks at thousands of runs for every key.
    for word in words:
        if len(word) > 1 and word[0] == "-":
            no = word[1:]
            runs = [run for run in runs if no not in run.searched]
        else:
            runs = [run for run in runs if word in run.searched]
    return runs


class PastRunList(LineList):
    """Shows runs; the cursor stays on its run when the list changes.

    Args:
        clock: The time.
    """

    HEADED = True
    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "the list of runs", "What ran on this host, the newest first.", "list"
    )

    def __init__(self, clock: Clock, *, id: str) -> None:
        super().__init__(id=id)
        self._clock = clock
        self.all: list[RunSummary] = []
        self.shown: list[RunSummary] = []
        self.marked: dict[str, None] = {}
        """Ids of the marked runs, in the order in which they were marked."""
        self._words: list[str] = []
        self._places: dict[str, int] = {}
        """Where in ``all`` each run is."""

    @property
    def current(self) -> RunSummary | None:
        """The run under the cursor."""
        return self.shown[self.cursor] if self.cursor < len(self.shown) else None

    def load(self, runs: list[RunSummary]) -> None:
        """Take over what was read."""
        self.all = runs
        self._places = {run.id: place for place, run in enumerate(runs)}
        self.marked = {name: None for name in self.marked if name in self._places}
        self._build()

    def before(self, run: RunSummary) -> RunSummary | None:
        """Return the run of the same registry before ``run``."""
        older = islice(self.all, self._places[run.id] + 1, None)
        return next((other for other in older if other.registry == run.registry), None)

    def set_filter(self, text: str) -> None:
        """Show only the runs that have every word."""
        self._words = text.lower().split()
        self._build()

    def _build(self) -> None:
        current = self.current.id if self.current and self.cursor else None
        self.shown = matching(self.all, self._words)
        with self.by_program():
            self.set_count(len(self.shown))
            if current is not None:
                self.cursor = next((i for i, run in enumerate(self.shown) if run.id == current), self.cursor)

    def toggle(self, index: int) -> None:
        """Mark a run, or take its mark away."""
        if index >= len(self.shown):
            return
        name = self.shown[index].id
        if name in self.marked:
            del self.marked[name]
        else:
            self.marked[name] = None
        self.refresh_row(index)

    def clicked(self, index: int, x: int) -> bool:
        """Mark by a click on the marks' column."""
        if x < 3:
            self.toggle(index)
        return x < 3

    def _columns(self, width: int) -> list[tuple[str, int]]:
        """Return the columns there is room for, with their widths."""
        outcomes = sum(size for _, size in _outcomes(width))
        found = [("STATE", 12), ("WHEN", 13), ("RESULTS", BAR + outcomes), ("TOOK", 8), ("KEPT", 5)]
        rest = width - 3 - sum(size for _, size in found)
        places = [("REGISTRY", 14)] if rest >= 70 else []
        places += [("RUN", 22)] if rest >= 46 else []
        what = rest - sum(size for _, size in places)
        return [*found, ("TESTS", what), *places]

    def head(self, width: int) -> str:
        """Return the columns' names."""
        return "   " + "".join(
            f"{name:>{size - 1}} " if name == "TOOK" else fit(name, size)
            for name, size in self._columns(width)
        )

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of a row."""
        run = self.shown[index]
        marked = run.id in self.marked
        yield Cell(f" {signs.MARKED if marked else signs.UNMARKED} ", "accent" if marked else "dim")
        for name, size in self._columns(width):
            match name:
                case "STATE":
                    sign = WORDS[run.word]
                    yield Cell(fit(f"{sign.glyph} {sign.word}", size), sign.tone)
                case "WHEN":
                    yield Cell(fit(self._clock.ago(run.time), size), "plain")
                case "RESULTS":
                    yield from _results(run, width)
                case "TOOK":
                    yield Cell(f"{signs.duration(run.duration):>{size - 1}} ", "dim")
                case "KEPT":
                    yield Cell(fit(f"◆ {len(run.kept)}" if run.kept else "", size), "warn")
                case "TESTS":
                    what = run.selection or f"all {signs.counted(run.tests, 'test')}"
                    yield Cell(fit(what, size - 1) + " ")
                case "REGISTRY":
                    yield Cell(fit(Path(run.registry).name, size - 1) + " ", "dim")
                case "RUN":
                    yield Cell(fit(run.id, size), "dim")


def _outcomes(width: int) -> list[tuple[Outcome, int]]:
    """Return the outcomes that are counted, with the widths of their numbers."""
    return [(o, 5) for o in signs.OUTCOMES if width >= 110 or o is not Outcome.SKIPPED]


def _results(run: RunSummary, width: int) -> Row:
    """Return how the tests of a run ended, as a bar and in numbers."""
    bad = run.counts.get(Outcome.FAILED, 0) + run.counts.get(Outcome.ERROR, 0)
    good, red, rest = bar(sum(run.counts.values()), bad, run.tests, BAR)
    yield Cell("━" * good, "good")
    yield Cell("━" * red, "bad")
    yield Cell("─" * rest, "dim")
    for outcome, size in _outcomes(width):
        number, look = run.counts.get(outcome, 0), signs.OUTCOMES[outcome]
        yield Cell(fit(f" {look.glyph}{number}" if number else "", size), look.tone)
