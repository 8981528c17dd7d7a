"""The command log: every command that was run on the person's behalf, copyable."""

from __future__ import annotations

import time
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.widgets import Input, Static

from app.engine.commands import CommandLog
from app.tui import keymap, signs
from app.tui.keys.key import PaneHelp
from app.tui.narrowing import fits
from app.tui.screens.filtered import FilteredScreen
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.line_list import Cell, LineList, Row, fit
from backends.commands import Command

PERIOD = 0.5
"""Seconds between two looks at what is new."""


class CommandList(LineList):
    """Shows commands, the newest last; the cursor follows the end until somebody moves it."""

    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "the commands", "What was run, the newest last; the pane below shows it whole.", "list"
    )

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.commands: list[Command] = []
        self._follows = True

    @property
    def current(self) -> Command | None:
        """The command under the cursor."""
        return self.commands[self.cursor] if self.cursor < len(self.commands) else None

    def show(self, commands: list[Command]) -> None:
        """Show commands."""
        self.commands = commands
        with self.by_program():
            self.set_count(len(commands))
            if self._follows:
                self.cursor = len(commands) - 1

    def moved_by_person(self) -> None:
        """Follow only where somebody is at the end."""
        self._follows = self.cursor >= len(self.commands) - 1

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of a row."""
        command = self.commands[index]
        sign = sign_of(command)
        yield Cell(f" {sign.glyph} ", sign.tone)
        yield Cell(time.strftime("%H:%M:%S ", time.localtime(command.time)), "dim")
        yield Cell(f"{command.kind:<9}", "accent")
        rest = width - 21
        machine = 14 if rest > 70 else 0
        if machine:
            yield Cell(fit(command.machine, machine - 1) + " ", "dim")
        yield Cell(fit(" ⏎ ".join(command.text.split("\n")), rest - machine - 9))
        took = signs.duration(command.duration) if command.duration is not None else "runs"
        yield Cell(f" {took:>7} ", "dim")


def sign_of(command: Command) -> signs.Sign:
    """Return the sign of how a command ended."""
    if command.duration is None:
        return signs.RUNNING
    if command.error:
        return signs.Sign("!", "cut off", "warn")
    if command.exit_code:
        return signs.Sign("✗", f"exit code {command.exit_code}", "bad")
    return signs.Sign("✓", "done" if command.exit_code is None else "exit code 0", "good")


class CommandsScreen(FilteredScreen):
    """Lists what was run.

    Args:
        log: The commands of this process.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("commands")
    NAME = "Command log"
    SCOPE = "commands"
    PURPOSE = (
        "Every command that vmbench ran on your behalf since it was opened: QEMU and what its monitor is "
        "told, SSH logins, commands in guests, copies and tools of this host. Secrets are masked. vmbench "
        "commands lists a past run's."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Command log", "commands"),
        ("Moving around", "list"),
        ("Everywhere", "app"),
    ]

    def __init__(self, log: CommandLog) -> None:
        super().__init__()
        self._log = log
        self._shown: list[Command] = []
        self.words = ""
        """The filter."""

    def compose(self) -> ComposeResult:
        """Make the list and the text of the one under the cursor."""
        yield from self.filter_bar("kinds, parts of commands and machines, -not")
        with Container(id="command-panes"):
            yield CommandList(id="commands")
            yield Static(
                "Nothing was run yet.\n\n"
                "Run a test or attach to a machine: whatever that takes is listed here.",
                id="no-commands",
                classes="nothing",
                markup=False,
            )
            with VerticalScroll(id="command-text"):
                yield Static(markup=False)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Begin at the newest."""
        self.query_one("#command-text").border_title = "the command"
        self.set_focus(self.list)
        self._look()
        self.set_interval(PERIOD, self._look)

    @property
    def list(self) -> CommandList:
        """The list."""
        return self.query_one("#commands", CommandList)

    def _look(self) -> None:
        commands = self._log.all()
        self.query_one("#no-commands").display = not commands
        self.list.display = bool(commands)
        if commands != self._shown:
            self._shown = commands
            self._show()

    def _show(self) -> None:
        left = [command for command in self._shown if fits(_text(command), self.words)]
        count = signs.counted(len(self._shown), "command")
        told = f"{len(left)} of {count}" if self.words.strip() else count
        self.list.border_title = f"command log · {told}"
        self.list.show(left)
        self._show_text()

    # the filter

    @property
    def filtered_list(self) -> CommandList:
        """The list."""
        return self.list

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self.words = event.value
        self._show()

    @on(LineList.Moved, "#commands")
    def _moved(self) -> None:
        self.follow(self._show_text)

    def _show_text(self) -> None:
        command = self.list.current
        text = ""
        if command is not None:
            ended = sign_of(command).word + (f": {command.error}" if command.error else "")
            of = " · ".join(filter(None, (command.machine, command.test, command.run)))
            text = f"{ended}{f' · {of}' if of else ''}\n\n{command.typed}"
        self.query_one("#command-text Static", Static).update(text)

    def action_copy(self) -> None:
        """Copy the command as one types it."""
        command = self.list.current
        if command is None:
            self.notify("Nothing was run yet.")
            return
        self.app.copy_to_clipboard(command.typed)
        self.notify("Copied the command.")

    def action_back(self) -> None:
        """Clear the filter, then go back."""
        if not self.unfilter():
            self.dismiss()


def _text(command: Command) -> str:
    return " ".join((command.kind, command.machine, command.test, command.text))
