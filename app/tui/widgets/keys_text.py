"""What a screen is for and its keys, as one text: a table of them is arranged many times over."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.text import Text

from app.tui import keymap
from app.tui.keys.key import PaneHelp
from app.tui.widgets.line_list import fit
from app.tui.widgets.still import TextPane

KEYS = 15
"""Cells of the keys before what they do."""
GAP = 2
LIST = "list"
"""The scope of all lists."""
MANY = 3
"""Keys of one sentence from which on only the first and the last are named."""


class KeysText(TextPane):
    """Shows a sentence, and below it keys with what they do.

    Args:
        purpose: The sentence.
        scopes: Headings, each with the scope of keys below it; without a heading they go on above.
        pane: What is told of the focused pane: its sentence and its keys come first.
    """

    def __init__(self, purpose: str, scopes: Sequence[tuple[str, str]], pane: PaneHelp | None = None) -> None:
        super().__init__()
        self._purpose, self._scopes, self._pane = purpose, scopes, pane

    def on_mount(self) -> None:
        """Take the colours of another theme."""
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.on_resize())

    def on_resize(self) -> None:
        """Use the room there is."""
        room = max(KEYS, self.container_size.width - self.styles.scrollbar_size_vertical - KEYS - GAP)
        text = Text(self._purpose)
        pane = self._pane
        if pane is not None:
            text.append(f"\n\nHere: {pane.title}", "bold")
            text.append(f"\n{pane.purpose}")
        # What a list is there for is done by the screen's own keys; they come before those that move around.
        first = self._scopes[0] if pane is not None and pane.scope == LIST else None
        if pane is not None and first is None:
            self._list(text, pane.scope, room)
        for heading, scope in self._scopes:
            if pane is not None and first is None and scope == pane.scope:
                continue
            if heading and (heading, scope) != first:
                text.append(f"\n\n{heading}", "bold")
            self._list(text, scope, room)
        self.put(text)

    def _list(self, text: Text, scope: str, room: int) -> None:
        colour = self.app.theme_variables["primary"]
        changes: Mapping[str, str] = getattr(self.app, "key_changes", {})
        for keys, help in _sentences(scope, changes):
            text.append("\n")
            text.append(fit(keys, KEYS) if cell_len(keys) <= KEYS else keys, f"bold {colour}")
            lines = textwrap.wrap(help, room, break_on_hyphens=False)
            # Keys that need more room have it to themselves.
            text.append(" " * GAP if cell_len(keys) <= KEYS else f"\n{' ' * (KEYS + GAP)}")
            text.append(f"\n{' ' * (KEYS + GAP)}".join(lines))


def _sentences(scope: str, changes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield keys and what they do; what has no sentence shares that of the key before it."""
    shared: list[str] = []
    help = ""
    for key in keymap.SCOPES[scope]:
        if key.help and help:
            yield _together(shared), help
        if key.help:
            help, shared = key.help, []
        shared.append(keymap.shown(keymap.keys_of(key, changes)))
    if help:
        yield _together(shared), help


def _together(keys: list[str]) -> str:
    if len(keys) > MANY:
        return f"{keys[0]} … {keys[-1]}"
    # The arrow of each, then the letter of each.
    parts = [names.split(" ") for names in keys]
    if len({len(names) for names in parts}) == 1:
        return " ".join(name for names in zip(*parts, strict=True) for name in names)
    return " ".join(keys)
