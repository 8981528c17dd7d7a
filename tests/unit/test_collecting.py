"""When garbage is collected."""

from __future__ import annotations

import gc
import weakref

import pytest

from app.tui import collecting
from app.tui.collecting import LONGEST, STILL, Collector


class Ring:
    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def collector():
    before = gc.get_threshold()
    made = Collector()
    yield made
    made.close()
    assert gc.get_threshold() == before and gc.get_freeze_count() == 0


def test_only_when_nobody_types_and_much_is_new(collector, monkeypatch) -> None:
    begun = collector._last
    assert not collector.look(begun, begun + STILL / 2), "somebody types"
    monkeypatch.setattr(collecting, "_FEW", 0)
    assert collector.look(begun, begun + STILL)
    monkeypatch.setattr(collecting, "_FEW", 1 << 60)
    assert not collector.look(begun, begun + 2 * STILL), "little is new"


def test_what_refers_to_itself_goes_also_while_somebody_types(collector) -> None:
    now = collector._last + LONGEST
    new, old = weakref.ref(Ring()), weakref.ref(Ring())
    assert collector.look(key_read=now, now=now)
    assert new() is None and old() is None
    assert gc.get_freeze_count()


def test_what_was_there_before_goes_when_nobody_typed_for_long(collector) -> None:
    ring = Ring()
    seen = weakref.ref(ring)
    collector.look(key_read=collector._last, now=collector._last + LONGEST)
    del ring
    later = collector._last + LONGEST
    assert collector.look(key_read=later, now=later) and seen() is not None
    assert collector.look(key_read=later, now=later + LONGEST) and seen() is None
