"""The whole output of a step, as its artifact holds it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from app.tui import keymap
from app.tui.screens.log_screen import LogScreen
from app.tui.widgets.find_bar import FindBar
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.log_view import LogView, titled

STREAMS = {".stdout": "standard output", ".stderr": "standard error"}


class OutputScreen(LogScreen):
    """Shows a file to read, search and copy from.

    Args:
        title: What it is the output of.
        paths: The files: what went to standard output, what went to standard error.
        begin: Which of them to show first.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("output")
    NAME = "Output"
    SCOPE = "output"
    PURPOSE = (
        "All that a step printed, however much it was. Search with /, select with the mouse, copy with y."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Output", "output"),
        ("The log", "log"),
        ("While typing a search or a filter", "find"),
        ("Everywhere", "app"),
    ]

    def __init__(self, title: str, paths: Sequence[Path], begin: int = 0) -> None:
        super().__init__()
        self._title = title
        self._paths = list(paths)
        self._shown = begin
        self._told = ""

    def compose(self) -> ComposeResult:
        """Make the pane."""
        yield Static(self._title, id="title", markup=False)
        yield LogView(empty="This step printed nothing.", id="output")
        yield FindBar("output")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Show the file from its beginning."""
        self._show()
        self.set_focus(self.view)

    def _show(self) -> None:
        self.view.attach(self._paths[self._shown], follow=False)
        self._title_view()
        self.refresh_bindings()

    def _title_view(self) -> None:
        stream = STREAMS.get(self._paths[self._shown].suffix, "output")
        place = f"{self._shown + 1} of {len(self._paths)}" if len(self._paths) > 1 else ""
        self.view.border_title = titled(stream, place, self._told)

    def action_other(self) -> None:
        """Show what went to the other stream."""
        self._shown = (self._shown + 1) % len(self._paths)
        self._show()

    def log_name(self) -> str:
        """Return what to call a file that the output is exported to."""
        return self._paths[self._shown].name

    @property
    def view(self) -> LogView:
        """The pane."""
        return self.query_one("#output", LogView)

    @on(LogView.Status)
    def _status(self, event: LogView.Status) -> None:
        self._told = event.text if self.view.finder or self.view.sieve else ""
        self._title_view()

    def action_copy(self) -> None:
        """Copy what is selected, or what is in view."""
        self.copy_from(self.view)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done now."""
        if action == "other":
            return len(self._paths) > 1
        return super().check_action(action, parameters)

    def action_back(self) -> None:
        """End the search, then the filter, then go back to the run."""
        if not self.find.close():
            self.dismiss()
