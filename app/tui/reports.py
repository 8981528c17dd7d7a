"""What the workbench does with faults of its own: a report to copy, or a block in the pane that broke."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

import textual
from textual.widget import Widget

from app import __version__
from app.tui import broken
from app.tui.broken import Fault

if TYPE_CHECKING:
    from app.tui.app import Workbench


class Reports:
    """Tells of each fault once.

    Args:
        app: The workbench.
    """

    def __init__(self, app: Workbench) -> None:
        self._app = app
        self._reported: set[str] = set()

    def show(self, error: BaseException) -> None:
        """Show a report, unless it is shown, was shown, or follows from a pane that is known to be broken."""
        text = "".join(traceback.format_exception(error))
        if self._app.leaving or text in self._reported or broken.follows(error):
            return
        self._reported.add(text)
        self._open(error)

    def _open(self, error: BaseException) -> None:
        from app.tui.screens.dialogs import Report

        stack = self._app.screen_stack
        if stack and not isinstance(stack[-1], Report):
            self._app.push_screen(Report(self._text(error)))

    def _text(self, error: BaseException) -> str:
        where = f"vmbench {__version__}, Textual {textual.__version__}, Python {sys.version.split()[0]}"
        return f"{where}, in {self._app.place}\n\n{''.join(traceback.format_exception(error))}"

    def take(self, widget: Widget, fault: Fault) -> None:
        """Have a pane's fault told in its place; safe to call while the screen is painted."""
        if broken.fault_of(widget) is None:
            broken.note(widget, fault)
            self._app.call_later(self._told, widget)

    async def _told(self, widget: Widget) -> None:
        fault = broken.fault_of(widget)
        if fault is not None and widget.is_attached:
            if not fault.made:  # what it is made of would cover what is told
                await widget.query_children("*").exclude(".-textual-system").remove()
            widget.refresh()
            widget.screen.refresh_bindings()

    def here(self) -> list[Widget]:
        """Return what is broken on the screen that is seen, the focused pane first."""
        stack = self._app.screen_stack
        return broken.broken_on(stack[-1]) if stack else []

    def copy(self) -> None:
        """Copy the report of the broken pane that is focused, or of any."""
        for widget in self.here()[:1]:
            fault = broken.fault_of(widget)
            if fault is not None:
                self._app.copy_to_clipboard(self._text(fault.error))
                self._app.notify("Copied the report.")

    def open(self, widget: Widget | None) -> None:
        """Show the report of a broken pane; of another one nothing."""
        fault = broken.fault_of(widget)
        if fault is not None:
            self._open(fault.error)

    async def again(self) -> None:
        """Make and draw again what is broken on the screen that is seen."""
        for widget in self.here():
            fault = await broken.try_again(widget)
            if fault is not None:
                self.take(widget, fault)
        self._app.screen.refresh_bindings()
