"""How panes share a screen: a tree of splits, and the room each pane gets."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from textual.geometry import Region

Direction = Literal["right", "below"]
P = TypeVar("P", bound=Hashable)

Shape = dict[str, object]
"""A tree of splits as JSON takes it."""

DEEPEST = 20
"""Splits within splits that a shape may have."""
LEAST = 0.1
"""Share that each of two neighbours keeps, at least, of what both have."""


@dataclass(slots=True, eq=False)
class _Split(Generic[P]):
    direction: Direction
    parts: list[P | _Split[P]]
    shares: list[float] = field(default_factory=list)
    """What each part gets of the whole, in any unit."""

    def __post_init__(self) -> None:
        self.shares = self.shares or [1.0] * len(self.parts)


@dataclass(frozen=True, slots=True)
class Rule(Generic[P]):
    """What is between two neighbours, and can be moved.

    Attributes:
        direction: Where the second one is.
        region: Where it can be taken hold of: the column between them, or the upper edge of the lower one.
        split: What both are parts of.
        before: Index of the first one.
        room: Where both are together.
    """

    direction: Direction
    region: Region
    split: _Split[P]
    before: int
    room: Region


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
            split.shares.insert(at + 1, sum(split.shares) / len(split.shares))
        else:
            split.parts[at] = _Split(direction, [beside, fresh])

    def remove(self, pane: P) -> None:
        """Take a pane away; its neighbours get its room."""
        split = self._holder(pane)
        at = split.parts.index(pane)
        del split.parts[at], split.shares[at]
        self._root = _tidy(self._root)

    def _holder(self, pane: P) -> _Split[P]:
        path = _path(self._root, pane)
        if not path:
            raise ValueError(f"{pane} is not here")
        return path[-1][0]

    def arrange(self, width: int, height: int) -> dict[P, Region]:
        """Return where each pane is; panes side by side have a column between them."""
        places: dict[P, Region] = {}
        _arrange(self._root, Region(0, 0, width, height), places, [])
        return places

    # what is kept for the next start

    def shape(self, name: Callable[[P], str]) -> Shape:
        """Return the tree as JSON takes it, with names for the panes."""
        return _shape(self._root, name)

    @classmethod
    def shaped(cls, shape: object, make: Callable[[str], P]) -> Splits[P]:
        """Return what has a shape, with panes made from their names.

        Raises:
            ValueError: it is no shape.
        """
        root = _shaped(shape, make)
        if not isinstance(root, _Split) or not root.parts:
            raise ValueError("no shape")
        found = cls.__new__(cls)
        found._root = root
        return found

    # moving rules

    def rules(self, width: int, height: int) -> list[Rule[P]]:
        """Return every rule, where the panes have so much room."""
        rules: list[Rule[P]] = []
        _arrange(self._root, Region(0, 0, width, height), {}, rules)
        return rules

    def move(self, rule: Rule[P], x: int, y: int) -> None:
        """Move a rule to a place."""
        room = rule.room
        if rule.direction == "right":
            share = (x - room.x) / max(1, room.width - 1)
        else:
            share = (y - room.y) / max(1, room.height)
        _divide(rule.split, rule.before, share)

    def grow(self, pane: P, direction: Direction, step: float) -> bool:
        """Give a pane more room, or less.

        Args:
            pane: The pane.
            direction: Whether it becomes wider (``right``) or higher (``below``).
            step: Of what it and its neighbour have together.

        Returns:
            Whether it has a neighbour on that side.
        """
        for split, at in reversed(_path(self._root, pane)):
            if split.direction == direction and len(split.parts) > 1:
                before = min(at, len(split.parts) - 2)
                both = split.shares[before] + split.shares[before + 1]
                _divide(split, before, split.shares[before] / both + (step if before == at else -step))
                return True
        return False

    def even(self) -> None:
        """Give neighbours the same room."""
        _even(self._root)


def _shape(split: _Split[P], name: Callable[[P], str]) -> Shape:
    parts = [_shape(part, name) if isinstance(part, _Split) else name(part) for part in split.parts]
    return {"direction": split.direction, "shares": [round(s, 3) for s in split.shares], "parts": parts}


def _shaped(shape: object, make: Callable[[str], P], depth: int = 0) -> P | _Split[P]:
    if isinstance(shape, str):
        return make(shape)
    if not isinstance(shape, dict) or depth > DEEPEST:
        raise ValueError("no shape")
    direction, parts, shares = (shape.get(key) for key in ("direction", "parts", "shares"))
    if (
        direction not in ("right", "below")
        or not isinstance(parts, list)
        or not isinstance(shares, list)
        or len(parts) != len(shares)
        or not all(isinstance(share, int | float) and share > 0 for share in shares)
    ):
        raise ValueError("no shape")
    inner = [_shaped(part, make, depth + 1) for part in parts]
    return _Split("right" if direction == "right" else "below", inner, [float(share) for share in shares])


def _panes(split: _Split[P]) -> list[P]:
    found: list[P] = []
    for part in split.parts:
        found += _panes(part) if isinstance(part, _Split) else [part]
    return found


def _path(split: _Split[P], pane: P) -> list[tuple[_Split[P], int]]:
    """Return the splits that a pane is in, from the outermost on, each with the index of the part."""
    for at, part in enumerate(split.parts):
        if isinstance(part, _Split):
            inner = _path(part, pane)
            if inner:
                return [(split, at), *inner]
        elif part == pane:
            return [(split, at)]
    return []


def _divide(split: _Split[P], before: int, share: float) -> None:
    both = split.shares[before] + split.shares[before + 1]
    share = min(1 - LEAST, max(LEAST, share))
    split.shares[before], split.shares[before + 1] = both * share, both * (1 - share)


def _even(split: _Split[P]) -> None:
    split.shares = [1.0] * len(split.parts)
    for part in split.parts:
        if isinstance(part, _Split):
            _even(part)


def _tidy(split: _Split[P]) -> _Split[P]:
    """Return a split without splits that hold nothing or one thing."""
    parts: list[P | _Split[P]] = []
    shares: list[float] = []
    for part, share in zip(split.parts, split.shares, strict=True):
        if isinstance(part, _Split):
            tidied = _tidy(part)
            if len(tidied.parts) < 2:
                parts += tidied.parts
                shares += [share] * len(tidied.parts)
                continue
            part = tidied
        parts.append(part)
        shares.append(share)
    only = parts[0] if len(parts) == 1 else None
    return only if isinstance(only, _Split) else _Split(split.direction, parts, shares)


def _arrange(split: _Split[P], room: Region, places: dict[P, Region], rules: list[Rule[P]]) -> None:
    count = len(split.parts)
    right = split.direction == "right"
    total = (room.width - (count - 1)) if right else room.height
    whole, passed, before = sum(split.shares), 0.0, Region()
    begin = 0
    for number, part in enumerate(split.parts):
        passed += split.shares[number]
        length = max(int(total * passed / whole + 1e-9) - begin, 1)
        if right:
            place = Region(room.x + begin + number, room.y, length, room.height)
            edge = Region(place.x - 1, place.y, 1, place.height)
        else:
            place = Region(room.x, room.y + begin, room.width, length)
            edge = Region(place.x, place.y, place.width, 1)
        if number:
            rules.append(Rule(split.direction, edge, split, number - 1, before.union(place)))
        begin += length
        before = place
        if isinstance(part, _Split):
            _arrange(part, place, places, rules)
        else:
            places[part] = place
