"""The workbench's places: what the number keys lead to, each with a stack of screens of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
        make: Makes its first screen, when somebody goes there for the first time.
    """

    id: str
    title: str
    short: str
    key: str
    help: str
    make: Callable[[], Screen[None]]


# The screens are imported when they are first visited: the first paint does not wait for them.


def _run() -> Screen[None]:
    from app.tui.screens.no_run import NoRunScreen

    return NoRunScreen()


def _terminals() -> Screen[None]:
    from app.tui.screens.no_terminal import NoTerminalScreen

    return NoTerminalScreen()


def _settings() -> Screen[None]:
    from app.tui.screens.settings import SettingsScreen

    return SettingsScreen()


def _machines() -> Screen[None]:
    from app.tui.screens.machines import MachinesScreen

    return MachinesScreen()


def _snapshots() -> Screen[None]:
    from app.tui.screens.snapshots import SnapshotsScreen

    return SnapshotsScreen()


def _runs() -> Screen[None]:
    from app.tui.screens.runs import RunsScreen

    return RunsScreen()


def _images() -> Screen[None]:
    from app.tui.screens.images import ImagesScreen

    return ImagesScreen()


def _doctor() -> Screen[None]:
    from app.tui.screens.doctor import DoctorScreen

    return DoctorScreen()


def _latency() -> Screen[None]:
    from app.tui.screens.latency import LatencyScreen

    return LatencyScreen()


PLACES: tuple[Place, ...] = (
    Place("run", "Run", "Run", "2", "The run that goes on, or the last one.", _run),
    Place("terminals", "Terminals", "Term", "3", "The terminals that are open.", _terminals),
    Place("machines", "Machines", "Mach", "4", "All machines, whoever made them.", _machines),
    Place("snapshots", "Snapshots", "Snap", "5", "Saved machines, by what they came from.", _snapshots),
    Place("runs", "Runs", "Runs", "6", "Everything that ran on this host.", _runs),
    Place("images", "Images", "Img", "7", "What machines boot.", _images),
    Place("latency", "Latency", "Lat", "8", "What a key costs, measured.", _latency),
    Place("doctor", "Doctor", "Doc", "9", "What this host can do, and what can be reclaimed.", _doctor),
    Place("settings", "Settings", "Set", "0", "Every setting, and the keys.", _settings),
)
"""All places but the tests, which the app makes itself, in the order of their keys."""

TESTS = "tests"
"""Id of the place where the workbench begins."""


def titles(*, short: bool = False) -> list[tuple[str, str, str]]:
    """Return key, id and title of every place, the tests among them, in the order of the keys."""
    return [("1", TESTS, "Tests"), *((p.key, p.id, p.short if short else p.title) for p in PLACES)]
