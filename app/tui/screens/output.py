"""The whole output of a step, as its artifact holds it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Label, Static

from app.tui import keymap
from app.tui.screens.base import VmScreen
from app.tui.widgets.entry import Entry
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.log_view import LogView, titled

STREAMS = {".stdout": "standard output", ".stderr": "standard error"}


class OutputScreen(VmScreen):
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
        ("Scrolling", "log"),
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
        with Horizontal(classes="bar"):
            yield Label("search")
            yield Entry("text in the output", id="search")
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

    @property
    def view(self) -> LogView:
        """The pane."""
        return self.query_one("#output", LogView)

    @on(LogView.Status)
    def _status(self, event: LogView.Status) -> None:
        self._told = event.text if self.view.finder else ""
        self._title_view()

    def action_search(self) -> None:
        """Begin to search."""
        self.add_class("-searching")
        self.set_focus(self.query_one("#search", Entry))

    @on(Input.Changed, "#search")
    def _search_changed(self, event: Input.Changed) -> None:
        self.view.search(event.value)

    def action_keep_entry(self) -> None:
        """Keep the search and go to what is searched."""
        self.set_class(bool(self.query_one("#search", Entry).value), "-searching")
        self.set_focus(self.view)

    def action_focus_list(self) -> None:
        """Go from the search to the output."""
        self.set_focus(self.view)

    def action_hit(self, direction: int) -> None:
        """Go to another hit."""
        if not self.view.go_to_hit(direction):
            self.notify("Nothing found. / searches.")

    def action_copy(self) -> None:
        """Copy what is selected, or what is in view."""
        selected = self.get_selected_text()
        self.app.copy_to_clipboard(selected or self.view.visible_text())
        self.notify("Copied the selection." if selected else "Copied what is in view.")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done now."""
        if action == "other":
            return len(self._paths) > 1
        return action != "search" or not isinstance(self.focused, Entry)

    def action_back(self) -> None:
        """End the search, then go back to the run."""
        if self.has_class("-searching"):
            self.remove_class("-searching")
            self.query_one("#search", Entry).value = ""
            self.set_focus(self.view)
        else:
            self.dismiss()
