"""Small screens that ask for one thing: which of several, or a line of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from app.tui import keymap, signs
from app.tui.faults import Contained
from app.tui.messages import explain
from backends.base import BackendError


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several things to choose from."""

    id: str
    text: str
    key: str = ""
    """Letter that chooses it at once; none unless given."""
    hint: str = ""


class Options(Contained, OptionList):
    """A list of choices; letters move in it as the arrows do."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("options")


class Choose(Contained, ModalScreen[str | None]):
    """Asks which; the answer is a choice's id, or ``None``.

    Args:
        title: What is asked.
        choices: What there is.
        current: Id of the choice to begin on; by default the first.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("choices")
    DEFAULT_CSS = """
    Choose OptionList { height: auto; max-height: 14; background: $panel; border: none; padding: 0; }
    Choose OptionList:focus { border: none; }
    """

    def __init__(self, title: str, choices: Sequence[Choice], current: str = "") -> None:
        super().__init__()
        self._title, self._choices, self._current = title, choices, current

    def compose(self) -> ComposeResult:
        """Make the list."""
        keyed = any(choice.key for choice in self._choices)
        colour = self.app.theme_variables["primary"]
        dim = self.app.theme_variables.get("vm-dim", "")
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield Options(
                *(
                    Option(
                        Text.assemble(
                            (f"{choice.key:<2}", f"bold {colour}") if keyed else "",
                            choice.text,
                            (f"  {choice.hint}" if choice.hint else "", dim),
                        ),
                        id=choice.id,
                    )
                    for choice in self._choices
                )
            )
            yield Static("↑ ↓ enter · esc closes", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        """Begin on the current one."""
        options = self.query_one(Options)
        ids = [choice.id for choice in self._choices]
        if self._current in ids:
            options.highlighted = ids.index(self._current)
        options.focus()

    def on_key(self, event: events.Key) -> None:
        """Choose by a letter."""
        for choice in self._choices:
            if choice.key and event.character == choice.key:
                event.stop()
                event.prevent_default()
                self.dismiss(choice.id)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_close(self) -> None:
        """Choose nothing."""
        self.dismiss(None)


class Ask(Contained, ModalScreen[str | None]):
    """Asks for a line of text; the answer is ``None`` when there is none.

    Args:
        title: What is asked.
        hint: What to know about it.
        value: What is there already.
        check: Raises what is wrong with an answer, which is told in place of the hint.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("choices")
    DEFAULT_CSS = """
    Ask .-wrong { color: $error; height: auto; }
    """

    def __init__(
        self, title: str, hint: str, *, value: str = "", check: Callable[[str], object] | None = None
    ) -> None:
        super().__init__()
        self._title, self._hint, self._value, self._check = title, hint, value, check

    def compose(self) -> ComposeResult:
        """Make the line."""
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield Input(self._value, compact=True)
            yield Static(self._hint, classes="dialog-hint", id="ask-hint", markup=False)

    def on_mount(self) -> None:
        """Begin to type."""
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        answer = event.value.strip()
        if answer and self._check is not None:
            try:
                self._check(answer)
            except (ValueError, BackendError) as error:
                hint = self.query_one("#ask-hint", Static)
                hint.update(f"{signs.BROKEN.glyph} " + "; ".join(filter(None, explain(error))))
                hint.add_class("-wrong")
                return
        self.dismiss(answer or None)

    def action_close(self) -> None:
        """Give nothing."""
        self.dismiss(None)
