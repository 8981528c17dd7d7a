"""What the terminals of a room are opened in, and where the tests go that are recorded in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.tui.terminal.machine_source import MachineTerminals
from app.tui.terminal.pane import Opener
from app.tui.terminal.recording import Recording
from registry.location import Location


@dataclass(frozen=True)
class NewTests:
    """Where new tests go."""

    location: Location
    saved: Callable[[], None]
    """Called when one was saved."""


@dataclass(frozen=True, eq=False)
class Seat:
    """What terminals are opened in.

    Attributes:
        opener: Opens one more shell in it.
        label: What that is.
        machine: The machine that it is, for its console and for commands; ``None`` where there is none.
        recording: How panes are recorded; ``None`` where they cannot be.
        test: The test whose machine it is, if any: its steps become markers of recordings.
    """

    opener: Opener
    label: str
    machine: MachineTerminals | None = None
    recording: Recording | None = None
    test: str = ""
