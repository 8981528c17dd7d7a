"""What every screen with a log has: search, filter, marks, export and copy by the same keys."""

from __future__ import annotations

from textual import on

from app.logs.marks import Mark
from app.tui import clipboard
from app.tui.screens.base import VmScreen
from app.tui.screens.log_dialogs import ExportLog, Marks
from app.tui.widgets.find_bar import FindBar, FindEntry
from app.tui.widgets.log_view import LogView


class LogScreen(VmScreen):
    """A screen with one log view and a ``FindBar`` for it."""

    @property
    def find(self) -> FindBar:
        """Where searches and filters are typed."""
        return self.query_one(FindBar)

    def log_name(self) -> str:
        """Return what to call a file that the log is exported to."""
        return "console.log"

    def action_search(self) -> None:
        """Begin to search."""
        self.find.open("search")

    def action_hit(self, direction: int) -> None:
        """Go to another hit."""
        if not self.find.view.go_to_hit(direction):
            self.notify("Nothing found. / searches.")

    @on(LogView.Asked)
    def _asked(self, event: LogView.Asked) -> None:
        event.stop()
        view = event.control
        if event.what == "filter":
            self.find.open("filter")
        elif event.what == "marks":
            view.find_marks(lambda marks: self._show_marks(view, marks))
        elif event.what == "export":
            self._export(view)

    def _show_marks(self, view: LogView, marks: list[Mark]) -> None:
        if not marks:
            self.notify("Nothing here is marked: no step, no kernel complaint, no error.")
            return

        def chosen(mark: Mark | None) -> None:
            if mark is not None:
                view.go_to_mark(mark)

        self.app.push_screen(Marks(marks, view.hit if view.hit is not None else view.line_at_top()), chosen)

    def _export(self, view: LogView) -> None:
        if not view.line_count:
            self.notify("There is nothing to export.")
            return

        def told(said: str | None) -> None:
            if said:
                self.notify(said, markup=False)

        self.app.push_screen(ExportLog(view, self.log_name()), told)

    def copy_from(self, view: LogView) -> None:
        """Copy what is selected, or what is in view."""
        selected = self.get_selected_text()
        text = selected or view.visible_text()
        if not clipboard.fits(text):
            self.notify(f"{clipboard.TOO_MUCH} x exports it.", severity="warning")
            return
        self.app.copy_to_clipboard(text)
        self.notify("Copied the selection." if selected else "Copied what is in view.")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer no search while one is typed."""
        if action == "search" and isinstance(self.focused, FindEntry):
            return False
        return super().check_action(action, parameters)
