"""The line of keys at the bottom of a screen."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from app.tui.widgets.gauge import Gauge


@dataclass(frozen=True, slots=True)
class _Shown:
    key: str
    display: str
    description: str
    action: str
    enabled: bool
    tooltip: str


class ShownKey(FooterKey):
    """A key of the footer that may become another one.

    Args:
        shown: What it shows.
    """

    def __init__(self, shown: _Shown) -> None:
        super().__init__(
            shown.key,
            shown.display,
            shown.description,
            shown.action,
            disabled=not shown.enabled,
            tooltip=shown.tooltip,
        )
        self.shown = shown
        self.set_reactive(FooterKey.compact, False)  # its default would be undone by styling it anew

    def become(self, shown: _Shown) -> None:
        """Show another key, or the same one as it is now."""
        if shown == self.shown:
            return
        self.shown = shown
        wider = cell_len(shown.display + shown.description) != cell_len(self.key_display + self.description)
        self.key, self.key_display = shown.key, shown.display
        self.description, self.action = shown.description, shown.action
        self.tooltip = shown.tooltip or None
        self._disabled = not shown.enabled
        self.set_class(not shown.enabled, "-disabled")
        self.refresh(layout=wider)


class KeyFooter(Footer):
    """The keys of what is focused; what is there is used again for others.

    Textual's own makes a widget for each key, and styles each three times, whenever the focus moves: many
    milliseconds of the keystroke that moved it. The gauge stands to their right.
    """

    DEFAULT_CSS = """
    KeyFooter Gauge { dock: right; }
    """

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)
        self._shown: list[_Shown] = []

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Show the screen's keys, if they are others than before."""
        if not (screen.app.app_focus and self.is_attached and (keys := self._keys()) != self._shown):
            return
        self._shown = keys
        made = list(self.query_children(ShownKey))
        if not made:
            super().bindings_changed(screen)
            return
        for widget, key in zip(made, keys, strict=False):
            widget.become(key)
        if more := [ShownKey(key) for key in keys[len(made) :]]:
            self.mount(*more, after=made[-1])
        for spare in made[len(keys) :]:
            spare.remove()
        self.styles.grid_size_columns = len(keys)

    def compose(self) -> ComposeResult:
        """Make a widget for every key."""
        self._shown = self._keys() if self._bindings_ready else []
        self.styles.grid_size_columns = len(self._shown)
        for key in self._shown:
            yield ShownKey(key)
        yield Gauge()

    def _keys(self) -> list[_Shown]:
        keys: dict[str, _Shown] = {}
        for _, binding, enabled, tooltip in self.screen.active_bindings.values():
            if binding.show and binding.action not in keys:
                display = self.app.get_key_display(binding)
                keys[binding.action] = _Shown(
                    binding.key, display, binding.description, binding.action, enabled, tooltip
                )
        return list(keys.values())
