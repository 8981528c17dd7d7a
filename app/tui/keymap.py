"""Every key of the workbench in one table: what it does, where, and whether the footer names it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from textual.binding import Binding, BindingType

from app.tui.keys import dialogs, everywhere, house, parts, running, terminals
from app.tui.keys.key import Key

SCOPES: Mapping[str, tuple[Key, ...]] = {
    scope: keys
    for table in (everywhere, running, house, parts, terminals, dialogs)
    for scope, keys in table.SCOPES.items()
}


def bindings(scope: str) -> list[BindingType]:
    """Return Textual's bindings for one scope; every one has an id."""
    found: list[BindingType] = []
    for key in SCOPES[scope]:
        for position, name in enumerate(key.keys.split(",")):
            found.append(
                Binding(
                    name,
                    key.action,
                    key.label,
                    show=key.footer and position == 0,
                    priority=key.priority,
                    id=key.id,
                    tooltip=key.help,
                )
            )
    return found


def all_keys() -> Iterator[tuple[str, Key]]:
    """Yield every key with its scope, those that people are told of."""
    for scope, keys in SCOPES.items():
        for key in keys:
            yield scope, key


def keys_of(key: Key, changes: Mapping[str, str]) -> str:
    """Return the keys that an action has, by a person's changes or by default."""
    return changes.get(key.id, key.keys)


_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "ampersand": "&",
    "plus": "+",
    "minus": "-",
    "space": "space",
    "delete": "del",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "percent_sign": "%",
    "vertical_line": "|",
    "quotation_mark": '"',
    "colon": ":",
    "full_stop": ".",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "underscore": "_",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "equals_sign": "=",
    "semicolon": ";",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


def shown(keys: str) -> str:
    """Return keys as people read them: ``↑ k``, ``^x``."""
    return " ".join(_shown(key) for key in keys.split(","))


def _shown(key: str) -> str:
    if re.fullmatch(r"f\d+", key):
        return key.upper()
    return _NAMES.get(key, key.replace("ctrl+", "^"))
