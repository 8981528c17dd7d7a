"""What the command palette offers: the actions of the screen, then those of the app."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.screen import Screen

from app.tui import keymap, places
from app.tui.keys.key import Key
from app.tui.screens.base import VmScreen

if TYPE_CHECKING:
    from app.tui.app import Workbench

_OF_EVERY_LIST = {"back", "mark", "unmark", "filter", "hit", "search", "follow"}
"""Actions that are not looked for from another place."""


def system_commands(app: Workbench, screen: Screen[object]) -> Iterator[SystemCommand]:
    """Offer the actions of the screen, then those of the app."""
    if isinstance(screen, VmScreen):
        for key in (key for scope in screen.SCOPE.split() for key in keymap.SCOPES[scope]):
            name = key.action.partition("(")[0]
            if not key.help or name == "back":
                continue
            reason = screen.reason_against(name)
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
    yield from _elsewhere(app, screen)
    yield SystemCommand("Recordings", "Play a recorded terminal", app.action_recordings)
    yield SystemCommand("Command log (^l)", "Every command that was run on your behalf", app.action_commands)
    yield SystemCommand("Help (?)", "What this screen is for, and its keys", app.action_help)
    yield SystemCommand("Guide (F1)", "What can be done, in a few lines", app.action_guide)
    yield SystemCommand("Theme (t)", "Switch between dark and light", app.action_toggle_theme)
    yield SystemCommand("All themes", "Choose among all themes", app.action_change_theme)
    yield SystemCommand("Quit (q)", "Leave the workbench", lambda: app.call_later(app.action_quit))


def _elsewhere(app: Workbench, screen: Screen[object]) -> Iterator[SystemCommand]:
    """Offer what can be done in the other places; it leads there, for it is done to what is chosen there."""
    here = screen.SCOPE.split() if isinstance(screen, VmScreen) else []
    for digit, place, title in places.titles():
        if place == app.place or place in here:
            continue
        for key in keymap.SCOPES.get(place, ()):
            if not key.help or key.action.partition("(")[0] in _OF_EVERY_LIST:
                continue
            keys = keymap.shown(keymap.keys_of(key, app.key_changes))
            name = f"{title}: {key.label} ({digit} {keys})"
            yield SystemCommand(name, key.help, partial(app.call_later, _lead, app, place, key, keys))


async def _lead(app: Workbench, place: str, key: Key, keys: str) -> None:
    await app.go(place)
    screen = app.screen
    if isinstance(screen, VmScreen) and place in screen.SCOPE.split():
        told = screen.reason_against(key.action.partition("(")[0]) or key.help
        app.notify(told, title=f"{key.label.capitalize()}: {keys}", markup=False)
