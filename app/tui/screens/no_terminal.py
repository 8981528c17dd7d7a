"""What the place of the terminals shows while none is open."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from app.setting_kinds import prefix_name
from app.tui.screens.base import VmScreen
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.places_bar import PlacesBar


class NoTerminalScreen(VmScreen):
    """Says how to open a terminal."""

    NAME = "Terminals"
    PURPOSE = "Terminals stay open here while you look at other places."
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [("Everywhere", "app")]

    def compose(self) -> ComposeResult:
        """Make the text."""
        yield PlacesBar("terminals")
        prefix = prefix_name(self.workbench.terminals.prefix)
        yield Static(
            "No terminal is open.\n\n"
            "A on a machine (4), or on a test of a run (2) whose machine runs or was kept, opens terminals "
            f"in it. They stay open here while you look at other places: {prefix} and then a digit "
            "leads there, 3 leads back.",
            classes="nothing",
            markup=False,
        )
        yield KeyFooter()
