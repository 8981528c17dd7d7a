"""Asks what a new machine shall be: image, backend, processors, memory, disk and what it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Select, Static

from app.engine.machines_api import Offer
from app.tui import keymap, signs
from app.tui.faults import Contained
from backends.base import MachineRequest
from registry.units import parse_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A machine to be made."""

    request: MachineRequest
    backend: str


class NewMachine(Contained, ModalScreen[Wish]):
    """Asks for a machine; the answer is ``None`` when there shall be none.

    Args:
        offer: What there is to choose from.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("choices")
    DEFAULT_CSS = """
    NewMachine .field { height: 1; }
    NewMachine .field Label { width: 12; color: $vm-dim; }
    NewMachine .field Input, NewMachine .field Select { width: 1fr; }
    NewMachine #new-wrong { color: $error; height: auto; }
    """

    def __init__(self, offer: Offer) -> None:
        super().__init__()
        self._offer = offer

    def compose(self) -> ComposeResult:
        """Make the form."""
        images = [(name, name) for name in self._offer.images]
        backends = [(f"{n}  {signs.BROKEN.glyph} {why}" if why else n, n) for n, why in self._offer.backends]
        with Vertical(classes="dialog"):
            yield Static("New machine", classes="dialog-title", markup=False)
            for name, widget in (
                ("image", Select(images, allow_blank=False, compact=True, id="new-image")),
                ("backend", Select(backends, allow_blank=False, compact=True, id="new-backend")),
                ("processors", Input("1", compact=True, type="integer", id="new-cpus")),
                ("memory", Input("256M", compact=True, id="new-memory")),
                ("disk", Input(compact=True, placeholder="none; or a size such as 4G", id="new-disk")),
                ("for", Input(compact=True, placeholder="shown in lists", id="new-label")),
            ):
                with Horizontal(classes="field"):
                    yield Label(name)
                    yield widget
            yield Static(id="new-wrong", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("Leave (esc)", id="no", compact=True)
                yield Button("Start (enter)", id="yes", variant="success", compact=True)

    def on_mount(self) -> None:
        """Begin with what is changed most."""
        self.query_one("#new-memory", Input).focus()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self._answer()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "yes":
            self._answer()
        else:
            self.dismiss(None)

    def _answer(self) -> None:
        try:
            wish = self._wish()
        except ValueError as error:
            self.query_one("#new-wrong", Static).update(f"{signs.BROKEN.glyph} {error}")
        else:
            self.dismiss(wish)

    def _wish(self) -> Wish:
        cpus = self._text("cpus")
        if not cpus.isdigit() or not 0 < int(cpus) <= 256:
            raise ValueError("processors: give a number from 1 to 256")
        disk = self._text("disk")
        request = MachineRequest(
            image=str(self.query_one("#new-image", Select).value),
            cpus=int(cpus),
            memory=self._mebibytes("memory"),
            disk=self._mebibytes("disk") if disk and disk != "0" else None,
            label=self._text("label"),
        )
        return Wish(request=request, backend=str(self.query_one("#new-backend", Select).value))

    def _mebibytes(self, name: str) -> int:
        text = self._text(name)
        try:
            return parse_size(int(text) if text.isdigit() else text)
        except ValueError:
            raise ValueError(f'{name}: give a number of MiB, "512M" or "2G"') from None

    def _text(self, name: str) -> str:
        return self.query_one(f"#new-{name}", Input).value.strip()

    def action_close(self) -> None:
        """Make none."""
        self.dismiss(None)
