"""The consoles of several machines as one log, by time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from app.logs.log_file import LogFile
from app.logs.merged import MergedLog
from app.tui import keymap
from app.tui.screens.log_screen import LogScreen
from app.tui.widgets.find_bar import FindBar
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.log_view import POLL, LogView, titled

Consoles = Callable[[], Sequence[tuple[str, Path]]]
"""Returns the machines there are by now, each with the file its console is logged to."""
Places = Callable[[], Sequence[tuple[str, int, str]]]
"""Returns where steps began by now: the machine, bytes of its console, what to call it."""

Opens = Callable[[Path], LogFile]
"""Opens a console's file."""


class ConsolesScreen(LogScreen):
    """Shows consoles line by line in the order in which the lines came; machines may come while it is open.

    Args:
        title: Whose consoles they are.
        consoles: The machines.
        places: Where their steps began.
        opens: How a console's file is opened.
        asked: What to begin with: ``search``, or what a log view asks for.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("consoles")
    NAME = "Consoles"
    SCOPE = "consoles"
    PURPOSE = (
        "The consoles of all machines as one, in the order in which their lines came, each line with its "
        "machine. T tells when, in seconds since the first machine began."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Consoles", "consoles"),
        ("The log", "log"),
        ("While typing a search or a filter", "find"),
        ("Everywhere", "app"),
    ]

    def __init__(
        self,
        title: str,
        consoles: Consoles,
        places: Places = tuple,
        opens: Opens = LogFile,
        asked: str = "",
    ) -> None:
        super().__init__()
        self._asked_first = asked
        self._title, self._consoles, self._places, self._opens = title, consoles, places, opens
        self._shown: list[tuple[str, Path]] = []

    def compose(self) -> ComposeResult:
        """Make the pane."""
        yield Static(self._title, id="title", markup=False)
        yield LogView(empty="No machine has printed anything yet.", id="output")
        yield FindBar("output")
        yield KeyFooter()

    @property
    def view(self) -> LogView:
        """The pane."""
        return self.query_one("#output", LogView)

    def on_mount(self) -> None:
        """Show the end of what there is."""
        self.view.place_steps = self._steps
        self._look()
        self.set_focus(self.view)
        self.set_interval(POLL * 10, self._look)
        if self._asked_first == "search":
            self.call_after_refresh(self.action_search)
        elif self._asked_first:
            self.call_after_refresh(self.view.post_message, LogView.Asked(self.view, self._asked_first))

    def _look(self) -> None:
        """Take in machines that came since; while the view is paused they wait."""
        consoles = list(self._consoles())
        if consoles != self._shown and (self.view.following or not self._shown):
            self._shown = consoles
            self.view.show(MergedLog([(name, self._opens(path)) for name, path in consoles]))
            self._title_view("")

    def _steps(self) -> list[tuple[int, str]]:
        """Return the lines of the whole at which steps began."""
        merged = self.view.source
        if not isinstance(merged, MergedLog):
            return []
        return [
            (merged.number_of(log, merged.logs[log].line_at(offset)), label)
            for machine, offset, label in self._places()
            for log, tag in enumerate(merged.tags)
            if tag == machine
        ]

    @on(LogView.Status)
    def _status(self, event: LogView.Status) -> None:
        self._title_view(event.text)

    def _title_view(self, told: str) -> None:
        count = len(self._shown)
        self.view.border_title = titled(f"{count} console{'' if count == 1 else 's'}", told)

    def action_copy(self) -> None:
        """Copy what is selected, or what is in view."""
        self.copy_from(self.view)

    def action_back(self) -> None:
        """End the search, then the filter, then go back."""
        if not self.find.close():
            self.dismiss()
