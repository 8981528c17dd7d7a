"""The workbench's places: what the number keys lead to, each with a stack of screens of its own."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from textual.screen import Screen


@dataclass(frozen=True, slots=True)
class Place:
    """One place of the workbench.

    Attributes:
        id: Its name in actions, settings and keymaps; also the Textual mode that holds its screens.
        title: Its name for people.
        short: The same where there is little room: five letters at most.
        key: The digit that leads to it.
        help: A sentence on what it is for.
        screen: Its first screen: a module of ``app.tui.screens``, a colon and a class.
    """

    id: str
    title: str
    short: str
    key: str
    help: str
    screen: str

    @property
    def module(self) -> str:
        """The module of its first screen, which the first paint does not wait for."""
        return f"app.tui.screens.{self.screen.partition(':')[0]}"

    def make(self) -> Screen[None]:
        """Make its first screen, when somebody goes there for the first time."""
        made: Screen[None] = getattr(import_module(self.module), self.screen.partition(":")[2])()
        return made


PLACES: tuple[Place, ...] = (
    Place("run", "Run", "Run", "2", "The run that goes on, or the last one.", "no_run:NoRunScreen"),
    Place(
        "terminals", "Terminals", "Term", "3", "The terminals that are open.", "no_terminal:NoTerminalScreen"
    ),
    Place("machines", "Machines", "Mach", "4", "All machines, whoever made them.", "machines:MachinesScreen"),
    Place(
        "snapshots",
        "Snapshots",
        "Snap",
        "5",
        "Saved machines, by what they came from.",
        "snapshots:SnapshotsScreen",
    ),
    Place("runs", "Runs", "Runs", "6", "Everything that ran on this host.", "runs:RunsScreen"),
    Place("images", "Images", "Img", "7", "What machines boot.", "images:ImagesScreen"),
    Place("latency", "Latency", "Lat", "8", "What a key costs, measured.", "latency:LatencyScreen"),
    Place(
        "doctor",
        "Doctor",
        "Doc",
        "9",
        "What this host can do, and what can be reclaimed.",
        "doctor:DoctorScreen",
    ),
    Place("settings", "Settings", "Set", "0", "Every setting, and the keys.", "settings:SettingsScreen"),
)
"""All places but the tests, which the app makes itself, in the order of their keys."""

TESTS = "tests"
"""Id of the place where the workbench begins."""


def titles(*, short: bool = False) -> list[tuple[str, str, str]]:
    """Return key, id and title of every place, the tests among them, in the order of the keys."""
    return [("1", TESTS, "Tests"), *((p.key, p.id, p.short if short else p.title) for p in PLACES)]
