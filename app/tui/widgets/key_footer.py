"""The line of keys at the bottom of a screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widget import Widget

from app.tui.faults import Contained
from app.tui.widgets.gauge import Gauge

STAY = ("help", "quit")
"""Actions whose keys are named however little room there is."""


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key as the line names it."""

    key: str
    display: str
    description: str
    action: str
    enabled: bool
    tooltip: str

    @property
    def width(self) -> int:
        """Cells that it takes."""
        words = f" {self.display} {self.description} " if self.description else self.display
        return cell_len(words)


class KeyLine(Contained, Widget):
    """Keys and what they do, in one line; a click on one presses it.

    One widget for all of them: a widget for each, as Textual's own footer has, is mounted and styled several
    times over, many milliseconds of the first paint and of every keystroke that moves the focus.
    """

    DEFAULT_CSS = """
    KeyLine {
        width: 1fr;
        height: 1;
        text-wrap: nowrap;
        text-overflow: clip;
        background: $footer-item-background;
        & > .key-line--key {
            color: $footer-key-foreground;
            background: $footer-key-background;
            text-style: bold;
        }
        & > .key-line--description {
            color: $footer-description-foreground;
            background: $footer-description-background;
        }
        & > .key-line--hover { background: $block-hover-background; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "key-line--key",
        "key-line--description",
        "key-line--hover",
    }
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[ShownKey] = []
        """What it names."""
        self._hovered: int | None = None

    def show(self, keys: list[ShownKey]) -> None:
        """Name other keys."""
        if keys != self.keys:
            self.keys = keys
            self._hover(None)
            self.refresh()

    def render(self) -> Text:
        """Name the keys."""
        key_style = self.get_component_rich_style("key-line--key")
        description_style = self.get_component_rich_style("key-line--description")
        text = Text(no_wrap=True, end="")
        for number in self._fitting():
            shown = self.keys[number]
            change = Style(dim=not shown.enabled or None, meta={"number": number})
            if number == self._hovered:
                change += Style(bgcolor=self.get_component_rich_style("key-line--hover").bgcolor)
            if shown.description:
                text.append(f" {shown.display} ", key_style + change)
                text.append(f"{shown.description} ", description_style + change)
            else:
                text.append(shown.display, key_style + change)
        return text

    def _fitting(self) -> list[int]:
        """Return the numbers of the keys there is room for; the one to the help, which names all, stays."""
        left = list(range(len(self.keys)))
        wide = sum(self.keys[number].width for number in left)
        droppable = [number for number in left if self.keys[number].action not in STAY]
        while wide > self.size.width and droppable:
            wide -= self.keys[droppable[-1]].width
            left.remove(droppable.pop())
        return left

    def _hover(self, number: int | None) -> None:
        if number != self._hovered:
            self._hovered = number
            self.tooltip = (self.keys[number].tooltip or None) if number is not None else None
            self.refresh()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show what a click would press."""
        number = event.style.meta.get("number")
        self._hover(number if isinstance(number, int) and number < len(self.keys) else None)

    def on_leave(self) -> None:
        """Show no key as hovered over any more."""
        self._hover(None)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Press the key."""
        number = event.style.meta.get("number")
        if not isinstance(number, int) or number >= len(self.keys):
            return
        if self.keys[number].enabled:
            self.app.simulate_key(self.keys[number].key)
        else:
            self.app.bell()


class KeyFooter(Contained, Horizontal):
    """The keys of what is focused, and the gauge to their right."""

    DEFAULT_CSS = """
    KeyFooter {
        dock: bottom;
        height: 1;
        color: $footer-foreground;
        background: $footer-background;
    }
    """
    ALLOW_SELECT = False

    def compose(self) -> ComposeResult:
        """Make the line and the gauge."""
        yield KeyLine()
        yield Gauge()

    def on_mount(self) -> None:
        """Follow the focus."""
        self.screen.bindings_updated_signal.subscribe(self, self.bindings_changed)
        self.query_one(KeyLine).show(self._keys())

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Show the screen's keys, if they are others than before."""
        if screen.app.app_focus and self.is_attached and screen is self.screen:
            self.query_one(KeyLine).show(self._keys())

    def _keys(self) -> list[ShownKey]:
        keys: dict[str, ShownKey] = {}
        for _, binding, enabled, tooltip in self.screen.active_bindings.values():
            if binding.show and binding.action not in keys:
                display = self.app.get_key_display(binding)
                keys[binding.action] = ShownKey(
                    binding.key, display, binding.description, binding.action, enabled, tooltip
                )
        return list(keys.values())
