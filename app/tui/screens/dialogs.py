"""Small screens over the others: a question, the help, a notice, the report of an inner error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from app.tui import keymap
from app.tui.faults import Contained
from app.tui.keys.key import PaneHelp
from app.tui.widgets.keys_text import KeysText


class Confirm(Contained, ModalScreen[bool]):
    """Asks before something is lost.

    Args:
        question: What is about to happen.
        loss: What is lost by it.
        yes: Label of the button that does it.
        no: Label of the button that does not.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *keymap.bindings("confirm"),
        *keymap.bindings("confirm-buttons"),
    ]

    def __init__(self, question: str, loss: str, *, yes: str, no: str) -> None:
        super().__init__()
        self._question, self._loss, self._yes, self._no = question, loss, yes, no

    def compose(self) -> ComposeResult:
        """Make the question and its two buttons."""
        with Vertical(classes="dialog"):
            yield Static(self._question, classes="dialog-title", markup=False)
            yield Static(self._loss, markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button(f"{self._no} (n)", id="no", compact=True)
                yield Button(f"{self._yes} (y)", id="yes", variant="error", compact=True)

    def on_mount(self) -> None:
        """Begin on the button that loses nothing."""
        self.query_one("#no", Button).focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """Answer by a key."""
        self.dismiss(yes)


class Closing(Contained, ModalScreen[None]):
    """Says that machines are being stopped, while the workbench closes."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self._message = message

    def compose(self) -> ComposeResult:
        """Make the notice."""
        with Vertical(classes="dialog"):
            yield Static(self._message, classes="dialog-title", markup=False)
            yield Static("Kept machines stay. This takes a few seconds at most.", markup=False)


class Help(Contained, ModalScreen[None]):
    """The keys of a screen, with a sentence on what it is for.

    Args:
        title: The screen's name.
        purpose: What it is for.
        scopes: Headings, each with the scope of keys below it.
        pane: What is told of the focused pane, before the rest.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("close")

    def __init__(
        self,
        title: str,
        purpose: str,
        scopes: Sequence[tuple[str, str]],
        pane: PaneHelp | None = None,
    ) -> None:
        super().__init__()
        self._title, self._purpose = title, purpose
        self._scopes = [*scopes, ("", "screen")] if any(scope == "app" for _, scope in scopes) else [*scopes]
        self._pane = pane

    def compose(self) -> ComposeResult:
        """Make the text."""
        with Vertical(classes="dialog -large"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield KeysText(self._purpose, self._scopes, self._pane)
            yield Static("esc closes · ↑ ↓ scroll", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        """Let the arrow keys scroll."""
        self.query_one(KeysText).focus()

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()


class Report(Contained, ModalScreen[None]):
    """An error of the workbench itself, to be copied into a bug report."""

    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings("report"), *keymap.bindings("close")]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """Make the text."""
        with Vertical(classes="dialog -large"):
            yield Static("Something in the workbench went wrong", classes="dialog-title", markup=False)
            yield Static(
                "The run is not touched and goes on. y copies this report for a bug report; esc closes it.",
                markup=False,
            )
            with VerticalScroll():
                yield Static(self._text, markup=False)

    def action_copy(self) -> None:
        """Copy the report."""
        self.app.copy_to_clipboard(self._text)
        self.app.notify("Copied the report.")

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()
