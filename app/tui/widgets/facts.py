"""What there is to know about one thing: a heading and named facts, as text that can be selected."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text

from app.tui.keys.key import PaneHelp
from app.tui.widgets.still import TextPane

WIDTH = 10


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: what it is called and what it is."""

    name: str
    value: str
    tone: str = ""
    """One of ``good``, ``bad``, ``warn``, ``live``, ``dim``."""


_TONES = {"good": "success", "bad": "error", "warn": "warning", "live": "primary", "dim": "vm-dim"}


class Facts(TextPane):
    """Shows facts."""

    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "details", "What there is to know about the row under the cursor.", "text"
    )

    DEFAULT_CSS = """
    Facts { padding: 0 1; scrollbar-size-vertical: 1; }
    """

    def __init__(self, *, id: str, classes: str = "") -> None:
        super().__init__(id=id, classes=classes)
        self._heading = ""
        self._facts: list[Fact] = []
        self._shown: Text | None = None

    def show(self, heading: str, facts: list[Fact]) -> None:
        """Show facts; the view stays where it is while the heading stays the same."""
        if heading != self._heading:
            self.scroll_home(animate=False)
        self._heading, self._facts = heading, facts
        self._draw()

    def on_resize(self) -> None:
        """Use the room there is."""
        self._draw()

    def _draw(self) -> None:
        heading, facts = self._heading, self._facts
        room = max(16, self.scrollable_content_region.width - WIDTH - 1)
        variables = self.app.theme_variables
        text = Text(heading + "\n", style="bold") if heading else Text()
        for fact in facts:
            colour = variables[_TONES[fact.tone]] if fact.tone else ""
            lines = textwrap.wrap(fact.value, room, break_on_hyphens=False) or [""]
            for number, line in enumerate(lines):
                if fact.name:
                    name = fact.name if number == 0 else ""
                    text.append(f"{name:<{WIDTH}}", f"not bold {variables['vm-dim']}")
                text.append(line + "\n", f"not bold {colour}".strip())
        if text != self._shown:
            self._shown = text
            self.put(text)
