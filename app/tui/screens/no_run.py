"""What the place of the run shows before there is one."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from app.tui.screens.base import VmScreen
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.places_bar import PlacesBar


class NoRunScreen(VmScreen):
    """Says how to start a run."""

    NAME = "Run"
    PURPOSE = "A run is shown here, live, as soon as one is started."
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [("Everywhere", "app")]

    def compose(self) -> ComposeResult:
        """Make the text."""
        yield PlacesBar("run")
        yield Static(
            "Nothing has run yet.\n\n"
            "1 leads to the tests. There, space marks a test and r runs the marked ones, "
            "or the one under the cursor.",
            classes="nothing",
            markup=False,
        )
        yield KeyFooter()
