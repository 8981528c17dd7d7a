"""Every key of the workbench: what it does, where, and another one for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from app.settings import SettingsError
from app.tui import keymap, signs
from app.tui.faults import Contained
from app.tui.keys.clashes import clashes
from app.tui.keys.key import Key, PaneHelp
from app.tui.screens.dialogs import Confirm
from app.tui.screens.filtered import FilteredScreen
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.line_list import Cell, LineList, Row
from app.tui.widgets.places_bar import PlacesBar
from registry.problem import Problem


class Press(Contained, ModalScreen[str]):
    """Waits for the key that an action shall have; the answer is the key as Textual calls it.

    Args:
        key: The action.
    """

    takes_all_keys = True

    def __init__(self, key: Key) -> None:
        super().__init__()
        self._key = key

    def compose(self) -> ComposeResult:
        """Make the question."""
        with Vertical(classes="dialog"):
            yield Static(f"Press the key for “{self._key.label}”", classes="dialog-title", markup=False)
            yield Static(self._key.help or self._key.id, markup=False)
            yield Static("esc leaves it as it is", classes="dialog-hint", markup=False)

    def on_key(self, event: events.Key) -> None:
        """Take whatever is pressed."""
        event.stop()
        event.prevent_default()
        self.dismiss(None if event.key == "escape" else event.key)


class KeyList(LineList):
    """The actions with their keys."""

    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "the list of actions", "Each with its keys, its id and what it does.", "list"
    )

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.rows: list[tuple[str, Key]] = []
        self.changes: dict[str, str] = {}
        self.clashing: set[str] = set()
        self.problems: Sequence[Problem] = ()
        """What makes no sense in the file; it is listed above the actions."""

    @property
    def current(self) -> Key | None:
        """The action under the cursor."""
        index = self.cursor - len(self.problems)
        return self.rows[index][1] if 0 <= index < len(self.rows) else None

    def show(
        self, rows: list[tuple[str, Key]], changes: dict[str, str], problems: Sequence[Problem] = ()
    ) -> None:
        """List actions."""
        self.rows, self.changes, self.problems = rows, changes, problems
        self.clashing = {k.id for c in clashes(changes) for k in (c.first, c.second)}
        self.set_count(len(problems) + len(rows))
        self.refresh()

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of a row."""
        if index < len(self.problems):
            problem = self.problems[index]
            yield Cell(f"{signs.BROKEN.glyph} {problem.key or problem.file.name}  ", "warn")
            yield Cell(f"{problem.message} ({problem.remedy})", "dim")
            return
        _, key = self.rows[index - len(self.problems)]
        changed = key.id in self.changes
        if key.id in self.clashing:
            yield Cell(f"{signs.BROKEN.glyph} ", "warn")
        else:
            yield Cell(f"{signs.MARKED} " if changed else "  ", "accent")
        yield Cell(f"{keymap.shown(keymap.keys_of(key, self.changes)):<14} ", "live", bold=changed)
        yield Cell(f"{key.id:<24} ")
        yield Cell(key.help or key.label, "dim")


