"""The list of past runs: how each went, when, what it ran."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from app.engine.events import Outcome
from app.engine.history import RunSummary
from app.tui import signs
from app.tui.clock import Clock
from app.tui.signs import Sign
from app.tui.widgets.line_list import Cell, LineList, Row, fit
from app.tui.widgets.run_header import bar

BAR = 10
WORDS = {
    "passed": Sign("✓", "passed", "good"),
    "failed": Sign("✗", "failed", "bad"),
    "cancelled": Sign("■", "cancelled", "warn"),
    "cut off": Sign("⚠", "cut off", "warn"),
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

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of a row."""
        run = self.shown[index]
        marked = run.id in self.marked
        sign = WORDS[run.word]
        yield Cell(f" {signs.MARKED if marked else signs.UNMARKED} ", "accent" if marked else "dim")
        yield Cell(f"{sign.glyph} ", sign.tone)
        yield Cell(fit(sign.word, 10), sign.tone)
        yield Cell(fit(self._clock.ago(run.time), 13), "plain")
        bad = run.counts.get(Outcome.FAILED, 0) + run.counts.get(Outcome.ERROR, 0)
        done = sum(run.counts.values())
        good, red, rest = bar(done, bad, run.tests, BAR)
        yield Cell("━" * good, "good")
        yield Cell("━" * red, "bad")
        yield Cell("─" * rest, "dim")
        for outcome, look in signs.OUTCOMES.items():
            number = run.counts.get(outcome, 0)
            if width >= 110 or outcome is not Outcome.SKIPPED:
                yield Cell(fit(f" {look.glyph}{number}" if number else "", 5), look.tone)
        yield Cell(f"{signs.duration(run.duration):>7} ", "dim")
        yield Cell(fit(f"◆{len(run.kept)}" if run.kept else "", 3), "warn")
        used = 5 + 10 + 13 + BAR + (20 if width >= 110 else 15) + 8 + 3
        id_width = 21 if width - used >= 46 else 0
        registry = 14 if width - used >= 70 else 0
        what = run.selection or f"all {signs.counted(run.tests, 'test')}"
        yield Cell(" " + fit(what, width - used - 1 - id_width - registry))
        if registry:
            yield Cell(" " + fit(Path(run.registry).name, registry - 1), "dim")
        if id_width:
            yield Cell(" " + fit(run.id, id_width - 1), "dim")
