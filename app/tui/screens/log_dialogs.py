"""Small screens over a log: where to export it to, and the list of its marks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Checkbox, Input, OptionList, Static
from textual.widgets.option_list import Option

from app.logs.marks import Mark, MarkKind
from app.logs.writing import Form, export
from app.tui import keymap
from app.tui.faults import Contained
from app.tui.screens.choices import Options
from app.tui.widgets.log_view import LogView
from backends.files import make_room

MARK_SIGNS = {MarkKind.STEP: "▸", MarkKind.COMPLAINT: "⚠", MarkKind.ERROR: "!"}


class Tick(Checkbox):
    """A box that tells by a sign, and not by its colour alone, whether it is ticked."""

    BUTTON_LEFT = BUTTON_RIGHT = ""
    DEFAULT_CSS = """
    Tick > .toggle--button, Tick.-on > .toggle--button {
        color: $foreground; background: transparent; text-style: none;
    }
    """

    def render(self) -> Content:
        """Draw it."""
        self.BUTTON_INNER = "[✓]" if self.value else "[ ]"
        return super().render()


class ExportLog(Contained, ModalScreen[str]):
    """Asks where to write a log to, writes it, and returns what to say about it.

    Args:
        view: The view that shows it.
        name: What to call the file at first.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("export")
    DEFAULT_CSS = """
    ExportLog Checkbox { border: none; padding: 0; height: 1; background: transparent; width: 1fr; }
    ExportLog Checkbox:focus { border: none; }
    ExportLog Input { border: none; height: 1; background: $surface; margin-bottom: 1; }
    ExportLog Input:focus { border: none; }
    ExportLog #problem { color: $error; height: auto; }
    """

    def __init__(self, view: LogView, name: str) -> None:
        super().__init__()
        self._view, self._name = view, name
        self._overwrite: Path | None = None

    def compose(self) -> ComposeResult:
        """Make the form."""
        with Vertical(classes="dialog"):
            yield Static("Export the log to a file", classes="dialog-title", markup=False)
            yield Input(self._name, id="path", select_on_focus=False)
            yield Tick("byte for byte, with colours and controls", id="raw")
            yield Tick("with seconds since boot", value=self._view.timed, id="times")
            if self._view.sieve is not None:
                yield Tick("only what the filter leaves", value=True, id="filtered")
            yield Static("", id="problem", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("Do not export", id="no", compact=True)
                yield Button("Export (enter)", id="yes", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Begin with the name."""
        entry = self.query_one("#path", Input)
        entry.cursor_blink = False
        entry.focus()

    @on(Input.Changed, "#path")
    def _changed(self) -> None:
        self._say("", "Export (enter)", None)

    @on(Input.Submitted, "#path")
    def _submitted(self) -> None:
        self._export()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "yes":
            self._export()
        else:
            self.dismiss("")

    def _say(self, problem: str, label: str, overwrite: Path | None) -> None:
        self._overwrite = overwrite
        self.query_one("#problem", Static).update(problem)
        self.query_one("#yes", Button).label = label

    @work(exclusive=True, exit_on_error=False)
    async def _export(self) -> None:
        source, view = self._view.source, self._view
        typed = self.query_one("#path", Input).value.strip()
        if source is None or not typed:
            self._say("Type the name of a file.", "Export (enter)", None)
            return
        filtered = view.sieve is not None and self.query_one("#filtered", Checkbox).value
        form = Form(
            raw=self.query_one("#raw", Checkbox).value,
            times=self.query_one("#times", Checkbox).value,
            pattern=view.sieve.pattern if view.sieve is not None and filtered else None,
            context=view.context,
        )
        path = Path(typed).expanduser().absolute()
        try:
            count = await asyncio.to_thread(
                export, source.again(), path, form, overwrite=self._overwrite == path
            )
        except FileExistsError as error:
            if Path(str(error.filename or path)).name.endswith(".part"):
                self._say(f"An export to {path} is going on, or was cut short.", "Export (enter)", None)
            else:
                self._say(f"{path} exists. What is in it is lost when you overwrite it.", "Overwrite", path)
            return
        except OSError as error:
            said = error.strerror or str(error)
            room = make_room(error)
            todo = f"{room.capitalize()}, or choose another one." if room else "Choose another one."
            self._say(f"{path} cannot be written: {said}. {todo}", "Export (enter)", None)
            return
        self.dismiss(f"Wrote {count:,} bytes to {path}")

    def action_close(self) -> None:
        """Export nothing."""
        self.dismiss("")


class Marks(Contained, ModalScreen[Mark]):
    """Lists the marks of a log and returns the one that was chosen.

    Args:
        marks: From the top to the bottom.
        near: The line where the view is; the mark before it is offered first.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("export")
    DEFAULT_CSS = """
    Marks OptionList:focus { border: none; }
    Marks OptionList { border: none; height: auto; max-height: 20; background: transparent; }
    """

    def __init__(self, marks: Sequence[Mark], near: int) -> None:
        super().__init__()
        self._marks, self._near = list(marks), near

    def compose(self) -> ComposeResult:
        """Make the list."""
        with Vertical(classes="dialog"):
            yield Static("Marks", classes="dialog-title", markup=False)
            options = [
                Option(Text(f"{MARK_SIGNS[mark.kind]} line {mark.line + 1:<8} {mark.label}", no_wrap=True))
                for mark in self._marks
            ]
            yield Options(*options)
            yield Static("enter goes there · esc closes · ] and [ go on from there", classes="dialog-hint")

    def on_mount(self) -> None:
        """Begin near where the view is."""
        options = self.query_one(OptionList)
        before = [n for n, mark in enumerate(self._marks) if mark.line <= self._near]
        options.highlighted = before[-1] if before else 0
        options.focus()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._marks[event.option_index])

    def action_close(self) -> None:
        """Go nowhere."""
        self.dismiss(None)
