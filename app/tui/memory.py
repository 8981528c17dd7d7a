"""Where the person was: place, cursor, filter, marks, folds, panes and theme, kept for the next start."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.tui.layout import LEAST, MOST, Layout

VERSION = 1
_WRITING = threading.Lock()
"""Held while the file is written: the last note of a session must not meet the one before."""
MOST_REGISTRIES = 20
"""Registries of which something is remembered; the ones left longest ago are forgotten."""


@dataclass(slots=True)
class Spot:
    """Where the person was in a registry."""

    place: str = ""
    test: str = ""
    filter: str = ""
    marked: list[str] = field(default_factory=list)
    folded: list[str] = field(default_factory=list)
    sort: str = ""
    grouping: str = ""
    run: str = ""
    """Id of the run that was shown last."""
    terminals: list[dict[str, object]] = field(default_factory=list)
    """Screens of terminals that were open: ``machine``, ``test`` and ``shape``."""
    room: dict[str, object] = field(default_factory=dict)
    """Terminals and pinned consoles beside the run that was shown last, as ``kept_room`` says."""


@dataclass(slots=True)
class Memory:
    """What is remembered of the workbench."""

    theme: str = ""
    layout: Layout = field(default_factory=Layout)
    spots: dict[str, Spot] = field(default_factory=dict)
    """By the registry's folder."""

    def dump(self) -> str:
        """Return it as text."""
        spots = list(self.spots.items())[-MOST_REGISTRIES:]
        data = {
            "version": VERSION,
            "theme": self.theme,
            "shares": self.layout.shares,
            "closed": sorted(self.layout.closed),
            "zoomed": sorted(self.layout.zoomed),
            "registries": {root: asdict(spot) for root, spot in spots},
        }
        return json.dumps(data, indent=1)


def read_memory(file: Path) -> tuple[Memory, str]:
    """Return what is remembered, and what is wrong with the file; empty when nothing is. Blocking."""
    try:
        text = file.read_text()
    except FileNotFoundError:
        return Memory(), ""
    except (OSError, ValueError) as error:
        return Memory(), f"{file} cannot be read, so you begin afresh: {error}"
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or data.get("version") != VERSION:
        return Memory(), f"{file} is not of this vmbench, so you begin afresh. It is written anew."
    memory = Memory(theme=_text(data.get("theme")))
    for key, share in _table(data.get("shares")).items():
        if isinstance(share, int | float) and LEAST <= share <= MOST:
            memory.layout.shares[key] = float(share)
    memory.layout.closed = set(_texts(data.get("closed")))
    memory.layout.zoomed = set(_texts(data.get("zoomed")))
    for root, said in _table(data.get("registries")).items():
        spot = _table(said)
        memory.spots[root] = Spot(
            **{
                name: _text(spot.get(name)) for name in ("place", "test", "filter", "sort", "grouping", "run")
            },
            marked=_texts(spot.get("marked")),
            folded=_texts(spot.get("folded")),
            terminals=_terminals(spot.get("terminals")),
            room=dict(_table(spot.get("room"))),
        )
    return memory, ""


def write_memory(file: Path, text: str) -> None:
    """Write what is remembered, whole or not at all. Blocking.

    Raises:
        OSError: it cannot be written.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    with _WRITING:
        try:
            new.write_text(text)
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)


def _terminals(value: object) -> list[dict[str, object]]:
    entries = [_table(entry) for entry in value] if isinstance(value, list) else []
    return [
        {"machine": _text(entry["machine"]), "test": _text(entry.get("test")), "shape": entry.get("shape")}
        for entry in entries
        if _text(entry.get("machine"))
    ]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    return [part for part in value if isinstance(part, str)] if isinstance(value, list) else []


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
