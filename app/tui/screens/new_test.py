"""What was typed in a recorded shell, as a new test: looked at, changed and saved."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Input, SelectionList, Static
from textual.widgets.selection_list import Selection

from app.engine.recorded import RecordedCommand, new_steps
from app.tui import keymap
from app.tui.later import later
from app.tui.messages import explain
from app.tui.screens.base import VmScreen
from registry.location import Location, RegistryError
from registry.writer import Draft, NewStep, NewTest, draft

_PAUSE = 0.25
"""Seconds after the last change until the preview is made anew."""


class NewTestScreen(VmScreen):
    """Reviews a new test before it is saved.

    Dismissed with its screen when it was saved or left; ``saved`` then has its name.

    Args:
        commands: What was typed.
        location: The registry it is written to.
        summary: Where it was typed.
    """

    NAME = "New test"
    PURPOSE = (
        "What was typed in a recorded shell becomes a test: choose the commands, name it, look at what is "
        "written, save. Each command is a step; cd and variables go before the steps after them."
    )
    SCOPE = "new-test"
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [("Keys", "new-test")]
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("new-test")
    DEFAULT_CSS = """
    NewTestScreen { layout: vertical; }
    NewTestScreen .line { height: 1; padding: 0 1; background: $panel; }
    NewTestScreen .line Static { width: auto; color: $vm-dim; }
    NewTestScreen .line Input { width: 1fr; background: $panel; }
    NewTestScreen .line #timeout, NewTestScreen .line #new-into { max-width: 30; }
    NewTestScreen #new-body { height: 1fr; }
    NewTestScreen.-narrow #new-body { layout: vertical; }
    NewTestScreen SelectionList {
        width: 1fr; height: 1fr; background: $background; border: none; padding: 0;
    }
    NewTestScreen SelectionList:focus { border: none; }
    NewTestScreen #new-right { width: 1fr; height: 1fr; border-left: solid $vm-rule; padding: 0 1; }
    NewTestScreen.-narrow #new-right { border-left: none; border-top: solid $vm-rule; }
    NewTestScreen #new-told { height: auto; max-height: 3; padding: 0 1; background: $panel; }
    NewTestScreen #new-keys { height: 1; padding: 0 1; background: $panel; color: $vm-dim; }
    """

    def __init__(self, commands: Sequence[RecordedCommand], location: Location, *, summary: str = "") -> None:
        super().__init__()
        self._commands = tuple(commands)
        self._location = location
        self._summary = summary
        self._draft: Draft | None = None
        self._why = "Name the test."
        self.saved = ""
        """Name of the test that was saved; empty until then."""

    def compose(self) -> ComposeResult:
        """Make the name, the commands and the preview."""
        with Horizontal(classes="line"):
            yield Static("name ")
            yield Input(placeholder="what the test is called", id="name", compact=True)
            yield Static(" into ")
            yield Input(placeholder="a file of its own", id="new-into", compact=True)
            yield Static(" timeout ")
            yield Input(placeholder="as it took", id="timeout", compact=True)
        with Horizontal(id="new-body"):
            yield SelectionList[int](
                *(
                    Selection(self._prompt(command, command.wanted), number, command.wanted)
                    for number, command in enumerate(self._commands)
                )
            )
            with VerticalScroll(id="new-right"), Vertical():
                yield Static(id="new-output", markup=False)
                yield Static(id="new-preview")
        yield Static(id="new-told", markup=False)
        yield Static(
            "space takes a command or leaves it  tab goes round  ctrl+s saves  esc leaves  ? keys",
            id="new-keys",
            markup=False,
        )

    def _prompt(self, command: RecordedCommand, taken: bool) -> Text:
        dim = self.app.theme_variables.get("vm-dim", "")
        first, _, rest = command.text.partition("\n")
        # Colour alone would be the only sign of what is taken.
        text = Text("+ " if taken else "  ", no_wrap=True, overflow="ellipsis")
        text.append(first)
        if rest:
            text.append(" …", dim)
        if command.exit_code:
            text.append(f"  ended with {command.exit_code}", self.app.theme_variables["error"])
        elif command.state:
            text.append("  before the steps after it", dim)
        return text

    def on_mount(self) -> None:
        """Begin with the name."""
        self.query_one("#name", Input).focus()
        self._timer = later(self, _PAUSE, self._preview)
        self._tell()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._colour())

    @on(SelectionList.SelectedChanged)
    def _taken(self) -> None:
        self._mark_taken()
        self._changed()

    def _mark_taken(self) -> None:
        listed = self.query_one(SelectionList)
        taken = set(listed.selected)
        for number, command in enumerate(self._commands):
            listed.replace_option_prompt_at_index(number, self._prompt(command, number in taken))

    def _colour(self) -> None:
        self._mark_taken()
        self._preview()

    @on(Input.Changed)
    def _changed(self) -> None:
        self._draft, self._why = None, "…"
        self._timer.cancel()
        self._timer = later(self, _PAUSE, self._preview)

    @on(SelectionList.SelectionHighlighted)
    def _highlighted(self, event: SelectionList.SelectionHighlighted[int]) -> None:
        command = self._commands[event.selection.value]
        shown = f"$ {command.text}\n{command.output}".rstrip()
        lines = shown.splitlines()
        self.query_one("#new-output", Static).update(
            "\n".join([*lines[:12], *(["…"] if len(lines) > 12 else [])])
        )

    def _steps(self) -> list[NewStep]:
        steps = new_steps(self._commands, self.query_one(SelectionList).selected)
        given = self.query_one("#timeout", Input).value.strip()
        if given:
            from dataclasses import replace

            from registry.units import parse_duration

            try:
                seconds = parse_duration(float(given) if given.replace(".", "", 1).isdigit() else given)
            except ValueError:
                raise RegistryError(f'"{given}" is no duration', remedy="write 30, 90s or 2m") from None
            steps = [replace(step, timeout=seconds) for step in steps]
        return steps

    @work(exclusive=True, group="preview", exit_on_error=False)
    async def _preview(self) -> None:
        """Make the draft, off the loop, and show what it changes."""
        name = self.query_one("#name", Input).value.strip()
        into = self.query_one("#new-into", Input).value.strip()
        self._draft = None
        try:
            if not name:
                raise RegistryError("Name the test.", remedy="")
            test = NewTest(name=name, steps=self._steps(), summary=self._summary)
            made = await asyncio.to_thread(draft, self._location, test, Path(into) if into else None)
            self._draft, self._why = made, ""
            diff = await asyncio.to_thread(made.diff)
        except RegistryError as error:
            self._why = f"{error.message}{f' ({error.remedy})' if error.remedy else ''}"
            diff = ""
        self.query_one("#new-preview", Static).update(self._coloured(diff))
        self._tell()

    def _coloured(self, diff: str) -> Text:
        variables = self.app.theme_variables
        styles = {"+": variables["success"], "-": variables["error"], "@": variables.get("vm-dim", "")}
        text = Text()
        for line in diff.splitlines()[2:]:
            text.append(f"{line}\n", styles.get(line[:1], ""))
        return text

    def _tell(self) -> None:
        told = self._why
        if self._draft is not None:
            file, root = self._draft.file, self._location.root
            where = file.relative_to(root) if file.is_relative_to(root) else file
            told = f"ctrl+s saves the test {self._draft.name} in {where}"
        self.query_one("#new-told", Static).update(told)

    # keys

    @work(exclusive=True, group="save", exit_on_error=False)
    async def action_save(self) -> None:
        """Save what the preview shows."""
        made = self._draft
        if made is None:
            self.notify(self._why, title="Not saved", severity="warning", markup=False)
            return
        try:
            await asyncio.to_thread(made.save)
        except Exception as error:
            self.notify("\n".join(explain(error)), title="Not saved", severity="error", markup=False)
            self._preview()
            return
        self.saved = made.name
        self.app.notify(f"{made.name} is in {made.file}", title="Saved", markup=False)
        self.dismiss()

    def action_back(self) -> None:
        """Leave without saving; the recording stays."""
        self.dismiss()
