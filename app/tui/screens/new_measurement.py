"""Asks what to measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Select, Static

from app.engine.latency.lab import Request
from app.engine.latency.measure import PROBES, fresh_seed
from app.engine.latency.measurement import Conditions
from app.engine.latency.words import ABOUT
from app.tui import keymap
from app.tui.faults import Contained

HERE = "-"
"""Stands for a shell of this host."""

LOADS: dict[str, tuple[str, int, int]] = {
    "nothing": ("none", 0, 0),
    "a guest burns its processor": ("burn", 1, 1),
    "two guests burn theirs": ("burn", 2, 1),
    "a guest floods its console": ("flood", 1, 1),
    "two guests burn and flood": ("both", 2, 1),
}
"""What may work meanwhile: load, guests, processors of each."""


class NewMeasurement(Contained, ModalScreen[Request]):
    """A form; the answer is a request, or ``None``.

    Args:
        machines: Ids of the machines that run.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("choices")
    DEFAULT_CSS = """
    NewMeasurement .field { height: 1; }
    NewMeasurement .field Label { width: 12; color: $vm-dim; }
    NewMeasurement .field Select, NewMeasurement .field Input { width: 1fr; }
    NewMeasurement #problem { color: $error; height: auto; }
    """

    def __init__(self, machines: Sequence[str]) -> None:
        super().__init__()
        self._machines = machines

    def compose(self) -> ComposeResult:
        """Make the fields."""
        places = [("a shell of this host", HERE), *((f"a shell in {m}", m) for m in self._machines)]
        with Vertical(classes="dialog"):
            yield Static("Measure latency", classes="dialog-title", markup=False)
            yield from self._choice("what", "probe", [(f"{p}: {ABOUT[p]}", p) for p in PROBES])
            yield from self._choice("typed into", "place", places)
            with Horizontal(classes="field"):
                yield Label("beside it")
                yield Input(placeholder="others for echo: bash,tmux,screen,ssh", id="against", compact=True)
            yield from self._choice("meanwhile", "load", [(words, words) for words in LOADS])
            yield from self._choice(
                "isolation", "isolation", [("guests off one core", "auto"), ("guests anywhere", "off")]
            )
            with Horizontal(classes="field"):
                yield Label("keys")
                yield Input("200", type="integer", id="keys", compact=True)
            yield Static(id="problem", markup=False)
            yield Static("tab next field · enter opens a choice · esc closes", classes="dialog-hint")
            with Horizontal(classes="dialog-buttons"):
                yield Button("Cancel", id="no", compact=True)
                yield Button("Measure", id="yes", variant="primary", compact=True)

    def _choice(self, label: str, name: str, options: Sequence[tuple[str, str]]) -> ComposeResult:
        with Horizontal(classes="field"):
            yield Label(label)
            yield Select(options, value=options[0][1], allow_blank=False, id=name, compact=True)

    def on_mount(self) -> None:
        """Begin on the button: the form as it is measures something."""
        self.query_one("#yes", Button).focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "no":
            self.dismiss(None)
        else:
            self._measure()

    @on(Input.Submitted)
    def _measure(self) -> None:
        keys = self.query_one("#keys", Input).value
        if not keys.isdigit() or not 1 <= int(keys) <= 100_000:
            self.query_one("#problem", Static).update("keys: give a number from 1 to 100000")
            self.query_one("#keys", Input).focus()
            return
        load, guests, vcpus = LOADS[self._value("load")]
        place = self._value("place")
        conditions = Conditions(
            probe=self._value("probe"),
            machine="" if place == HERE else place,
            keys=int(keys),
            seed=fresh_seed(),
            load=load,
            guests=guests,
            vcpus=vcpus,
            isolation=self._value("isolation"),
        )
        names = self.query_one("#against", Input).value.replace(",", " ").split()
        self.dismiss(Request(conditions=conditions, against=tuple(names)))

    def _value(self, name: str) -> str:
        return str(self.query_one(f"#{name}", Select).value)

    def action_close(self) -> None:
        """Measure nothing."""
        self.dismiss(None)
