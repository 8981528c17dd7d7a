"""What screens share whose list a field narrows: the field, the way there and back."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Label

from app.tui.screens.base import VmScreen
from app.tui.widgets.entry import Entry


class FilteredScreen(VmScreen):
    """A screen with a list and a field that narrows it; a subclass says what is left by which words."""

    @property
    def filtered_list(self) -> Widget:
        """The list."""
        raise NotImplementedError

    @property
    def filter_entry(self) -> Entry:
        """The field."""
        return self.query_one("#filter", Entry)

    @property
    def filter_shown(self) -> bool:
        """Whether the field is there. The bar alone is told: a class of the screen styles all of it anew."""
        return self.query_one(".bar").display

    @filter_shown.setter
    def filter_shown(self, shown: bool) -> None:
        self.query_one(".bar").display = shown

    def filter_bar(self, hint: str) -> ComposeResult:
        """Make the field, which ``hint`` says what to type into."""
        with Horizontal(classes="bar"):
            yield Label("filter")
            yield Entry(hint, id="filter")

    def action_filter(self) -> None:
        """Begin to filter."""
        self.filter_shown = True
        self.set_focus(self.filter_entry)

    def action_keep_entry(self) -> None:
        """Keep the filter and go to the list."""
        self.filter_shown = bool(self.filter_entry.value)
        self.set_focus(self.filtered_list)

    def action_focus_list(self) -> None:
        """Go from the filter to the list."""
        self.set_focus(self.filtered_list)

    def unfilter(self) -> bool:
        """Take the filter away and go to the list; return whether there was one, or the field was open."""
        entry = self.filter_entry
        if not (entry.value or self.focused is entry or self.filter_shown):
            return False
        entry.value = ""
        self.filter_shown = False
        self.set_focus(self.filtered_list)
        return True
