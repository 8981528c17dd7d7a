"""How panes share a screen: a tree of splits, and the room each pane gets."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from textual.geometry import Region

Direction = Literal["right", "below"]
P = TypeVar("P", bound=Hashable)


@dataclass(slots=True)
class _Split(Generic[P]):
    direction: Direction
    parts: list[P | _Split[P]]


class Splits(Generic[P]):
    """Panes side by side and one below the other.

    Args:
        first: The first pane.
    """

    def __init__(self, first: P) -> None:
        self._root: _Split[P] = _Split("right", [first])

    @property
    def panes(self) -> list[P]:
        """The panes, from the upper left on."""
        return _panes(self._root)

    def add(self, beside: P, fresh: P, direction: Direction) -> None:
        """Put a pane to the right of another or below it."""
        split = self._holder(beside)
        at = split.parts.index(beside)
        if split.direction == direction or len(split.parts) == 1:
            split.direction = direction
            split.parts.insert(at + 1, fresh)
        else:
            split.parts[at] = _Split(direction, [beside, fresh])

    def remove(self, pane: P) -> None:
        """Take a pane away; its neighbours get its room."""
        self._holder(pane).parts.remove(pane)
        self._root = _tidy(self._root)

    def _holder(self, pane: P) -> _Split[P]:
        found = _holder(self._root, pane)
        if found is None:
            raise ValueError(f"{pane} is not here")
        return found

    def arrange(self, width: int, height: int) -> dict[P, Region]:
        """Return where each pane is; panes side by side have a column between them."""
        places: dict[P, Region] = {}
        _arrange(self._root, Region(0, 0, width, height), places)
        return places


def _panes(split: _Split[P]) -> list[P]:
    found: list[P] = []
    for part in split.parts:
        found += _panes(part) if isinstance(part, _Split) else [part]
    return found


def _holder(split: _Split[P], pane: P) -> _Split[P] | None:
    if pane in split.parts:
        return split
    for part in split.parts:
        if isinstance(part, _Split) and (found := _holder(part, pane)) is not None:
            return found
    return None


def _tidy(split: _Split[P]) -> _Split[P]:
    """Return a split without splits that hold nothing or one thing."""
    parts: list[P | _Split[P]] = []
    for part in split.parts:
        if isinstance(part, _Split):
            tidied = _tidy(part)
            if len(tidied.parts) < 2:
                parts += tidied.parts
                continue
            part = tidied
        parts.append(part)
    only = parts[0] if len(parts) == 1 else None
    return only if isinstance(only, _Split) else _Split(split.direction, parts)


def _arrange(split: _Split[P], room: Region, places: dict[P, Region]) -> None:
    count = len(split.parts)
    right = split.direction == "right"
    total = (room.width - (count - 1)) if right else room.height
    begin = 0
    for number, part in enumerate(split.parts):
        length = max(total * (number + 1) // count - total * number // count, 1)
        if right:
            place = Region(room.x + begin + number, room.y, length, room.height)
        else:
            place = Region(room.x, room.y + begin, room.width, length)
        begin += length
        if isinstance(part, _Split):
            _arrange(part, place, places)
        else:
            places[part] = place
