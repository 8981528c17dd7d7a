"""Settings, keys and themes that hold at once while the workbench is open."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.settings import Settings
from app.tui import keymap, theme
from registry.problem import Problem

if TYPE_CHECKING:
    from app.tui.app import Workbench
    from app.tui.user_themes import UserThemes

THEMES_PERIOD = 1.0
"""Seconds between two looks at the person's own themes."""


class LiveSettings:
    """Takes over what the person changes.

    Args:
        app: The workbench.
    """

    def __init__(self, app: Workbench) -> None:
        self._app = app
        self.themes_read = False
        """Whether the person's own themes were read."""
        self.key_problems: tuple[Problem, ...] = ()
        """What is wrong with the person's keys."""

    def load_keys(self) -> None:
        """Read the person's keys, and say what is wrong with them."""
        desk = self._app.house.settings
        if desk is None:
            return
        found = desk.keys({key.id for _, key in keymap.all_keys()})
        self._app.apply_keys(found.changes)
        self.key_problems = found.problems
        self._tell(found.problems, "keys.toml", "0 and then K shows all")

    def tell_problems(self) -> None:
        """Say what in the settings files makes no sense."""
        self._tell(self._app.settings.problems, "Settings", "0 shows all")

    def _tell(self, problems: Sequence[Problem], title: str, more: str) -> None:
        """Say the first of some problems, and where the others are shown."""
        if not problems:
            return
        text = str(problems[0])
        if len(problems) > 1:
            text += f"\n… and {len(problems) - 1} more: {more}."
        self._app.notify(text, title=title, severity="warning", timeout=10, markup=False)

    def take(self, settings: Settings) -> None:
        """Take over what can be changed while the workbench is open."""
        before, self._app.settings = self._app.settings, settings
        if settings.ui.theme != before.ui.theme:
            self._take_theme(settings.ui.theme)
        self._app.animation_level = "basic" if settings.ui.animation else "none"

    def _take_theme(self, name: str) -> None:
        if name in self._app.available_themes:
            self._app.theme = name
        else:
            self._app.notify(
                f"There is no theme {name}; the palette lists those there are.", severity="warning"
            )

    def themes_changed(self, found: UserThemes) -> None:
        """Take over the person's own themes: new ones are offered, the one in use is drawn anew."""
        for known in found.themes:
            self._app.register_theme(theme.fitted(self._app, known))
            if known.name == self._app.theme:
                # Only another name makes Textual look at a theme's colours again.
                self._app.theme = theme.other(known.name)
                self._app.theme = known.name
        # One's own theme may be the setting, and is known only now.
        if not self.themes_read and "ui.theme" in self._app.settings.sources:
            self._take_theme(self._app.settings.ui.theme)
        self.themes_read = True
        for problem in found.problems:
            self._app.notify(problem, title="Theme", severity="warning", timeout=10, markup=False)

    def watch_themes(self) -> None:
        """Read the person's own themes, now and whenever a file of them changes."""
        self._app.background(self._watch_themes, group="themes")

    async def _watch_themes(self) -> None:
        desk = self._app.house.settings
        if desk is None:
            return
        from app.tui.user_themes import load_themes, stamp_of

        folder, seen = desk.paths.user_themes, None
        while True:
            stamp = await asyncio.to_thread(stamp_of, folder)
            if stamp != seen:
                seen = stamp
                self.themes_changed(await asyncio.to_thread(load_themes, folder))
            await asyncio.sleep(THEMES_PERIOD)
