"""The whole output of a step, as its artifact holds it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Footer, Input, Label, Static

from app.tui import keymap
from app.tui.widgets.entry import Entry
from app.tui.widgets.log_view import LogView, titled


class OutputScreen(Screen[None]):
    """Shows a file to read, search and copy from.

    Args:
        title: What it is the output of.
        path: The file.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("output")
    PURPOSE = (
        "All that a step printed, however much it was. Search with /, select with the mouse, copy with y."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Output", "output"),
        ("Scrolling", "log"),
        ("Everywhere", "app"),
    ]

    def __init__(self, title: str, path: Path) -> None:
        super().__init__()
        self._title = title
        self._path = path

    def compose(self) -> ComposeResult:
        """Make the pane."""
        yield Static(self._title, id="title", markup=False)
        yield LogView(empty="This step printed nothing.", id="output")
        with Horizontal(classes="bar"):
            yield Label("search")
            yield Entry("text in the output", id="search")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Show the file from its beginning."""
        self.view.border_title = "output"
        self.view.attach(self._path, follow=False)
        self.view.focus()

    @property
    def view(self) -> LogView:
        """The pane."""
        return self.query_one("#output", LogView)

    @on(LogView.Status)
    def _status(self, event: LogView.Status) -> None:
        self.view.border_title = titled("output", event.text if self.view.finder else "")

    def action_search(self) -> None:
        """Begin to search."""
        self.add_class("-searching")
        self.query_one("#search", Entry).focus()

    @on(Input.Changed, "#search")
    def _search_changed(self, event: Input.Changed) -> None:
        self.view.search(event.value)

    def action_keep_entry(self) -> None:
        """Keep the search and go to what is searched."""
        self.set_class(bool(self.query_one("#search", Entry).value), "-searching")
        self.view.focus()

    def action_focus_list(self) -> None:
        """Go from the search to the output."""
        self.view.focus()

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
        return action != "search" or not isinstance(self.focused, Entry)

    def action_back(self) -> None:
        """End the search, then go back to the run."""
        if self.has_class("-searching"):
            self.remove_class("-searching")
            self.query_one("#search", Entry).value = ""
            self.view.focus()
        else:
            self.dismiss()
