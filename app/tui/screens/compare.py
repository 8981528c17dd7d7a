"""Two runs side by side: what changed, what is new or missing, how durations moved."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widgets import Static

from app.engine.compare import Change, Comparison
from app.engine.events import Outcome
from app.tui import keymap, signs
from app.tui.acting import names_in_registry
from app.tui.keys.key import PaneHelp
from app.tui.screens.base import VmScreen
from app.tui.signs import Sign
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.line_list import Cell, LineList, Row, fit
from app.tui.widgets.places_bar import PlacesBar

CHANGES = {
    Change.WORSE: Sign("✗", "worse", "bad"),
    Change.BETTER: Sign("✓", "better", "good"),
    Change.OTHER: Sign("~", "changed", "warn"),
    Change.NEW: Sign("+", "new", "live"),
    Change.MISSING: Sign("-", "missing", "warn"),
    Change.SAME: Sign("=", "same", "dim"),
}
NOTABLE = 0.2
"""Share of a duration by which it must have moved to be coloured; and at least a second."""
_REST = 59
"""Cells of a row besides the name and the message."""


class CompareList(LineList):
    """The tests of both runs, what matters most on top."""

    HEADED = True
    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "the tests of both runs", "What became of each; what got worse is on top.", "list"
    )

    def __init__(self, comparison: Comparison, *, id: str) -> None:
        super().__init__(id=id)
        self.comparison = comparison
        self._longest = max((len(pair.name) for pair in comparison.pairs), default=0)

    def on_mount(self) -> None:
        """Draw the rows."""
        self.set_count(len(self.comparison.pairs))

    def _name_width(self, width: int) -> int:
        return max(12, min(self._longest, width - _REST))

    def head(self, width: int) -> str:
        """Return the columns' names."""
        names = f"   {'CHANGE':8}{fit('TEST', self._name_width(width))} {'BEFORE':12}{'AFTER':9}"
        return f"{names}{'TOOK':>7}  {'NOW':>7} {'BY':>8} WHY"

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of a row."""
        pair = self.comparison.pairs[index]
        look = CHANGES[pair.change]
        name = self._name_width(width)
        yield Cell(f" {look.glyph} {fit(look.word, 8)}", look.tone)
        yield Cell(fit(pair.name, name) + " ", bold=pair.change is not Change.SAME)
        yield from _outcome(pair.before)
        yield Cell(" → ", "dim")
        yield from _outcome(pair.after)
        yield Cell(f"{_seconds(pair.before_duration):>7} →{_seconds(pair.after_duration):>7} ", "dim")
        if pair.delta is not None:
            notable = abs(pair.delta) >= max(1.0, NOTABLE * (pair.before_duration or 0.0))
            tone = ("bad" if pair.delta > 0 else "good") if notable else "dim"
            yield Cell(f"{pair.delta:+7.2f}s ", tone)
        else:
            yield Cell(" " * 9)
        if pair.message and width - _REST - name >= 12:
            yield Cell(pair.message.splitlines()[0], "dim")


def _outcome(outcome: Outcome | None) -> Row:
    if outcome is None:
        return [Cell(fit("·", 9), "dim")]
    sign = signs.OUTCOMES[outcome]
    return [Cell(fit(f"{sign.glyph} {sign.word}", 9), sign.tone)]


def _seconds(value: float | None) -> str:
    return "" if value is None else signs.duration(value)


class CompareScreen(VmScreen):
    """Shows a comparison.

    Args:
        comparison: Of two runs.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("compare")
    NAME = "Two runs compared"
    SCOPE = "compare"
    PURPOSE = (
        "What became of each test from the older run to the newer one. What got worse is on top, then what "
        "got better, what is new and what is missing; last, what is the same, with how its duration moved."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Comparison", "compare"),
        ("Moving around", "list"),
        ("Everywhere", "app"),
    ]

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self.comparison = comparison

    def compose(self) -> ComposeResult:
        """Make the panes."""
        yield PlacesBar("runs")
        yield Static(id="title", markup=False)
        with Container(id="panes"):
            yield CompareList(self.comparison, id="compared")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Name the runs."""
        found = self.comparison
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"{found.before} → {found.after}", "bold")
        text.append(f"  ·  {found.summary}")
        self.query_one("#title", Static).update(text)
        shown = self.query_one("#compared", CompareList)
        shown.border_title = f"compared · {signs.counted(len(found.pairs), 'test')}"
        self.set_focus(shown)

    def _worse(self) -> tuple[str, ...]:
        return names_in_registry(p.name for p in self.comparison.pairs if p.change is Change.WORSE)

    def action_run_worse(self) -> None:
        """Run again what became worse."""
        self.workbench.runs.start(self._worse())

    def action_copy(self) -> None:
        """Copy all of it."""
        self.app.copy_to_clipboard(self.comparison.text())
        self.notify("Copied the comparison.")

    def action_back(self) -> None:
        """Go back to the runs."""
        self.dismiss()

    def why_not(self, action: str) -> str:
        """Say why an action cannot be done now."""
        return "Nothing became worse." if action == "run_worse" and not self._worse() else ""
