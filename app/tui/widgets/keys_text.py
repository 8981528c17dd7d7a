"""What a screen is for and its keys, as one text: a table of them is arranged many times over."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from rich.text import Text

from app.tui import keymap
from app.tui.widgets.line_list import fit
from app.tui.widgets.still import TextPane

KEYS = 11
"""Cells of the keys before what they do."""
GAP = 2


class KeysText(TextPane):
    """Shows a sentence, and below it keys with what they do.

    Args:
        purpose: The sentence.
        scopes: Headings, each with the scope of keys below it.
    """

    def __init__(self, purpose: str, scopes: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._purpose, self._scopes = purpose, scopes

    def on_mount(self) -> None:
        """Take the colours of another theme."""
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.on_resize())

    def on_resize(self) -> None:
        """Use the room there is."""
        room = max(KEYS, self.container_size.width - self.styles.scrollbar_size_vertical - KEYS - GAP)
        colour = self.app.theme_variables["primary"]
        changes: Mapping[str, str] = getattr(self.app, "key_changes", {})
        text = Text(self._purpose)
        for heading, scope in self._scopes:
            text.append(f"\n\n{heading}", "bold")
            for key in keymap.SCOPES[scope]:
                if key.help:
                    text.append("\n")
                    text.append(fit(keymap.shown(keymap.keys_of(key, changes)), KEYS), f"bold {colour}")
                    lines = textwrap.wrap(key.help, room, break_on_hyphens=False)
                    text.append(" " * GAP + f"\n{' ' * (KEYS + GAP)}".join(lines))
        self.put(text)
