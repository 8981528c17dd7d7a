"""Two runs side by side: whose outcome changed, what is new or missing, how durations moved."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from app.engine.events import Outcome
from app.engine.state import RunState, TestState

_BAD = (Outcome.FAILED, Outcome.ERROR)


class Change(StrEnum):
    """What became of a test from one run to the other, what matters most first."""

    WORSE = "worse"
    BETTER = "better"
    OTHER = "changed"
    NEW = "new"
    MISSING = "missing"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A test in two runs; ``None`` where a run did not have it, or it did not end there."""

    name: str
    change: Change
    before: Outcome | None
    after: Outcome | None
    before_duration: float | None
    after_duration: float | None
    message: str = ""
    """Why it did not pass the second time."""

    @property
    def delta(self) -> float | None:
        """Seconds that it took longer the second time."""
        if self.before_duration is None or self.after_duration is None:
            return None
        return self.after_duration - self.before_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs, ``before`` and ``after``, by their ids."""

    before: str
    after: str
    pairs: tuple[Pair, ...]
    """What matters most first."""

    @property
    def counts(self) -> Counter[Change]:
        """How many tests went through each change."""
        return Counter(pair.change for pair in self.pairs)

    @property
    def summary(self) -> str:
        """The counts in a line."""
        counts = self.counts
        return ", ".join(f"{counts[change]} {change.value}" for change in Change if counts[change])

    def text(self) -> str:
        """Return all of it as lines of plain text."""
        lines = [f"{self.before} -> {self.after}: {self.summary}"]
        widest = max((len(pair.name) for pair in self.pairs), default=0)
        for pair in self.pairs:
            outcomes = f"{_word(pair.before)} -> {_word(pair.after)}"
            times = f"{_seconds(pair.before_duration):>9} {_seconds(pair.after_duration):>9}"
            moved = "" if pair.delta is None else f" {pair.delta:+.2f}s"
            lines.append(f"{pair.change.value:<8} {pair.name:<{widest}}  {outcomes:<19} {times}{moved}")
        return "\n".join(lines)


def compare(before: RunState, after: RunState) -> Comparison:
    """Return what became of each test from one run to the other."""
    names = dict.fromkeys([*after.tests, *before.tests])
    pairs = [_pair(name, before.tests.get(name), after.tests.get(name)) for name in names]
    order = list(Change)
    return Comparison(
        before=before.started.run if before.started else "",
        after=after.started.run if after.started else "",
        pairs=tuple(sorted(pairs, key=lambda pair: order.index(pair.change))),
    )


def _pair(name: str, before: TestState | None, after: TestState | None) -> Pair:
    return Pair(
        name=name,
        change=_change(before, after),
        before=before.outcome if before else None,
        after=after.outcome if after else None,
        before_duration=_duration(before),
        after_duration=_duration(after),
        message=after.result.message if after and after.result and after.outcome in _BAD else "",
    )


def _change(before: TestState | None, after: TestState | None) -> Change:
    if before is None:
        return Change.NEW
    if after is None:
        return Change.MISSING
    if before.outcome is after.outcome:
        return Change.SAME
    was_bad, is_bad = before.outcome in _BAD, after.outcome in _BAD
    if is_bad and not was_bad:
        return Change.WORSE
    if was_bad and after.outcome is Outcome.PASSED:
        return Change.BETTER
    return Change.OTHER


def _duration(test: TestState | None) -> float | None:
    if test is None or test.result is None or test.outcome is Outcome.SKIPPED:
        return None
    return test.result.duration


def _word(outcome: Outcome | None) -> str:
    return outcome.value if outcome else "-"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}s"
