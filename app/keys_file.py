"""The user's own keys: ``keys.toml`` gives actions of the workbench other keys, by their ids.

A line is ``"tests.run" = "r,ctrl+r"``. What makes no sense is explained and the rest applies.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.settings_file import Change, parsed, read_text, write_text
from registry.decode import suggest
from registry.problem import Problem, Severity

HEAD = "# Keys of the vmbench workbench; `vmbench keys` lists every action\n"

_SIGNS = {
    "?": "question_mark",
    "/": "slash",
    "[": "left_square_bracket",
    "]": "right_square_bracket",
    "%": "percent_sign",
    "|": "vertical_line",
    '"': "quotation_mark",
    "'": "apostrophe",
    "-": "minus",
    "+": "plus",
    ":": "colon",
    ";": "semicolon",
    ".": "full_stop",
    "<": "less_than_sign",
    ">": "greater_than_sign",
    "=": "equals_sign",
    "_": "underscore",
    "!": "exclamation_mark",
    "@": "at",
    "#": "number_sign",
    "$": "dollar_sign",
    "&": "ampersand",
    "*": "asterisk",
    "(": "left_parenthesis",
    ")": "right_parenthesis",
    "{": "left_curly_bracket",
    "}": "right_curly_bracket",
    "\\": "backslash",
    "^": "circumflex_accent",
    "~": "tilde",
    "`": "grave_accent",
    " ": "space",
    "esc": "escape",
    "return": "enter",
    "del": "delete",
    "ins": "insert",
    "pgup": "pageup",
    "pgdn": "pagedown",
}
_NAMED = frozenset(
    "space tab enter escape backspace delete insert home end pageup pagedown up down left right".split()
    + [f"f{n}" for n in range(1, 13)]
    + [name for name in _SIGNS.values() if "_" in name or name.isalpha()]
)


class UnfitKey(ValueError):
    """A text names no key; the message says what would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What a keys file says.

    Attributes:
        changes: Keys as Textual calls them, separated by commas, by the ids of actions.
        problems: What of it makes no sense.
    """

    changes: Mapping[str, str]
    problems: tuple[Problem, ...] = ()


def parse_keys(text: str) -> str:
    """Return keys as Textual calls them: ``R, ^x, ?`` becomes ``R,ctrl+x,question_mark``.

    Raises:
        UnfitKey: one of them is no key.
    """
    names = [part.strip() or part for part in text.split(",")]
    if not text.strip():
        raise UnfitKey('give at least one key, such as "r" or "ctrl+r"')
    return ",".join(_key(name) for name in names)


def _key(name: str) -> str:
    ahead = ""
    rest = name
    if re.fullmatch(r"\^[A-Za-z]", rest):
        rest = f"ctrl+{rest[1:].lower()}"
    while match := re.match(r"(ctrl|alt|shift|super)\+(?=.)", rest, re.IGNORECASE):
        ahead += f"{match[1].lower()}+"
        rest = rest[match.end() :]
    if len(rest) == 1 and rest.isalnum():
        return ahead + (rest.lower() if "ctrl" in ahead else rest)
    if rest in _SIGNS or rest.lower() in _SIGNS:
        return ahead + _SIGNS.get(rest, _SIGNS.get(rest.lower(), ""))
    if rest.lower() in _NAMED:
        return ahead + rest.lower()
    raise UnfitKey(f'"{name}" is no key: give a letter, a sign, ctrl+LETTER, alt+LETTER, f1 to f12, or up')


def load_keys(file: Path, known: Collection[str]) -> Keys:
    """Return what a keys file says; never raises for what a user wrote. Blocking, shortly.

    Args:
        file: The file; it may be missing.
        known: Ids of all actions.
    """
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return Keys(changes={})
    except OSError as error:
        return Keys(changes={}, problems=(_problem(file, "", f"cannot be read: {error.strerror}", ""),))
    import tomli  # where there is a file: the first paint of most does not wait for it

    try:
        table = tomli.loads(text.decode())
    except ValueError as error:
        remedy = "correct it; until then none of it applies"
        return Keys(changes={}, problems=(_problem(file, "", f"is no TOML: {error}", remedy),))
    changes: dict[str, str] = {}
    problems: list[Problem] = []
    for name, value in _flat(table):
        if name not in known:
            remedy = suggest(name, list(known), "vmbench keys lists every action")
            problems.append(_problem(file, name, "is no action", remedy))
        elif not isinstance(value, str):
            problems.append(_problem(file, name, "is no text", 'give keys in quotes, such as "r,ctrl+r"'))
        else:
            try:
                changes[name] = parse_keys(value)
            except UnfitKey as unfit:
                problems.append(_problem(file, name, str(unfit), "correct it; the default holds until then"))
    return Keys(changes=changes, problems=tuple(problems))


def write_keys(file: Path, action: str, keys: str | None) -> Change:
    """Give an action keys in a keys file, or take them out of it; comments and order stay.

    Args:
        file: The file; made if it is missing.
        action: Id of the action.
        keys: Its keys; ``None`` for the default ones.

    Raises:
        SettingsError: the file cannot be read or written, or is no TOML.
    """
    before = read_text(file)
    document = parsed(file, before, HEAD)
    # A person may have written it whole, or by its own name below its scope.
    scope, _, name = action.partition(".")
    holder = document.get(scope)
    if isinstance(holder, dict) and name in holder:
        if keys is None:
            del holder[name]
        else:
            holder[name] = keys
    elif keys is not None:
        document[action] = keys
    elif action in document:
        del document[action]
    return write_text(file, action, before, document.as_string())


def _flat(table: Mapping[str, object], prefix: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name, value in table.items():
        if isinstance(value, dict):
            found += _flat(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, value))
    return found


def _problem(file: Path, key: str, message: str, remedy: str) -> Problem:
    return Problem(severity=Severity.WARNING, file=file, key=key, message=message, remedy=remedy)
