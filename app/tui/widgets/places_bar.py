"""The bar of places at the top: where one is, and which digit leads where."""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style
from rich.text import Text
from textual import events
from textual.widgets import Static

from app.tui import keymap, places
from app.tui.faults import Contained

GAP = "  "
"""What stands after a place."""


class PlacesBar(Contained, Static):
    """One line that names the places.

    Args:
        place: Id of the place whose screen it stands on.
    """

    DEFAULT_CSS = """
    PlacesBar { height: 1; padding: 0 1; background: $panel; color: $vm-dim; }
    """
    ALLOW_SELECT = False

    def __init__(self, place: str) -> None:
        super().__init__(markup=False)
        self.place = place

    def on_mount(self) -> None:
        """Draw it, and again in other colours."""
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.draw())
        self.draw()

    def on_resize(self) -> None:
        """Use the room there is."""
        self.draw()

    def draw(self) -> None:
        """Name the places."""
        colour = self.app.theme_variables["primary"]
        text = self._named(colour)
        if text.cell_len - len(GAP) > self.app.size.width - self.gutter.width:
            text = self._named(colour, short=True)
        self.update(text, layout=False)

    def _named(self, colour: str, *, short: bool = False) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        changes: Mapping[str, str] = getattr(self.app, "key_changes", {})
        for digit, name, title in places.titles(short=short):
            key = keymap.shown(changes.get(f"app.go-{name}", digit).split(",")[0])
            here = name == self.place
            style = Style.parse(f"bold underline {colour}" if here else "none")
            text.append(f"{key} {title}", style + Style(meta={"place": name}))
            text.append(GAP)
        return text

    def on_click(self, event: events.Click) -> None:
        """Go to the place that was clicked."""
        name = event.style.meta.get("place")
        if isinstance(name, str):
            event.stop()
            self.app.call_later(self.app.run_action, f"go('{name}')")
