"""A recording as a terminal at any moment of it: forwards by what was printed, backwards by keyframes."""

from __future__ import annotations

import bisect
import copy
from collections import deque
from dataclasses import dataclass

from app.tui.terminal.cast_file import Cast, size_of
from app.tui.terminal.cells import Row
from app.tui.terminal.emulator import PyteEmulator
from app.tui.terminal.model import TerminalModel
from app.tui.terminal.screen import Screen

HISTORY = 500
"""Lines of scrollback that a recording is shown with."""
KEYFRAME = 1 << 16
"""Characters of output from one keyframe to the next, at first."""
MOST_KEYFRAMES = 64
"""When there are so many, every other one goes, and they come half as often."""


@dataclass(frozen=True, slots=True)
class _Keyframe:
    at: int
    """Events before it."""
    state: dict[str, object]


class Player:
    """A terminal at one moment of a recording.

    Args:
        cast: The recording.
    """

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.time = 0.0
        """Seconds since the recording began."""
        self._times = [event.time for event in cast.events]
        self._keyframes: list[_Keyframe] = []
        self._since = 0
        self._interval = KEYFRAME
        self._begin()
        self._keep()

    def _begin(self) -> None:
        self.emulator = PyteEmulator(self.cast.columns, self.cast.rows, history=HISTORY)
        self.model = TerminalModel(emulator=self.emulator)
        self.at = 0

    @property
    def over(self) -> bool:
        """Whether everything was shown."""
        return self.at >= len(self.cast.events)

    @property
    def next_time(self) -> float | None:
        """When the next event is; ``None`` after the last."""
        return None if self.over else self._times[self.at]

    def step(self) -> None:
        """Go to the next event that changes what is seen."""
        while not self.over:
            event = self.cast.events[self.at]
            self._take()
            self.time = event.time
            if event.code in "or":
                return

    def advance(self, time: float, budget: int | None = None) -> bool:
        """Go forwards to a moment, or as far as ``budget`` characters lead; return whether it was reached."""
        taken = 0
        while not self.over and self._times[self.at] <= time:
            if budget is not None and taken >= budget:
                self.time = self._times[self.at]
                return False
            taken += len(self.cast.events[self.at].data)
            self._take()
        self.time = min(max(time, 0.0), self.cast.duration)
        return True

    def seek(self, time: float) -> None:
        """Be at a moment, all at once."""
        self.prepare(time)
        self.advance(time)

    def prepare(self, time: float) -> None:
        """Be at the last known moment before another one, from which ``advance`` leads there."""
        wanted = bisect.bisect_right(self._times, time)
        place = bisect.bisect_right([frame.at for frame in self._keyframes], wanted) - 1
        frame = self._keyframes[max(place, 0)]
        if not frame.at <= self.at <= wanted:
            self._restore(frame)
        self.time = self._times[self.at - 1] if self.at else 0.0

    def marker(self, direction: int) -> float | None:
        """Return the moment of the next marker, or of the one before; ``None`` where there is none."""
        times = [marker.time for marker in self.cast.markers]
        if direction > 0:
            return next((time for time in times if time > self.time + 1e-6), None)
        # Right behind a marker, the one before it is meant.
        return next((time for time in reversed(times) if time < self.time - 0.5), None)

    def _take(self) -> None:
        event = self.cast.events[self.at]
        self.at += 1
        if event.code == "o":
            self.model.feed(event.data.encode("utf-8", "replace"))
            self._since += len(event.data)
        elif event.code == "r" and (size := size_of(event.data)) is not None:
            self.model.resize(*size)
        if self._since >= self._interval and self.at > self._keyframes[-1].at and self.emulator.idle:
            self._keep()

    def _keep(self) -> None:
        self._keyframes.append(_Keyframe(self.at, _copied(self.emulator.screen)))
        self._since = 0
        if len(self._keyframes) >= MOST_KEYFRAMES:
            del self._keyframes[1::2]
            self._interval *= 2

    def _restore(self, frame: _Keyframe) -> None:
        self._begin()
        self.emulator.screen.__dict__.update(_copied_state(frame.state))
        self.emulator.screen.all_dirty = True
        self.at = frame.at
        self._since = 0


def _copied(screen: Screen) -> dict[str, object]:
    state = {name: value for name, value in screen.__dict__.items() if not callable(value)}
    return _copied_state(state)


def _copied_state(state: dict[str, object]) -> dict[str, object]:
    """Copy what a screen may change in place; cells, pens and styles never are."""
    return {name: value if name == "pens" else _copy(value) for name, value in state.items()}


def _copy(value: object) -> object:
    if isinstance(value, Row):
        fresh = Row(value)
        fresh.__dict__.update(value.__dict__)
        return fresh
    if isinstance(value, deque):
        return deque((_copy(part) for part in value), value.maxlen)
    if isinstance(value, tuple):
        return value
    if isinstance(value, list):
        return [_copy(part) for part in value]
    return copy.copy(value)