class KeysScreen(FilteredScreen):
    """Shows all keys and changes them."""

    NAME = "Keys"
    SCOPE = "keys"
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("keys")
    PURPOSE = (
        "Every action of the workbench with its keys. Enter asks for another key; it holds at once and is "
        "written to keys.toml in your settings folder. A key that two actions would have is shown."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Keys", "keys"),
        ("Moving around", "list"),
        ("Everywhere", "app"),
    ]

    def compose(self) -> ComposeResult:
        """Make the list."""
        yield PlacesBar("settings")
        yield Static(id="title", markup=False)
        yield from self.filter_bar("part of an action, a key or what it does")
        yield KeyList(id="keys-list")
        yield KeyFooter()

    def on_mount(self) -> None:
        """List them."""
        self.rows_list.border_title = "keys"
        self.set_focus(self.rows_list)
        self.reload()

    @property
    def rows_list(self) -> KeyList:
        """The list."""
        return self.query_one("#keys-list", KeyList)

    @property
    def filtered_list(self) -> KeyList:
        """The list."""
        return self.rows_list

    def reload(self) -> None:
        """Show the keys as they are now."""
        changes = self.workbench.key_changes
        words = self.filter_entry.value.lower().split()
        rows = []
        for scope, key in keymap.all_keys():
            hay = f"{key.id} {keymap.shown(keymap.keys_of(key, changes))} {key.help} {key.label}".lower()
            if all(word in hay for word in words):
                rows.append((scope, key))
        self.rows_list.show(rows, dict(changes), () if words else self.workbench.live.key_problems)
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(signs.counted(len(rows), "action"))
        if changes:
            text.append(f"  ·  {len(changes)} changed", self.app.theme_variables["accent"])
        found = clashes(changes)
        if found:
            clash = found[0]
            text.append(
                f"  ·  {signs.BROKEN.glyph} {keymap.shown(clash.name)} is both {clash.first.id} and "
                f"{clash.second.id}",
                self.app.theme_variables["warning"],
            )
        self.query_one("#title", Static).update(text, layout=False)

    @on(Input.Changed, "#filter")
    def _filter_changed(self) -> None:
        self.reload()

    @on(LineList.Chosen, "#keys-list")
    def _chosen(self) -> None:
        self.action_change()

    def why_not(self, action: str) -> str:
        """Say why an action cannot be done now."""
        if action in ("change", "add", "reset", "undo") and self.workbench.house.settings is None:
            return "There is no settings folder in this workbench."
        return ""

    def action_change(self) -> None:
        """Ask for another key."""
        self._ask(add=False)

    def action_add(self) -> None:
        """Ask for one more key."""
        self._ask(add=True)

    def _ask(self, *, add: bool) -> None:
        key = self.rows_list.current
        if key is None:
            return

        def pressed(name: str | None) -> None:
            if name is None:
                return
            keys = f"{keymap.keys_of(key, self.workbench.key_changes)},{name}" if add else name
            self._try(key, keys)

        self.app.push_screen(Press(key), pressed)

    def _try(self, key: Key, keys: str) -> None:
        """Give an action keys, after a question if another action has one of them."""
        changes = {**self.workbench.key_changes, key.id: keys}
        mine = [c for c in clashes(changes) if key.id in (c.first.id, c.second.id)]
        if not mine:
            self._save(key, keys)
            return
        others = sorted({c.second.id if c.first.id == key.id else c.first.id for c in mine})

        def answered(yes: bool | None) -> None:
            if yes:
                self._save(key, keys)

        names = ", ".join(sorted({keymap.shown(c.name) for c in mine}))
        self.app.push_screen(
            Confirm(
                f"{names} is taken",
                f"{', '.join(others)} has it where {key.id} holds; only one of them would be reached by it.",
                yes="Take it all the same",
                no="Leave it",
            ),
            answered,
        )

    def _save(self, key: Key, keys: str | None) -> None:
        desk = self.workbench.house.settings
        if desk is None:
            return
        try:
            desk.set_keys(key.id, keys)
        except SettingsError as error:
            self.workbench.say_not("Not saved", error)
            return
        self._read_again()

    def action_reset(self) -> None:
        """Give an action its default keys."""
        key = self.rows_list.current
        if key is not None and key.id in self.workbench.key_changes:
            self._save(key, None)
        else:
            self.notify("It has its default keys.")

    def action_undo(self) -> None:
        """Take the last change back."""
        desk = self.workbench.house.settings
        try:
            done = desk.undo() if desk is not None else None
        except SettingsError as error:
            self.workbench.say_not("Not taken back", error)
            return
        self._read_again()
        self.notify(f"{done} is as it was." if done else "Nothing was changed here.", markup=False)

    def _read_again(self) -> None:
        self.workbench.live.load_keys()
        self.reload()
        self.refresh_bindings()

    def action_back(self) -> None:
        """End the filter, then go back to the settings."""
        if not self.unfilter():
            self.dismiss()
