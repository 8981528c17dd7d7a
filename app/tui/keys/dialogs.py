"""Keys of dialogs and fields."""

from __future__ import annotations

from collections.abc import Mapping

from app.tui.keys.key import Key

SCOPES: Mapping[str, tuple[Key, ...]] = {
    "choices": (Key("choices.close", "escape", "close", "close", "", True),),
    "entry": (
        Key("entry.done", "enter", "screen.keep_entry", "keep", "", True, True),
        Key("entry.clear", "escape", "screen.back", "clear", "", True, True),
        Key("entry.leave", "down,up", "screen.focus_list", "to the list", "", True, True),
    ),
    "ask": (
        Key("ask.done", "enter", "done", "write", "", True, True),
        Key("ask.cancel", "escape", "cancel", "cancel", "", True, True),
    ),
    "export": (Key("export.close", "escape", "close", "close", "Close.", True),),
    "options": (
        Key("options.up", "up,k", "cursor_up", "up", "Up and down among choices."),
        Key("options.down", "down,j", "cursor_down", "down"),
        Key("options.first", "home,g", "first", "first", "The first or the last choice."),
        Key("options.last", "end,G", "last", "last"),
    ),
    "confirm": (
        Key("confirm.yes", "y", "answer(True)", "yes", "Do it."),
        Key("confirm.no", "n,escape", "answer(False)", "no", "Do not."),
    ),
    "confirm-buttons": (
        Key("confirm.left", "left,h", "app.focus_previous", "left"),
        Key("confirm.right", "right,l", "app.focus_next", "right"),
    ),
    "report": (Key("report.copy", "y", "copy", "copy", "Copy the report.", True),),
    "close": (Key("close.close", "escape,q,question_mark,enter", "close", "close", "Close.", True),),
}
