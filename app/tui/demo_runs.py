"""Made-up past runs, as logs on disk: what screenshots, trials and tests of the place of the runs show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.engine.codec import encode
from app.engine.events import Event, Outcome, RunFinished, RunStarted, Stamped, TestFinished
from app.engine.history import write_summary
from app.engine.log import LOG_NAME
from app.engine.past import PastRuns
from app.tui import demo

HOUR = 3600.0
IDS = ("20260101-094000-c4rm", "20260101-071500-b2qd", "20251231-180210-x7ka", "20251229-120000-p9wz")
"""The newest first: the recorded run, the same with one more failure, one cut off, a small one."""


def past_runs(folder: Path) -> PastRuns:
    """Write the runs below ``folder`` and return them."""
    root = folder / "runs"
    events = demo.record(root / IDS[0], demo.EPOCH - 0.3 * HOUR)
    _write(root, IDS[0], events, 0.3 * HOUR, "")
    _write(root, IDS[1], _changed(events), 3 * HOUR, "tag:net tag:fast")
    _write(root, IDS[2], _changed(events)[: len(events) // 2], 16 * HOUR, "", cut=True)
    _write(root, IDS[3], events, 70 * HOUR, "gateway-answers gateway-rejects-bad-token")
    return PastRuns(root)


def _changed(events: Sequence[Stamped]) -> list[Stamped]:
    """Return the events with other outcomes and times for some tests."""
    other = {
        "gateway-rejects-bad-token": (Outcome.PASSED, ""),
        "cache-evicts-oldest": (Outcome.FAILED, "exit code 1, expected 0"),
    }
    changed: list[Stamped] = []
    for stamped in events:
        event: Event = stamped.event
        if isinstance(event, TestFinished) and event.test in other:
            outcome, message = other[event.test]
            event = replace(event, outcome=outcome, message=message, duration=event.duration * 1.6)
        changed.append(replace(stamped, event=event))
    return changed


def _write(
    root: Path, name: str, events: Sequence[Stamped], ago: float, selection: str, *, cut: bool = False
) -> None:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    began = demo.EPOCH - ago
    first = events[0].event
    assert isinstance(first, RunStarted)
    started = replace(first, run=name, folder=str(folder), selection=selection)
    outcomes = [s.event.outcome for s in events if isinstance(s.event, TestFinished)]
    lines: list[Stamped] = []
    finished: RunFinished | None = None
    for stamped in events:
        event: Event = stamped.event
        if isinstance(event, RunStarted):
            event = started
        elif isinstance(event, RunFinished):
            event = finished = replace(
                event,
                run=name,
                passed=outcomes.count(Outcome.PASSED),
                failed=outcomes.count(Outcome.FAILED),
                errors=outcomes.count(Outcome.ERROR),
            )
        lines.append(replace(stamped, time=began + stamped.mono, event=event))
    (folder / LOG_NAME).write_text("".join(f"{encode(line)}\n" for line in lines))
    if finished is not None and not cut:
        write_summary(folder, started, began, finished)
