"""How panes share a screen."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Region

from app.tui.terminal.splits import Splits


def test_one_pane_has_all() -> None:
    assert Splits("a").arrange(80, 24) == {"a": Region(0, 0, 80, 24)}


def test_side_by_side_and_below() -> None:
    splits = Splits("a")
    splits.add("a", "b", "right")
    splits.add("b", "c", "below")
    assert splits.panes == ["a", "b", "c"]
    assert splits.arrange(81, 24) == {
        "a": Region(0, 0, 40, 24),
        "b": Region(41, 0, 40, 12),
        "c": Region(41, 12, 40, 12),
    }


def test_neighbours_get_the_room_of_what_closed() -> None:
    splits = Splits("a")
    splits.add("a", "b", "right")
    splits.add("b", "c", "below")
    splits.remove("a")
    assert splits.arrange(80, 24) == {"b": Region(0, 0, 80, 12), "c": Region(0, 12, 80, 12)}
    splits.remove("c")
    assert splits.panes == ["b"]


steps = st.lists(st.tuples(st.sampled_from(["right", "below", "close"]), st.integers(0, 20)), max_size=12)


@given(steps)
def test_panes_never_overlap_and_fill_the_height(chosen) -> None:
    splits: Splits[int] = Splits(0)
    for number, (what, pick) in enumerate(chosen, 1):
        panes = splits.panes
        pane = panes[pick % len(panes)]
        if what == "close":
            if len(panes) > 1:
                splits.remove(pane)
        else:
            splits.add(pane, number, what)
    places = list(splits.arrange(200, 200).values())
    room = Region(0, 0, 200, 200)
    assert len(places) == len(splits.panes) == len(set(splits.panes))
    for number, place in enumerate(places):
        assert place in room
        assert not any(place.overlaps(other) for other in places[number + 1 :])


def test_rules_are_moved_and_shares_are_kept() -> None:
    splits = Splits("a")
    splits.add("a", "b", "right")
    splits.add("b", "c", "below")
    beside, below = splits.rules(81, 20)
    assert (beside.region.x, below.region.y) == (40, 10)
    splits.move(beside, 20, 0)
    assert splits.arrange(81, 20)["a"].width == 20
    assert splits.grow("c", "below", 0.1) and splits.arrange(81, 20)["c"].height == 12
    assert not splits.grow("a", "below", 0.1)
    splits.move(beside, 5000, 0)
    assert splits.arrange(81, 20)["b"].width >= 8
    again = Splits.shaped(json.loads(json.dumps(splits.shape(str))), str)
    assert again.arrange(81, 20) == splits.arrange(81, 20)
    splits.even()
    assert splits.arrange(81, 20)["a"].width == 40


def test_what_is_no_shape_is_refused() -> None:
    deep: object = "a"
    for _ in range(50):
        deep = {"direction": "right", "shares": [1], "parts": [deep]}
    fine = {"direction": "right", "shares": [1, 2], "parts": ["a", "b"]}
    bad = [
        3,
        None,
        [],
        "a",
        deep,
        {**fine, "shares": [1]},
        {**fine, "shares": [1, -1]},
        {**fine, "parts": [1, 2]},
    ]
    for shape in [*bad, {**fine, "direction": "up"}, {"direction": "right", "shares": [], "parts": []}]:
        with pytest.raises(ValueError, match="no shape"):
            Splits.shaped(shape, str)
