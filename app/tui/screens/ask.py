"""Asks where a report of a run is to be written."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from app.engine.log import LOG_NAME, log_is_live, replay
from app.engine.reports import SUFFIXES, ReportError, format_of, make_report, write_report
from app.engine.state import RunState
from app.tui import keymap
from app.tui.faults import Contained


class AskReport(Contained, ModalScreen[Path | None]):
    """Asks for a file; its ending tells the format.

    Args:
        run: The run's id.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("ask")

    def __init__(self, run: str) -> None:
        super().__init__()
        self._run = run

    def compose(self) -> ComposeResult:
        """Make the question."""
        with Vertical(classes="dialog"):
            yield Static("Write a report of this run", classes="dialog-title", markup=False)
            yield Static(f"The ending tells the format: {', '.join(SUFFIXES)} (.xml is JUnit).", markup=False)
            entry = Input(f"vmbench-{self._run}.html", id="file", select_on_focus=False)
            entry.cursor_blink = False
            yield entry
            yield Static(id="wrong", classes="dialog-wrong", markup=False)
            yield Static("enter writes it · esc does not", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        """Begin at the name."""
        self.query_one(Input).focus()

    def action_done(self) -> None:
        """Answer, unless the format cannot be told."""
        file = Path(self.query_one(Input).value.strip()).expanduser().absolute()
        try:
            format_of(file)
        except ReportError as error:
            self.query_one("#wrong", Static).update(f"{error.message}; {error.remedy}".split(", or give")[0])
            return
        self.dismiss(file)

    def action_cancel(self) -> None:
        """Write nothing."""
        self.dismiss(None)


def save_report(folder: Path, file: Path, force: bool) -> None:
    """Write a report of the run in ``folder`` to ``file``. Blocking.

    Raises:
        ReportError: the file cannot be written.
        OSError: the run's log cannot be read.
    """
    state = RunState()
    log = folder / LOG_NAME
    live = log_is_live(log)
    state.apply_all(replay(log))
    write_report(make_report(state, format_of(file), cut_off=not live), file, force=force)
