"""What shares the room beside a run, as it is kept for the next start: a shape, and what its panes are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from textual.widget import Widget

from app.tui.terminal.splits import Splits

RUN_CONSOLE = "run console"
"""Kind of the pane that follows the selected test."""
PINNED = "pinned"
"""Kind of a console that stays in view; every other kind is one of a terminal."""


@dataclass(frozen=True, slots=True)
class KeptPane:
    """One pane.

    Attributes:
        kind: What it is.
        machine: The machine that it shows.
        test: The test whose machine that is.
        log: Where the console of a pinned pane is logged.
    """

    kind: str
    machine: str = ""
    test: str = ""
    log: str = ""


def dump(splits: Splits[Widget], describe: Callable[[Widget], KeptPane]) -> dict[str, object]:
    """Return a room as JSON takes it; nothing where only one pane is in it."""
    panes = splits.panes
    if len(panes) < 2:
        return {}
    shape = splits.shape(lambda pane: str(panes.index(pane)))
    return {"shape": shape, "panes": [asdict(describe(pane)) for pane in panes]}


def load(kept: Mapping[str, object], make: Callable[[KeptPane], Widget]) -> Splits[Widget]:
    """Return how panes shared a room, with panes made anew.

    Raises:
        ValueError: it is no such room, or not one with exactly one console of the run.
    """
    said = kept.get("panes")
    panes = [_pane(entry) for entry in said] if isinstance(said, list) else []
    if [pane.kind for pane in panes].count(RUN_CONSOLE) != 1:
        raise ValueError("no room")
    left = {str(number): pane for number, pane in enumerate(panes)}
    names: Splits[str] = Splits.shaped(kept.get("shape"), str)
    if sorted(names.panes) != sorted(left):
        raise ValueError("no room")
    return Splits.shaped(kept.get("shape"), lambda name: make(left[name]))


def _pane(entry: object) -> KeptPane:
    if not isinstance(entry, dict):
        raise ValueError("no pane")
    words = {key: entry.get(key, "") for key in ("kind", "machine", "test", "log")}
    if not all(isinstance(word, str) for word in words.values()):
        raise ValueError("no pane")
    return KeptPane(**words)
