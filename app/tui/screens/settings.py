"""The place of the settings: every value, where it comes from, and a key to change it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widgets import Static

from app.settings import Setting, SettingsError
from app.settings_desk import DEFAULT, PROJECT, SettingsDesk, Shown
from app.settings_file import line_of, shown_value
from app.tui import keymap, signs
from app.tui.keys.key import PaneHelp
from app.tui.layout import PanedScreen, Split
from app.tui.screens.choices import Ask, Choice, Choose
from app.tui.screens.keys import KeysScreen
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.line_list import Cell, LineList, Row
from app.tui.widgets.places_bar import PlacesBar
from app.tui.widgets.still import TextPane
from registry.problem import Problem

TITLES = {
    "": "Registry",
    "run": "Runs",
    "ui": "Workbench",
    "terminal": "Terminals",
    "latency": "Limits of latency",
}


class SettingsList(LineList):
    """The settings below the headings of their sections, and above them what makes no sense in the files."""

    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "the list of settings", "Each with its value and where that comes from.", "list"
    )

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.rows: list[Shown | Problem | str] = []

    @property
    def current(self) -> Shown | None:
        """The setting under the cursor."""
        row = self.current_row
        return row if isinstance(row, Shown) else None

    @property
    def current_row(self) -> Shown | Problem | str | None:
        """What is under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def show(self, listed: list[Shown], problems: Sequence[Problem]) -> None:
        """List problems and settings; the cursor stays on its setting."""
        was = self.current
        self.rows = [f"{signs.BROKEN.glyph} {signs.counted(len(problems), 'problem')}", *problems]
        if not problems:
            self.rows = []
        section = None
        for shown in listed:
            here = shown.setting.key.rpartition(".")[0]
            if here != section:
                section = here
                self.rows.append(TITLES.get(here, here))
            self.rows.append(shown)
        self.set_count(len(self.rows))
        key = was.setting.key if was is not None else ""
        at = (i for i, row in enumerate(self.rows) if isinstance(row, Shown) and row.setting.key == key)
        self.cursor = next(at, self.cursor or 1)
        self.refresh()

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of a row."""
        row = self.rows[index]
        if isinstance(row, str):
            yield Cell(row, "warn" if row.startswith(signs.BROKEN.glyph) else "head", bold=True)
            return
        if isinstance(row, Problem):
            yield Cell(f"  {signs.BROKEN.glyph} ", "warn")
            yield Cell(f"{row.key or row.file.name}  ")
            yield Cell(row.message, "dim")
            return
        changed = row.source != DEFAULT
        yield Cell(f"  {signs.MARKED if changed else ' '} ", "accent")
        name = row.setting.key.rpartition(".")[2]
        yield Cell(f"{name:<18}", bold=changed)
        room = max(12, min(40, width - 44))
        value = row.value or "none"
        value = value if len(value) <= room else f"…{value[1 - room :]}"
        yield Cell(f"{value:<{room}}  ", "live" if changed else "plain")
        yield Cell(row.source, "warn" if row.overridden else "dim")


class SettingsScreen(PanedScreen):
    """Shows and changes the settings."""

    NAME = "Settings"
    SCOPE = "settings panes"
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings("settings"), *keymap.bindings("panes")]
    PANES = ("settings", "setting-details")
    SPLITS = (Split("settings.details", ("settings",), "setting-details", turns=True),)
    PURPOSE = (
        "Every setting with its value and where that comes from. A flag wins over the environment, that over "
        "the project's vmbench.toml, that over your own file, that over the default. Changes keep the "
        "comments and the order of what you wrote; u takes the last one back."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Settings", "settings"),
        ("Moving around", "list"),
        ("Panes", "panes"),
        ("Everywhere", "app"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.in_project = False
        """Whether changes go to the project's file."""

    def compose(self) -> ComposeResult:
        """Make the list and the details."""
        yield PlacesBar("settings")
        yield Static(id="title", markup=False)
        with Container(id="panes"):
            yield SettingsList(id="settings")
            yield TextPane(id="setting-details")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read them."""
        self.entitle("settings", "settings")
        self.entitle("setting-details", "details")
        self.query_one("#setting-details", TextPane).can_focus = False
        self.set_focus(self.rows_list)
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._tell_all())

    def on_screen_resume(self) -> None:
        """Read them again: the files may have been changed meanwhile."""
        self.reload()

    @property
    def rows_list(self) -> SettingsList:
        """The list."""
        return self.query_one("#settings", SettingsList)

    @property
    def desk(self) -> SettingsDesk | None:
        """What reads and changes them."""
        return self.workbench.house.settings

    def reload(self) -> None:
        """Read the settings."""
        desk = self.desk
        if desk is None:
            self.query_one("#title", Static).update("There are no settings in this workbench.")
            return
        settings = desk.settings()
        self.rows_list.show(desk.listed(settings), settings.problems)
        self.workbench.live.take(settings)
        self._tell_all()

    def _tell_all(self) -> None:
        if self.desk is not None:
            self._tell_title(self.desk)
        self._tell()

    def _tell_title(self, desk: SettingsDesk) -> None:
        dim = self.app.theme_variables["vm-dim"]
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append("changes go to ")
        text.append("the project's " if self.in_project else "your ", "bold")
        file = desk.project_file if self.in_project else desk.paths.user_settings
        text.append(_short(file) if file is not None else "", self.app.theme_variables["primary"])
        if desk.project_file is not None:
            text.append("  ·  p switches", dim)
        self.query_one("#title", Static).update(text, layout=False)

    def _tell(self) -> None:
        shown = self.rows_list.current_row
        details = self.query_one("#setting-details", TextPane)
        if isinstance(shown, Problem):
            details.put(self._told(shown))
            return
        if not isinstance(shown, Shown):
            details.put("")
            return
        setting = shown.setting
        dim = self.app.theme_variables["vm-dim"]
        text = Text()
        text.append(setting.key, "bold")
        text.append(f"\n{setting.about[:1].upper()}{setting.about[1:]}.\n\n")
        told = [
            ("value", shown.value or "none"),
            ("from", shown.source),
            ("default", shown_value(setting.default, setting) or "none"),
        ]
        if choices := self._choices(setting):
            told.append(("choices", ", ".join(choices)))
        told.append(("variable", setting.env))
        for name, value in told:
            text.append(f"{name:<10}", dim)
            text.append(f"{value}\n")
        if shown.overridden:
            text.append(f"\n{self.why_not('edit')}\n", self.app.theme_variables["warning"])
        details.put(text)

    def _told(self, problem: Problem) -> Text:
        variables = self.app.theme_variables
        text = Text()
        text.append(problem.key or problem.file.name, "bold")
        text.append(f"\n{problem.message}\n", variables["warning"])
        text.append(f"→ {problem.remedy}\n\n", variables["primary"])
        text.append(
            f"{_short(problem.file)}{f':{problem.line}' if problem.line else ''}\n", variables["vm-dim"]
        )
        text.append("Everything else in the file applies.", variables["vm-dim"])
        return text

    def _choices(self, setting: Setting) -> list[str]:
        if setting.key == "ui.theme":
            return sorted(self.app.available_themes)
        return [str(choice) for choice in setting.choices]

    @on(LineList.Moved, "#settings")
    def _moved(self) -> None:
        self.follow(self._tell)
        self.refresh_bindings()

    @on(LineList.Chosen, "#settings")
    def _chosen(self) -> None:
        self.action_edit()

    # changing

    def why_not(self, action: str) -> str:
        """Say why an action cannot be done now."""
        shown = self.rows_list.current
        if self.desk is None:
            return "There are no settings in this workbench."
        if action in ("edit", "reset"):
            if shown is None:
                return "No setting is under the cursor."
            if shown.overridden:
                return f"{shown.source} decides it; no file could change that."
        if action == "edit" and shown is not None and shown.setting.project_only and not self.in_project:
            return "It belongs to a project: p lets changes go to the project's file."
        if action == "file" and self.desk.project_file is None:
            return "There is no vmbench.toml here or above; touch vmbench.toml makes one."
        return ""

    @work(exit_on_error=False)
    async def action_edit(self) -> None:
        """Ask for another value, and save it."""
        shown, desk = self.rows_list.current, self.desk
        reason = self.why_not("edit")
        if reason or shown is None or desk is None:
            self.notify(reason, severity="warning", markup=False)
            return
        setting = shown.setting
        there = self._choices(setting)
        if there:
            choices = [Choice(c, c, hint="now" if c == shown.value else "") for c in there]
            value = await self.app.push_screen_wait(Choose(setting.key, choices, shown.value))
        else:
            hint = f"{setting.about} · enter saves, esc leaves it"
            value = await self.app.push_screen_wait(Ask(setting.key, hint, value=shown.value))
        if value is None or value == shown.value:
            return
        try:
            file = desk.set(setting.key, value, project=self.in_project)
        except SettingsError as error:
            self.workbench.say_not("Not saved", error)
            return
        self._changed(setting.key, f"Saved in {_short(file)}. u takes it back.")

    def action_reset(self) -> None:
        """Take the value out of the file that holds it."""
        shown, desk = self.rows_list.current, self.desk
        reason = self.why_not("reset")
        if reason or shown is None or desk is None:
            self.notify(reason, severity="warning", markup=False)
            return
        try:
            done = desk.unset(shown.setting.key, project=shown.source == PROJECT)
        except SettingsError as error:
            self.workbench.say_not("Not saved", error)
            return
        if done:
            self._changed(shown.setting.key, "Back to what holds without it. u takes that back.")
        else:
            self.notify("It is the default already.")

    def action_undo(self) -> None:
        """Take the last change back."""
        try:
            key = self.desk.undo() if self.desk is not None else None
        except SettingsError as error:
            self.workbench.say_not("Not saved", error)
            return
        if key is None:
            self.notify("Nothing was changed here.")
        else:
            self._changed(key, f"{key} is as it was.")

    def action_file(self) -> None:
        """Let changes go to the other file."""
        reason = self.why_not("file")
        if reason:
            self.notify(reason, severity="warning", markup=False)
            return
        self.in_project = not self.in_project
        self.reload()

    def action_keys(self) -> None:
        """Show the keys and change them."""
        self.app.push_screen(KeysScreen())

    def action_copy(self) -> None:
        """Copy the setting as a line for a file."""
        shown = self.rows_list.current
        if shown is not None:
            self.app.copy_to_clipboard(line_of(shown.setting, shown.value))
            self.notify(f"Copied {shown.setting.key}.", markup=False)

    def action_back(self) -> None:
        """Go to the tests."""
        if self.zoomed:
            self.unzoom()
        else:
            self.app.call_later(self.workbench.go, "tests")

    def _changed(self, key: str, words: str) -> None:
        self.reload()
        later = (
            ""
            if key.startswith("ui.")
            else " Runs that are started from the next start of vmbench on use it."
        )
        self.notify(words + later, markup=False)


def _short(file: Path) -> str:
    home = Path.home()
    return f"~/{file.relative_to(home)}" if file.is_relative_to(home) else str(file)
