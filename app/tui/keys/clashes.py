"""Where a key would be two actions' at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.tui.keymap import all_keys, keys_of
from app.tui.keys.key import Key

_EVERYWHERE = frozenset({"app", "list", "log"})
"""Scopes that hold together with the scope of any place."""
_APART = frozenset({"entry", "confirm", "confirm-buttons", "report", "close", "terminal"})
"""Scopes that hold alone: dialogs, and what follows the prefix key."""


@dataclass(frozen=True, slots=True)
class Clash:
    """Two actions that one key would have at the same time."""

    name: str
    """The key, as Textual calls it."""
    first: Key
    second: Key


def clashes(changes: Mapping[str, str]) -> list[Clash]:
    """Return where a changed key is also another action's, in scopes that hold at the same time."""
    everything = list(all_keys())
    found: list[Clash] = []
    for scope, key in everything:
        if key.id not in changes:
            continue
        for other_scope, other in everything:
            if other.id == key.id or not _together(scope, other_scope):
                continue
            if other.id in changes and other.id < key.id:
                continue  # told from the other side
            both = set(keys_of(key, changes).split(",")) & set(keys_of(other, changes).split(","))
            found += [Clash(name, key, other) for name in sorted(both)]
    return found


def _together(scope: str, other: str) -> bool:
    if scope == other:
        return True
    if scope in _APART or other in _APART:
        return False
    return scope in _EVERYWHERE or other in _EVERYWHERE
