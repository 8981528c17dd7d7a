"""What the screens of the workbench share: a name, a purpose, keys, and why a key does nothing now."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.widget import Widget

from app.tui import keymap
from app.tui.faults import Contained, report
from app.tui.keys.key import PaneHelp
from app.tui.screens.paced import PacedScreen

if TYPE_CHECKING:
    from app.tui.app import Workbench


class VmScreen(Contained, PacedScreen, inherit_bindings=False):
    """A screen of the workbench.

    A subclass names itself, says what it is for and which scopes of the keymap it has; the help and the
    command palette are made from that.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("screen")
    NAME: ClassVar[str] = ""
    PURPOSE: ClassVar[str] = ""
    SCOPE: ClassVar[str] = ""
    """Scopes of the keymap whose actions the command palette offers, separated by spaces."""
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = []
    """Headings, each with the scope of keys that the help lists below it."""

    _was_hidden = False

    def __init__(self) -> None:
        super().__init__()
        self._styled_as: tuple[object, ...] = ()

    def _on_screen_suspend(self) -> None:
        self._was_hidden = True
        self._styled_as = self._styling()

    def _on_screen_resume(self, event: events.ScreenResume) -> None:
        # What was not hidden before is new: it was styled as it was mounted.
        event.refresh_styles = (
            event.refresh_styles and self._was_hidden and self._styled_as != self._styling()
        )
        self._was_hidden = False

    def _styling(self) -> tuple[object, ...]:
        """Return what the styles of a hidden screen, which follow it only when it is shown, hang on."""
        return self.app._css_update_count, self.app.classes, frozenset(self.app.pseudo_classes)

    def _screen_resized(self, size: Size) -> None:
        # What was hidden meanwhile and has the size it had is laid out already.
        if not self._was_hidden or self._compositor.size != size:
            super()._screen_resized(size)

    @property
    def workbench(self) -> Workbench:
        """The app."""
        from app.tui.app import Workbench

        assert isinstance(self.app, Workbench)
        return self.app

    @property
    def pane_help(self) -> PaneHelp | None:
        """What the help tells of the focused pane."""
        nodes = self.focused.ancestors_with_self if self.focused is not None else ()
        told = (getattr(node, "PANE_HELP", None) for node in nodes)
        return next((help for help in told if isinstance(help, PaneHelp)), None)

    @property
    def on_top(self) -> bool:
        """Whether it is seen and takes keys; safe to ask while places switch, when there may be none."""
        return self.app.screen_stack[-1:] == [self]

    # jumping

    def jump_panes(self) -> dict[int, Widget]:
        """Return the panes that one can jump to, by their numbers."""
        return {}

    def focus_in(self, pane: Widget) -> None:
        """Focus a pane."""
        self.set_focus(pane)

    def action_jump(self) -> None:
        """Show a letter on every row and a digit on every pane; the next key goes there."""
        from app.tui.screens.jump import Jump, Target
        from app.tui.widgets.line_list import LineList

        lists = [rows for rows in self.query(LineList) if rows.display and rows.region.area]
        lettered = self.focused if self.focused in lists else next(iter(lists), None)

        def chosen(target: Target | None) -> None:
            if target is None:
                return
            pane, row = target
            self.focus_in(pane)
            if row is not None:
                Jump.go_to_row(pane, row)

        self.app.push_screen(Jump(self.jump_panes(), lettered), chosen)

    def why_not(self, action: str) -> str:
        """Say why an action cannot be done now; empty when it can.

        Args:
            action: Its name, without arguments.
        """
        return ""

    def reason_against(self, action: str) -> str:
        """Say why an action cannot be done now, where a fault while looking for that must end nothing.

        Args:
            action: Its name, without arguments.
        """
        try:
            return self.why_not(action)
        except Exception as error:
            report(self, error)
            return "A fault of vmbench's own, which was reported, keeps this from being looked at."

    def tell_why_not(self, key: str) -> None:
        """Say why a key that nothing took does nothing now, if it is one of the screen's.

        Args:
            key: Its name, as Textual calls it.
        """
        mine = next((bindings for node, bindings in self._binding_chain if node is self), self._bindings)
        for binding in mine.key_to_bindings.get(key, ()):
            if reason := self.reason_against(binding.action.partition("(")[0]):
                self.notify(reason, title=f"Not now: {binding.description}", markup=False)
                return

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what cannot be done now."""
        return True if not self.is_mounted or not self.reason_against(action) else None
