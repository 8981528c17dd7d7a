"""The guide of one screen that greets a person the first time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from app.tui import keymap
from app.tui.faults import Contained

LINES: tuple[tuple[str, str], ...] = (
    ("tests.mark tests.run", "Mark tests and run them, each in a machine of its own."),
    ("app.go-run", "Watch the run: steps, output, the console of each machine."),
    ("run.attach run.terminal", "Walk into a machine: a shell, or terminals side by side."),
    ("run.rewind", "Rewind: a machine as it was before the step that failed."),
    ("run.edit run.failed", "Mend the test in your editor; run again what failed."),
    ("app.go-machines", "The machines there are: save one there as a snapshot."),
    ("app.go-snapshots", "Snapshots: fork or restore them as often as you like."),
    ("places", "All places; what was open in one is found as it was left."),
    ("palette", "Every action by its name, and why one is not there now."),
    ("app.help", "What a screen is for, and all of its keys."),
    ("app.quit", "Leave. Kept machines stay, others are thrown away."),
)
"""What can be done: ids of the actions whose keys are shown, and a sentence."""


class Guide(Contained, ModalScreen[None]):
    """Says in a few lines what can be done, and by which keys."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("close")

    def compose(self) -> ComposeResult:
        """Make the text."""
        with Vertical(classes="dialog -guide"):
            yield Static("Welcome to vmbench", classes="dialog-title", markup=False)
            with VerticalScroll():
                yield Static(self._lines(), id="guide-lines")
            yield Static(
                f"Enter begins · {self._keys('app.guide')} shows this again",
                classes="dialog-hint",
                markup=False,
            )

    def _keys(self, ids: str) -> str:
        changes: Mapping[str, str] = getattr(self.app, "key_changes", {})
        known = {key.id: key for _, key in keymap.all_keys()}
        names = {"places": "1 … 0", "palette": keymap.shown(self.app.COMMAND_PALETTE_BINDING)}
        # Only the first key of each action: the help names the others.
        return "  ".join(
            names[name] if name in names else keymap.shown(keymap.keys_of(known[name], changes).split(",")[0])
            for name in ids.split()
        )

    def _lines(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(min_width=9, no_wrap=True)
        table.add_column()
        colour = self.app.theme_variables["primary"]
        for ids, sentence in LINES:
            table.add_row(Text(self._keys(ids), style=f"bold {colour}"), Text(sentence))
        return table

    def on_mount(self) -> None:
        """Let the arrow keys scroll, and take the colours of another theme."""
        self.query_one(VerticalScroll).focus()
        lines = self.query_one("#guide-lines", Static)
        self.app.theme_changed_signal.subscribe(self, lambda _theme: lines.update(self._lines()))

    def action_close(self) -> None:
        """Begin."""
        self.dismiss()
