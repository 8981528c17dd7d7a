"""A one-line input for filters and searches."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.widgets import Input

from app.tui import keymap
from app.tui.faults import Contained


class Entry(Contained, Input):
    """An input without a border and with a still cursor."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("entry")
    DEFAULT_CSS = """
    Entry {
        height: 1;
        border: none;
        padding: 0 1;
        background: $panel;
        &:focus { border: none; background: $panel; }
    }
    """

    def __init__(self, placeholder: str, *, id: str) -> None:
        # Whatever is typed is valid; Textual finds that out later and styles it anew.
        super().__init__(placeholder=placeholder, id=id, select_on_focus=False, classes="-valid")
        self.cursor_blink = False
