"""Jump mode: a digit on every pane and a letter on every row of the focused list; the next key goes there."""

from __future__ import annotations

import string
from collections.abc import Mapping

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from app.tui.faults import Contained
from app.tui.widgets.line_list import LineList

LETTERS = string.ascii_lowercase + string.ascii_uppercase

Target = tuple[Widget, int | None]


class Jump(Contained, ModalScreen[Target | None]):
    """Labels over the screen below.

    Args:
        panes: What can be gone to, by their numbers.
        lettered: The list whose rows get letters.
    """

    DEFAULT_CSS = """
    Jump { background: transparent; align: left top; }
    Jump > Static {
        position: absolute;
        width: auto;
        height: 1;
        padding: 0 1;
        background: $warning;
        color: $background;
        text-style: bold;
    }
    Jump > .jump-row { padding: 0; background: $accent; }
    """

    def __init__(self, panes: Mapping[int, Widget], lettered: Widget | None) -> None:
        super().__init__()
        self.targets: dict[str, Target] = {}
        self._labels: list[tuple[str, int, int, bool]] = []
        for number, pane in panes.items():
            self.targets[str(number)] = (pane, None)
            self._labels.append((str(number), pane.region.x + 1, pane.region.y, False))
        if isinstance(lettered, LineList):
            top = lettered.content_region
            for letter, row in zip(LETTERS, lettered.visible_rows(), strict=False):
                self.targets[letter] = (lettered, row)
                y = top.y + lettered.HEADED + row - lettered.visible_rows().start
                self._labels.append((letter, top.x, y, True))

    def compose(self) -> ComposeResult:
        """Make the labels."""
        for text, x, y, is_row in self._labels:
            label = Static(text, classes="jump-row" if is_row else "", markup=False)
            label.styles.offset = (x, y)
            yield label

    def on_key(self, event: events.Key) -> None:
        """Go where the key says; any other key ends it."""
        event.stop()
        event.prevent_default()
        self.dismiss(self.targets.get(event.character or ""))

    def on_click(self) -> None:
        """End it."""
        self.dismiss(None)

    @staticmethod
    def go_to_row(pane: Widget, row: int) -> None:
        """Put the cursor of a list on a row."""
        if isinstance(pane, LineList):
            pane.cursor = row
