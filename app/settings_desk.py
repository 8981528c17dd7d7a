"""The settings as a person reads and changes them: values with their sources, files, keys, and an undo."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.keys_file import Keys, load_keys, write_keys
from app.paths import Paths
from app.settings import SECTIONS, SETTINGS, Setting, Settings, SettingsError, load_settings, value_of
from app.settings_file import Change, remove_setting, shown_value, undo, write_setting
from registry.location import Location

YOURS = "yours"
PROJECT = "project"
DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A setting as it is listed.

    Attributes:
        setting: What it is.
        value: Its value for people.
        source: Where that comes from: ``default``, ``yours``, ``project``, a variable, ``command line``.
    """

    setting: Setting
    value: str
    source: str

    @property
    def overridden(self) -> bool:
        """Whether neither file decides it, because the environment or a flag does."""
        return self.source not in (DEFAULT, YOURS, PROJECT)


class SettingsDesk:
    """Reads and changes the files of the user and of the project. Every method blocks, shortly.

    Args:
        paths: The user's folders.
        location: Where the registry and the project's file are.
        environ: The environment; by default the process's.
        flags: Settings given on the command line, by key.
    """

    def __init__(
        self,
        paths: Paths,
        location: Location,
        *,
        environ: Mapping[str, str] | None = None,
        flags: Mapping[str, object] | None = None,
    ) -> None:
        self.paths = paths
        self.location = location
        self._environ = os.environ if environ is None else environ
        self._flags = flags
        self._changes: list[Change] = []

    @property
    def project_file(self) -> Path | None:
        """The project's settings file, if there is one."""
        return self.location.config

    def settings(self) -> Settings:
        """Read the settings from all places."""
        return load_settings(
            project_file=self.project_file,
            user_file=self.paths.user_settings,
            environ=self._environ,
            flags=self._flags,
        )

    def listed(self, settings: Settings) -> list[Shown]:
        """Return every setting with its value and its source."""
        sections = ["", *SECTIONS]
        ordered = sorted(SETTINGS, key=lambda s: sections.index(s.key.rpartition(".")[0]))
        return [self.shown(settings, setting) for setting in ordered]

    def shown(self, settings: Settings, setting: Setting) -> Shown:
        """Return one setting with its value and its source."""
        if setting.project_only:
            named = self.project_file is not None and self.location.root != self.paths.config
            value = str(self.location.root)
            variable = setting.env if self._environ.get(setting.env) else None
            return Shown(setting=setting, value=value, source=variable or (PROJECT if named else DEFAULT))
        source = settings.sources.get(setting.key, DEFAULT)
        if source == str(self.paths.user_settings):
            source = YOURS
        elif source == str(self.project_file):
            source = PROJECT
        value = shown_value(value_of(settings, setting), setting)
        return Shown(setting=setting, value=value, source=source)

    def set(self, key: str, text: str, *, project: bool = False) -> Path:
        """Set a value in the user's or the project's file, and return the file.

        Raises:
            SettingsError: the value makes no sense, or the file cannot be written.
        """
        file = self.file(project=project)
        self._changes.append(write_setting(file, key, text, project=project))
        return file

    def unset(self, key: str, *, project: bool = False) -> bool:
        """Take a value out of a file; ``False`` if it is not in it.

        Raises:
            SettingsError: the file cannot be read or written.
        """
        change = remove_setting(self.file(project=project), key)
        if change is not None:
            self._changes.append(change)
        return change is not None

    def undo(self) -> str | None:
        """Take the last change back and return its key; ``None`` if there is none.

        Raises:
            SettingsError: the file was changed by somebody else since.
        """
        if not self._changes:
            return None
        change = self._changes.pop()
        undo(change)
        return change.key

    def keys(self, known: Collection[str]) -> Keys:
        """Read the user's keys."""
        return load_keys(self.paths.user_keys, known)

    def set_keys(self, action: str, keys: str | None) -> None:
        """Give an action keys in the user's file; ``None`` for the default ones.

        Raises:
            SettingsError: the file cannot be read or written.
        """
        self._changes.append(write_keys(self.paths.user_keys, action, keys))

    def file(self, *, project: bool = False) -> Path:
        """Return the user's settings file, or the project's.

        Raises:
            SettingsError: there is no project's file.
        """
        if not project:
            return self.paths.user_settings
        if self.project_file is None:
            raise SettingsError(
                "there is no vmbench.toml here or above", "touch vmbench.toml in the project's folder first"
            )
        return self.project_file
