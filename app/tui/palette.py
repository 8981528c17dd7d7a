"""What the command palette offers: the actions of the screen, then those of the app."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.screen import Screen

from app.tui import keymap, places
from app.tui.screens.base import VmScreen

if TYPE_CHECKING:
    from app.tui.app import Workbench


def system_commands(app: Workbench, screen: Screen[object]) -> Iterator[SystemCommand]:
    """Offer the actions of the screen, then those of the app."""
    if isinstance(screen, VmScreen):
        for key in (key for scope in screen.SCOPE.split() for key in keymap.SCOPES[scope]):
            name = key.action.partition("(")[0]
            if not key.help or name == "back":
                continue
            reason = screen.why_not(name)
            if not reason and not screen.check_action(name, ()):
                continue
            label = f"{key.label.capitalize()} ({keymap.shown(keymap.keys_of(key, app.key_changes))})"
            if reason:
                # Offered all the same, so that who looks for it finds out why it is not there.
                tell = partial(app.notify, reason, title=key.label.capitalize(), markup=False)
                yield SystemCommand(f"{label}: not now", reason, tell)
                continue
            yield SystemCommand(label, key.help, partial(app.call_later, screen.run_action, key.action))
    for digit, place, title in places.titles():
        if place != app.place:
            go = partial(app.call_later, app.go, place)
            yield SystemCommand(f"Go to {title} ({digit})", f"Show the place {title}", go)
    yield SystemCommand("Recordings", "Play a recorded terminal", app.action_recordings)
    yield SystemCommand("Command log (^l)", "Every command that was run on your behalf", app.action_commands)
    yield SystemCommand("Help (?)", "What this screen is for, and its keys", app.action_help)
    yield SystemCommand("Guide (F1)", "What can be done, in a few lines", app.action_guide)
    yield SystemCommand("Theme (t)", "Switch between dark and light", app.action_toggle_theme)
    yield SystemCommand("All themes", "Choose among all themes", app.action_change_theme)
    yield SystemCommand("Quit (q)", "Leave the workbench", lambda: app.call_later(app.action_quit))
