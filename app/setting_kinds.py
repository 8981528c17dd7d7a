"""Kinds of values of settings: how a raw value becomes a typed one, and what a file may hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from registry.keep import Keep
from registry.units import parse_size

_PREFIX_SIGNS = {"]": "right_square_bracket", "\\": "backslash", "^": "circumflex_accent", "_": "underscore"}


class Unfit(ValueError):
    """A value makes no sense; the first argument says what would."""


class Kind:
    """A kind of value: parses a raw one, and says as a JSON schema what may be written.

    Args:
        parse: Returns the typed value, or raises ``Unfit``.
        schema: The JSON schema of what a file may hold.
        choices: All values there are, where they can be listed.
        show: Returns a typed value as people write it, so that it can be typed in again.
    """

    def __init__(
        self,
        parse: Callable[[object], object],
        schema: Mapping[str, object],
        choices: tuple[str, ...] = (),
        show: Callable[[object], str] = str,
    ) -> None:
        self._parse = parse
        self.schema = schema
        self.choices = choices
        self.show = show

    def __call__(self, value: object) -> object:
        """Return the typed value.

        Raises:
            Unfit: it makes no sense.
        """
        return self._parse(value)


def _parse_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Unfit('a text in quotes, such as "microvm"')
    return value.strip()


def choice(*choices: str) -> Kind:
    """Return the kind of a value that is one of a few texts."""

    def parse(value: object) -> str:
        if value not in choices:
            listed = ", ".join(f'"{c}"' for c in choices)
            raise Unfit(f"one of {listed}" if len(choices) > 1 else listed)
        return str(value)

    return Kind(parse, {"enum": list(choices)}, choices)


def count(least: int) -> Kind:
    """Return the kind of a whole number from ``least`` up."""

    def parse(value: object) -> int:
        number = _integer(value)
        if number is None or number < least:
            raise Unfit(f"a whole number from {least} up")
        return number

    return Kind(parse, {"type": "integer", "minimum": least})


def _parse_switch(value: object) -> bool:
    known = {"true": True, "false": False, "1": True, "0": False, "on": True, "off": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in known:
        return known[value.strip().lower()]
    raise Unfit("true or false")


def _integer(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,18}\s*", value):
        return int(value)
    return None


def parse_parallel(value: object) -> int | None:
    """Return how many machines may run at once; ``None`` stands for ``auto``.

    Raises:
        Unfit: it is neither ``auto`` nor a whole number from 1 up.
    """
    if value == "auto":
        return None
    number = _integer(value)
    if number is None or number < 1:
        raise Unfit('"auto" or a whole number from 1 up')
    return number


def _parse_memory(value: object) -> int:
    number = _integer(value)
    if number == 0:
        return 0
    try:
        return parse_size(value if number is None else number)
    except ValueError:
        raise Unfit('a size with its unit, such as "512M" or "2G"') from None


def _show_memory(value: object) -> str:
    """Return MiB with the largest unit that they are a whole number of: ``8G``, ``1536M``."""
    assert isinstance(value, int)
    for unit, mebibytes in (("T", 1024 * 1024), ("G", 1024)):
        if value and value % mebibytes == 0:
            return f"{value // mebibytes}{unit}"
    return f"{value}M" if value else "0"


def _parse_milliseconds(value: object) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) and value is not True else 0.0
    except ValueError:
        number = 0.0
    if not 0.0 < number < 1e9:
        raise Unfit("a number of milliseconds above 0")
    return number


def _parse_cast_version(value: object) -> int:
    number = _integer(value)
    if number not in (2, 3):
        raise Unfit("3 or 2")
    return number


def _parse_names(value: object) -> tuple[str, ...]:
    listed = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(n, str) and n.isidentifier() for n in listed):
        raise Unfit('names of variables, such as ["API_TOKEN"]')
    return tuple(dict.fromkeys(listed))


def parse_prefix(value: object) -> str:
    """Return a prefix key as Textual calls it.

    Raises:
        Unfit: it is no key that a terminal can tell from what people type.
    """
    key = value.strip().lower() if isinstance(value, str) else ""
    if key.startswith("^"):
        key = f"ctrl+{key[1:]}"
    # Tab, enter, backspace and escape are what terminals send for the letters that are left out.
    if re.fullmatch(r"ctrl\+[a-gkln-z]|f([1-9]|1[0-2])", key):
        return key
    if key.startswith("ctrl+") and key[5:] in _PREFIX_SIGNS:
        return f"ctrl+{_PREFIX_SIGNS[key[5:]]}"
    raise Unfit('a key such as "ctrl+g", "ctrl+]" or "f12"; not ctrl with h, i, j or m')


def _show_prefix(prefix: object) -> str:
    called = str(prefix).removeprefix("ctrl+")
    sign = next((sign for sign, name in _PREFIX_SIGNS.items() if name == called), "")
    return f"ctrl+{sign}" if sign else str(prefix)


def prefix_name(prefix: str) -> str:
    """Return a prefix key as people write it: ``^g``, ``^]``, ``F12``."""
    name = prefix.removeprefix("ctrl+")
    if name == prefix:
        return prefix.upper()
    return f"^{next((sign for sign, called in _PREFIX_SIGNS.items() if called == name), name)}"


def _listed(names: object) -> str:
    return ", ".join(map(str, names)) if isinstance(names, Iterable) else str(names)


TEXT = Kind(_parse_text, {"type": "string", "minLength": 1})
SWITCH = Kind(_parse_switch, {"type": "boolean"}, ("true", "false"))
SIZE = Kind(
    _parse_memory,
    {"anyOf": [{"type": "string", "pattern": "^[0-9.]+ *[A-Za-z]*$"}, {"type": "integer", "minimum": 0}]},
    show=_show_memory,
)
KEEP = Kind(lambda value: Keep(str(choice(*Keep)(value))), {"enum": [str(k) for k in Keep]}, tuple(Keep))
PARALLEL = Kind(parse_parallel, {"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1}]})
CAST_VERSION = Kind(_parse_cast_version, {"enum": [3, 2]}, ("3", "2"))
NAMES = Kind(_parse_names, {"type": "array", "items": {"type": "string"}}, show=_listed)
PREFIX_KEY = Kind(parse_prefix, {"type": "string"}, show=_show_prefix)
MILLISECONDS = Kind(
    _parse_milliseconds, {"type": "number", "exclusiveMinimum": 0}, show=lambda value: f"{value:g}"
)
