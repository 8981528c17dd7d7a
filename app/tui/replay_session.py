"""A run that is over, seen at any moment of it: the state is its events up to then."""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Callable, Mapping
from pathlib import Path

from app.engine.api import LastResult
from app.engine.events import Stamped, StepOutput, TestFinished
from app.engine.past import LoggedRun
from app.engine.state import RunState, TestState
from app.tui.estimate import Estimate
from app.tui.run_session import SLICE, RunSession


class ReplaySession(RunSession):
    """Follows a logged run; once that is over, its time can be moved.

    Args:
        handle: The run.
        before: Last results by test name.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self, handle: LoggedRun, before: Mapping[str, LastResult], clock: Callable[[], float]
    ) -> None:
        super().__init__(handle, before, clock)
        self.events: list[Stamped] = []
        self.ends: list[Stamped] = []
        """The ends of tests among them."""
        self.over = False
        """Whether the whole log was read, so that time can be moved."""
        self._cut_off = False
        self._generation = 0
        self._sought = 0.0

    @property
    def length(self) -> float:
        """Seconds from the run's first event to its last."""
        return self.events[-1].mono if self.events else 0.0

    @property
    def at_end(self) -> bool:
        """Whether all of the run is shown."""
        return not self.events or self.state.seq >= self.events[-1].seq

    @property
    def at(self) -> float:
        """The moment that is shown, in seconds since the run's first event; between two events, too."""
        return max(self._sought, self.state.mono) if self.replayed else self.state.mono

    @property
    def read_only(self) -> bool:
        """Whether nothing of the run can be stopped here."""
        return True

    @property
    def replayed(self) -> bool:
        """Whether a past moment of a run that is over is shown."""
        return self.over and not self.at_end

    @property
    def moment(self) -> float | None:
        """The moment that is shown, in seconds since the epoch; ``None`` for the end of all."""
        return self.state.started_time + self.at if self.replayed else None

    def console_of(self, test: TestState) -> Path | None:
        """Return where the console of a test's machine is logged; at a past moment it is put away already."""
        live = super().console_of(test)
        if live is None or test.result is not None or live.exists():
            return live
        ends = (s.event for s in self.ends if isinstance(s.event, TestFinished))
        end = next((event for event in ends if event.test == test.name), None)
        if end is None:
            return live
        saved = self.folder / end.artifacts / f"attempt-{test.attempt}" / "console.log"
        return saved if saved.exists() else live

    def estimate(self) -> Estimate | None:
        """Return how long the run still takes; nothing where that is past."""
        return None if self.over else super().estimate()

    def now(self) -> float:
        """Return the moment that is shown; while the run goes on, the present."""
        return self.at if self.over else super().now()

    def elapsed(self) -> float:
        """Return how long the run had taken at the moment that is shown."""
        return self.at if self.over and not self.at_end else super().elapsed()

    async def follow(self, changed: Callable[[], None]) -> None:
        """Take in the log until the run ends or its process is gone."""
        taken = 0
        async for stamped in self.handle.follow(self.state.seq):
            distance = self._clock() - stamped.mono
            self._offset = distance if self._offset is None else min(self._offset, distance)
            self.events.append(stamped)
            if isinstance(stamped.event, TestFinished):
                self.ends.append(stamped)
            self.state.apply(stamped)
            changed()
            taken += 1
            if taken % SLICE == 0:
                await asyncio.sleep(0)
        self.over = True
        self._cut_off = self.gone = self.state.finished is None
        changed()

    async def seek(self, moment: float) -> bool:
        """Show the run as it was ``moment`` seconds after its first event.

        Going back reduces the events anew, in slices; a later seek takes an earlier one over.

        Returns:
            Whether the moment is shown; ``False`` where a later seek came between.
        """
        self._generation += 1
        mine = self._generation
        end = bisect.bisect_right(self.events, moment, key=lambda stamped: stamped.mono)
        end = max(1, end) if self.events else 0
        target = self.events[end - 1].seq if end else 0
        state = self.state if target >= self.state.seq else RunState()
        begin = bisect.bisect_right(self.events, state.seq, key=lambda stamped: stamped.seq)
        for count, stamped in enumerate(self.events[begin:end], 1):
            state.apply(stamped)
            if count % SLICE == 0:
                await asyncio.sleep(0)
                if mine != self._generation:
                    return False
        self.state = state
        self._sought = moment
        self.gone = self._cut_off and self.at_end
        return True

    def neighbour(self, direction: int) -> float:
        """Return the moment of the event before or after the one shown; output alone is no event here."""
        told = [s for s in self.events if not isinstance(s.event, StepOutput)]
        if direction > 0:
            return next((s.mono for s in told if s.mono > self.at), self.length)
        return next((s.mono for s in reversed(told) if s.mono < self.at), 0.0)
