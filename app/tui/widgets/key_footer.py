"""The line of keys at the bottom of a screen."""

from __future__ import annotations

from dataclasses import dataclass

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


class KeyFooter(Footer):
    """The keys of what is focused; made anew only when they are others.

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
        if screen.app.app_focus and self.is_attached and (keys := self._keys()) != self._shown:
            self._shown = keys
            super().bindings_changed(screen)

    def compose(self) -> ComposeResult:
        """Make a widget for every key."""
        self._shown = self._keys() if self._bindings_ready else []
        self.styles.grid_size_columns = len(self._shown)
        for key in self._shown:
            made = FooterKey(
                key.key,
                key.display,
                key.description,
                key.action,
                disabled=not key.enabled,
                tooltip=key.tooltip,
            )
            made.set_reactive(FooterKey.compact, False)  # its default would be undone by styling it anew
            yield made
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
