"""Keys that hold everywhere."""

from __future__ import annotations

from collections.abc import Mapping

from app.tui import places
from app.tui.keys.key import Key

BROKEN = (
    Key(
        "broken.again",
        "f9",
        "try_again",
        "try again",
        "Make or draw again what could not be, after a fault of vmbench's own.",
        True,
        True,
    ),
    Key("broken.copy", "f8", "copy_fault", "copy report", "Copy the report of such a fault.", True, True),
)
"""Of panes that are broken, wherever they are."""

SCOPES: Mapping[str, tuple[Key, ...]] = {
    "app": (
        Key("app.help", "question_mark", "help", "help", "What this screen is for, and its keys.", True),
        Key("app.guide", "f1", "guide", "guide", "What can be done, in a few lines."),
        Key("app.theme", "t", "toggle_theme", "theme", "Switch between the dark and the light theme."),
        *(
            Key(f"app.go-{place}", digit, f"go('{place}')", title, f"Go to {title}.")
            for digit, place, title in places.titles()
        ),
        Key(
            "app.commands", "ctrl+l", "commands", "command log", "The commands that were run on your behalf."
        ),
        *BROKEN,
        Key(
            "app.palette",
            "ctrl+p",
            "command_palette",
            "palette",
            "Find every action by its name.",
            priority=True,
        ),
        Key("app.quit", "q", "quit", "quit", "Leave. Asks first when a run is going on.", True),
        Key("app.leave", "ctrl+q", "quit", "leave", "Leave, also while something is typed.", priority=True),
    ),
    # Of every place's screen; Textual has the same without names.
    "screen": (
        Key("screen.next", "tab", "app.focus_next", "next pane", "Go to the next pane or the one before."),
        Key("screen.previous", "shift+tab", "app.focus_previous", "pane before"),
        Key(
            "screen.jump",
            "semicolon",
            "jump",
            "jump",
            "Show a letter on every row and a number on every pane; the next key goes there.",
        ),
        Key("screen.copy", "ctrl+c,super+c", "screen.copy_text", "copy", "Copy the text that is selected."),
    ),
}
