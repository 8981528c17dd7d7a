"""Where a key would be two actions' at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.tui.keymap import all_keys, keys_of
from app.tui.keys.key import Key

_EVERYWHERE = frozenset({"app", "screen"})
"""Scopes that hold together with the scope of any place."""
BESIDE: Mapping[str, frozenset[str]] = {
    scope: frozenset(beside.split())
    for scope, beside in {
        "tests": "panes list text",
        "run": "panes list log past-run",
        "past-run": "panes list log run",
        "machines": "panes list log text",
        "snapshots": "panes list text",
        "runs": "list",
        "compare": "list",
        "images": "list",
        "latency": "panes list text",
        "doctor": "panes list",
        "settings": "panes list",
        "keys": "list",
        "commands": "list",
        "output": "log",
        "consoles": "log",
        "panes": "list log text",
    }.items()
}
"""Scopes that hold together with others, by the scope of the place; others hold alone, as in dialogs."""


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
    for one, two in ((scope, other), (other, scope)):
        if two in BESIDE.get(one, ()) or (one in _EVERYWHERE and (two in _EVERYWHERE or _of_place(two))):
            return True
    return False


def _of_place(scope: str) -> bool:
    return scope in BESIDE or any(scope in beside for beside in BESIDE.values())
