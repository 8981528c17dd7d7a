"""What the person feels: keys read, bytes written, and the figures of both."""

from __future__ import annotations

from pathlib import Path

from app.engine.latency.stamps import Stamps
from app.tui.feel import PATIENCE, Feel


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_key_is_felt_when_its_character_is_shown() -> None:
    time = Time()
    feel = Feel(time)
    assert feel.figures() is None
    feel.key(100.0, "x")
    time.now = 100.002
    feel.wrote("\x1b[3;1Hsomething else, e\x1b[X")
    assert feel.waiting and feel.figures() is None, "that was not its echo"
    time.now = 100.003
    feel.wrote("\x1b[5;7Hx")
    assert not feel.waiting
    figures = feel.figures()
    assert figures is not None and abs(figures[0] - 3.0) < 1e-6


def test_a_key_that_shows_nothing_counts_by_the_first_thing_shown() -> None:
    time = Time()
    feel = Feel(time)
    feel.key(100.0, None)  # an arrow key
    time.now = 100.004
    feel.wrote("the list moved")
    feel.key(100.004, "j")
    time.now = 100.010
    feel.wrote("the _ist moved on")
    time.now += PATIENCE
    feel.wrote("a tick")
    assert not feel.waiting
    figures = feel.figures()
    assert figures is not None and [round(f) for f in figures] == [4, 6]


def test_an_answer_that_never_came_is_no_figure() -> None:
    time = Time()
    feel = Feel(time)
    feel.key(100.0, None)
    time.now = 160.0
    feel.wrote("a minute later")
    assert feel.figures() is None and not feel.waiting


def test_stamps_are_shared_and_bounded(tmp_path: Path) -> None:
    mine = Stamps.make(tmp_path / "stamps", 3)
    theirs = Stamps(tmp_path / "stamps")
    feel = Feel(Time())
    feel.arrived = theirs
    for number in range(5):
        feel.key(float(number), "a")
    assert [begun for begun, _ in mine.pairs()] == [0.0, 1.0, 2.0] and len(mine) == 3
    assert mine.pairs(2) == [(2.0, 100.0)]
