"""What the command palette offers: what can be done here, the ways elsewhere, what cannot be done now."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.screen import Screen

from app.tui import keymap, places
from app.tui.keys.key import Key
from app.tui.screens.base import VmScreen

if TYPE_CHECKING:
    from app.tui.app import Workbench

_OF_EVERY_LIST = {"back", "mark", "unmark", "filter", "hit", "search", "follow"}
"""Actions that are not looked for from another place."""
_SENTENCE = 0.01
"""Rank of a command that has what is typed in its sentence only."""
_WORD = 3
"""Characters from which what is typed is looked for in sentences, too."""


class Commands(Provider):
    """The commands in their own order: what can be done here is on top."""

    async def discover(self) -> Hits:
        """Offer everything."""
        for command in self.app.get_system_commands(self.screen):
            yield DiscoveryHit(command.title, command.callback, help=command.help)

    async def search(self, query: str) -> Hits:
        """Offer what has ``query`` in its name, then what has it in its sentence."""
        matcher = self.matcher(query)
        for command in self.app.get_system_commands(self.screen):
            score = matcher.match(command.title)
            if score > 0:
                yield Hit(score, matcher.highlight(command.title), command.callback, help=command.help)
            elif len(query) >= _WORD and query.lower() in command.help.lower():
                yield Hit(_SENTENCE, command.title, command.callback, help=command.help)


def system_commands(app: Workbench, screen: Screen[object]) -> Iterator[SystemCommand]:
    """Offer what the screen can do now, then what the app can, then what cannot be done now."""
    not_now: list[SystemCommand] = []
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
                not_now.append(SystemCommand(f"{label}: not now", reason, tell))
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
    yield from not_now
    yield from _elsewhere(app, screen)


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
