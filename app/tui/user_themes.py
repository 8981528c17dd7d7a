"""The person's own themes: ``themes/NAME.toml`` in the settings folder, read again when they change.

A file names colours: ``primary`` at least; ``base`` names the theme that gives the rest.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path

from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

from app.tui import theme
from registry.decode import suggest

COLOURS = (
    "primary",
    "secondary",
    "accent",
    "foreground",
    "background",
    "surface",
    "panel",
    "success",
    "warning",
    "error",
    "boost",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserThemes:
    """What was found in the themes' folder.

    Attributes:
        themes: Those that can be used.
        problems: What is wrong with the others, each in a line that names the file.
    """

    themes: tuple[Theme, ...] = ()
    problems: tuple[str, ...] = ()


def stamp_of(folder: Path) -> tuple[tuple[str, int], ...]:
    """Return what changes when a theme does. Blocking, shortly."""
    try:
        return tuple(sorted((file.name, file.stat().st_mtime_ns) for file in folder.glob("*.toml")))
    except OSError:
        return ()


def load_themes(folder: Path) -> UserThemes:
    """Read all themes of a folder; never raises for what a person wrote. Blocking, shortly."""
    themes: list[Theme] = []
    problems: list[str] = []
    for file in sorted(folder.glob("*.toml")):
        try:
            themes.append(_theme(file))
        except (OSError, ValueError) as error:
            problems.append(f"{file}: {error}")
    return UserThemes(themes=tuple(themes), problems=tuple(problems))


def _theme(file: Path) -> Theme:
    """Return a file's theme.

    Raises:
        OSError: it cannot be read.
        ValueError: it makes no sense; the message says what would.
    """
    table = tomllib.loads(file.read_bytes().decode())
    others = {name: known for name, known in BUILTIN_THEMES.items() if not known.ansi}
    known = {**others, **{own.name: own for own in theme.THEMES}}
    base_name = table.pop("base", theme.DARK.name)
    if base_name not in known:
        raise ValueError(f"base: {suggest(str(base_name), list(known), 'there is no such theme')}")
    dark = table.pop("dark", known[base_name].dark)
    if not isinstance(dark, bool):
        raise ValueError("dark: give true or false")
    variables = table.pop("variables", {})
    if not isinstance(variables, dict):
        raise ValueError("variables: it is a section: write [variables] and its colours below")
    colours: dict[str, str] = {}
    for key, value in table.items():
        if key not in COLOURS:
            raise ValueError(f"{key}: {suggest(key, list(COLOURS), 'no theme has such a colour')}")
        colours[key] = _colour(key, value)
    mixed = dict(known[base_name].variables)
    for key, value in variables.items():
        if key not in mixed and key not in theme.DARK.variables:
            names = [*theme.DARK.variables, *mixed]
            raise ValueError(f"variables.{key}: {suggest(key, names, 'there is no such variable')}")
        mixed[key] = _colour(f"variables.{key}", value)
    return dataclasses.replace(
        known[base_name],
        name=file.stem,
        dark=dark,
        variables=mixed,
        **colours,  # type: ignore[arg-type]
    )


def _colour(key: str, value: object) -> str:
    text = value if isinstance(value, str) else ""
    try:
        Color.parse(text.split(" ")[0])
    except ColorParseError:
        raise ValueError(f'{key}: {value!r} is no colour: give one such as "#86aecf"') from None
    return text
