"""Changes settings files: comments and order of what a person wrote stay, and nothing is half written."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.setting_kinds import SIZE, Unfit
from app.settings import SETTINGS, Setting, SettingsError
from backends.files import make_room
from registry.decode import suggest

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

SCHEMA_NOTE = "# vmbench settings; `vmbench settings list` explains them all\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change to a file, and how to take it back.

    Attributes:
        file: The file.
        key: The setting.
        before: The file's text before; ``None`` if there was no file.
        after: Its text afterwards.
    """

    file: Path
    key: str
    before: str | None
    after: str


def setting_of(key: str) -> Setting:
    """Return the setting with a key.

    Raises:
        SettingsError: there is none.
    """
    for setting in SETTINGS:
        if setting.key == key:
            return setting
    known = [s.key for s in SETTINGS]
    raise SettingsError(
        f"there is no setting {key!r}", suggest(key, known, "vmbench settings list names them all")
    )


def write_setting(file: Path, key: str, text: str, *, project: bool = False) -> Change:
    """Set a value in a file and return what was changed. Blocking, shortly.

    Args:
        file: The user's or the project's settings file; made if it is missing.
        key: The setting.
        text: The value as a person types it: ``4``, ``true``, ``on-failure``.
        project: Whether it is the project's file.

    Raises:
        SettingsError: there is no such setting, the value makes no sense, the setting belongs elsewhere,
            or the file cannot be read or written.
    """
    setting = setting_of(key)
    if setting.project_only and not project:
        raise SettingsError(f"{key} belongs to a project, not to a user", "save it in the project's file")
    raw = _raw(setting, text)
    before = read_text(file)
    document = parsed(file, before, SCHEMA_NOTE)
    section, _, name = key.rpartition(".")
    from tomlkit import table

    if section:
        if section not in document:
            document[section] = table()
        holder = document[section]
        if not isinstance(holder, dict):
            raise SettingsError(
                f"{file}: {section} is a value there, and no section",
                f"write [{section}] there and its settings below",
            )
        holder[name] = raw
    else:
        document[name] = raw
    return write_text(file, key, before, document.as_string())


def remove_setting(file: Path, key: str) -> Change | None:
    """Take a value out of a file, so that the next one in line holds; ``None`` if it is not in it.

    Raises:
        SettingsError: there is no such setting, or the file cannot be read or written.
    """
    setting_of(key)
    before = read_text(file)
    if before is None:
        return None
    document = parsed(file, before, SCHEMA_NOTE)
    section, _, name = key.rpartition(".")
    holder = document.get(section) if section else document
    if not isinstance(holder, dict) or name not in holder:
        return None
    del holder[name]
    return write_text(file, key, before, document.as_string())


def undo(change: Change) -> None:
    """Take a change back.

    Raises:
        SettingsError: the file was changed by somebody else since, or cannot be written.
    """
    if read_text(change.file) != change.after:
        raise SettingsError(
            f"{change.file} was changed since", "correct it there; nothing of it was touched now"
        )
    if change.before is None:
        change.file.unlink(missing_ok=True)
    else:
        _put(change.file, change.before)


def shown_value(value: object, setting: Setting) -> str:
    """Return a setting's value as a person reads it."""
    if value is None:
        return setting.otherwise
    if isinstance(value, bool):
        return "true" if value else "false"
    return setting.show(value)


def line_of(setting: Setting, shown: str) -> str:
    """Return a setting as a line of a settings file, such as ``ui.theme = "paper"``.

    Args:
        setting: The setting.
        shown: Its value as a person reads it.
    """
    from tomlkit import item

    raw: object = shown
    with contextlib.suppress(SettingsError):  # what stands for no value at all stays the word that it is
        raw = _raw(setting, shown)
    return f"{setting.key} = {item(raw).as_string()}"


def _raw(setting: Setting, text: str) -> object:
    """Return what is written into the file for what was typed; it is checked as the file would be."""
    raw: object = text.strip()
    schema = setting.schema
    kinds = [schema, *(k for k in _list(schema.get("anyOf")) if isinstance(k, dict))]
    types = {kind.get("type") for kind in kinds}
    if "boolean" in types and str(raw).lower() in ("true", "false", "on", "off", "1", "0"):
        raw = str(raw).lower() in ("true", "on", "1")
    elif "integer" in types and str(raw).isdecimal():
        raw = int(str(raw))
    elif "array" in types:
        raw = str(raw).replace(",", " ").split()
    elif (named := {str(value): value for value in _list(schema.get("enum"))}) and text.strip() in named:
        raw = named[text.strip()]
    elif "number" in types:
        with contextlib.suppress(ValueError):
            raw = float(str(raw))
        if isinstance(raw, float) and raw.is_integer():
            raw = int(raw)
    try:
        typed = setting.parse(raw)
    except Unfit as unfit:
        raise SettingsError(f'{setting.key}: "{text}" does not fit', f"give {unfit}") from None
    # A size has a unit in the file, whatever was typed.
    return setting.show(typed) if setting.parse is SIZE else raw


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def read_text(file: Path) -> str | None:
    """Return a file's text, or ``None`` if there is no file. Blocking, shortly.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        return file.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}", "make it readable, or remove it") from error


def parsed(file: Path, text: str | None, head: str) -> TOMLDocument:
    """Return a file's text with its comments, or a beginning where there is none.

    Raises:
        SettingsError: it is no TOML.
    """
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        return tomlkit.parse(head if text is None else text)
    except ParseError as error:
        raise SettingsError(f"{file} is no TOML: {error}", "correct it first") from error


def write_text(file: Path, key: str, before: str | None, after: str) -> Change:
    """Write a file whole or not at all, and return how to take that back.

    Raises:
        SettingsError: it cannot be written.
    """
    _put(file, after)
    return Change(file=file, key=key, before=before, after=after)


def _put(file: Path, text: str) -> None:
    """Write a file whole or not at all; a link is followed, its mode is kept."""
    target = file.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                out.write(text)
            Path(name).chmod(mode)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink()
            raise
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written: {error.strerror or error}",
            make_room(error) or "make its folder writable",
        ) from error
