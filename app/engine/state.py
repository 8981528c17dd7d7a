"""The state of a run as its events tell it: one reducer that every face reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.engine.events import (
    CheckpointSaved,
    CheckpointsRemoved,
    KeepWished,
    MachineCreated,
    MachineKept,
    MachinePhase,
    Notice,
    Outcome,
    Phase,
    PlannedTest,
    RunFinished,
    RunStarted,
    ShakeFinished,
    Stamped,
    StepFinished,
    StepOutput,
    StepStarted,
    TestFinished,
    TestRetried,
    TestStarted,
)

OUTPUT_LIMIT = 64 * 1024
"""Characters of a step's output that are held in memory; the artifact has all of it."""


@dataclass(slots=True)
class StepState:
    """A step of a test, planned, running or over."""

    action: str
    name: str
    command: str = ""
    started: float | None = None
    """Monotonic time within the run, in seconds."""
    duration: float | None = None
    outcome: Outcome | None = None
    message: str = ""
    exit_code: int | None = None
    output: list[tuple[str, str]] = field(default_factory=list)
    """Pairs of stream and text, as they came."""
    output_size: int = 0
    artifact: str = ""
    console: int | None = None
    """Bytes that the console held when it began."""

    @property
    def running(self) -> bool:
        """Whether the step began and did not end."""
        return self.started is not None and self.outcome is None


@dataclass(slots=True)
class TestState:
    """A test of the run."""

    __test__ = False  # keeps pytest from collecting it

    plan: PlannedTest
    steps: list[StepState]
    phase: Phase | None = None
    phase_detail: str = ""
    attempt: int = 0
    started: float | None = None
    ended: float | None = None
    machine: str = ""
    accel: str = ""
    origin: str = ""
    """What the machine came from: ``boot``, ``fork`` (of a template) or ``checkpoint`` (a fork of one)."""
    console: str = ""
    checkpoints: dict[int, CheckpointSaved] = field(default_factory=dict)
    """Those that can be forked, by the index of the step that follows."""
    checkpoints_saved: int = 0
    """How many were saved, the removed ones included."""
    checkpoints_time: float = 0.0
    """Seconds the test waited for them."""
    wish: bool | None = None
    """Whether somebody asked to keep the machine, or to remove it; ``None`` where nobody did."""
    kept: MachineKept | None = None
    result: TestFinished | None = None

    @property
    def name(self) -> str:
        """The test's name."""
        return self.plan.name

    @property
    def outcome(self) -> Outcome | None:
        """How it ended, or ``None`` while it did not."""
        return self.result.outcome if self.result else None

    @property
    def running(self) -> bool:
        """Whether it began and did not end."""
        return self.started is not None and self.result is None

    @property
    def current_step(self) -> int | None:
        """Index of the step that runs now."""
        for index, step in enumerate(self.steps):
            if step.running:
                return index
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointCost:
    """What the checkpoints of a run cost."""

    saved: int
    """How many, the removed ones included."""
    seconds: float
    """That tests waited for them."""
    share: float
    """Of the time of the tests that have checkpoints, 0 to 1."""
    left: int
    """How many are still there."""
    size: int
    """Bytes of those on the host's disk."""


@dataclass(slots=True)
class RunState:
    """Everything known about a run after the events applied so far."""

    started: RunStarted | None = None
    started_time: float = 0.0
    tests: dict[str, TestState] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    shaken: dict[str, ShakeFinished] = field(default_factory=dict)
    """How the forks of shaken tests ended, by the test's name."""
    finished: RunFinished | None = None
    seq: int = 0
    mono: float = 0.0

    def counts(self) -> Counter[Outcome]:
        """Return how many tests ended in each outcome."""
        return Counter(t.outcome for t in self.tests.values() if t.outcome is not None)

    def running(self) -> list[TestState]:
        """Return the tests that run now, in plan order."""
        return [t for t in self.tests.values() if t.running]

    def checkpoint_cost(self) -> CheckpointCost:
        """Return what checkpoints cost so far."""
        tests = self.tests.values()
        return CheckpointCost(
            saved=sum(t.checkpoints_saved for t in tests),
            seconds=sum(t.checkpoints_time for t in tests),
            share=sum(t.checkpoints_time for t in tests) / max(sum(self._spent(t) for t in tests), 1e-9),
            left=sum(len(t.checkpoints) for t in tests),
            size=sum(c.size for t in tests for c in t.checkpoints.values()),
        )

    def _spent(self, test: TestState) -> float:
        """Return the seconds a test with checkpoints has taken."""
        if not test.checkpoints_saved or test.started is None:
            return 0.0
        return (self.mono if test.ended is None else test.ended) - test.started

    @property
    def done(self) -> int:
        """How many tests are over."""
        return sum(t.result is not None for t in self.tests.values())

    def apply_all(self, events: Iterable[Stamped]) -> None:
        """Apply ``events`` in order."""
        for stamped in events:
            self.apply(stamped)

    def apply(self, stamped: Stamped) -> None:
        """Take one event in; events already applied are ignored."""
        if stamped.seq <= self.seq:
            return
        self.seq = stamped.seq
        self.mono = stamped.mono
        event = stamped.event
        match event:
            case RunStarted():
                self.started = event
                self.started_time = stamped.time
                self.tests = {
                    plan.name: TestState(plan, [StepState(s.action, s.name) for s in plan.steps])
                    for plan in event.tests
                }
            case Notice():
                self.notices.append(event)
            case ShakeFinished():
                self.shaken[event.test] = event
            case RunFinished():
                self.finished = event
            case _:
                test = self.tests.get(event.test)
                if test is not None:
                    _apply_to_test(test, event, stamped.mono)


def _apply_to_test(
    test: TestState,
    event: TestStarted
    | MachinePhase
    | MachineCreated
    | StepStarted
    | StepOutput
    | StepFinished
    | CheckpointSaved
    | CheckpointsRemoved
    | KeepWished
    | MachineKept
    | TestRetried
    | TestFinished,
    mono: float,
) -> None:
    match event:
        case TestStarted():
            test.attempt = event.attempt
            test.started = mono
            test.steps = [StepState(s.action, s.name) for s in test.plan.steps]
        case MachinePhase():
            test.phase, test.phase_detail = event.phase, event.detail
            test.origin = event.origin or test.origin
        case MachineCreated():
            test.machine, test.console, test.accel = event.machine, event.console, event.accel
            test.origin = event.origin
        case StepStarted():
            step = test.steps[event.index]
            step.started, step.command, step.console = mono, event.command, event.console
        case StepOutput():
            step = test.steps[event.index]
            room = OUTPUT_LIMIT - step.output_size
            if room > 0:
                step.output.append((event.stream, event.text[:room]))
            step.output_size += len(event.text)
        case StepFinished():
            step = test.steps[event.index]
            step.outcome, step.duration = event.outcome, event.duration
            step.message, step.exit_code, step.artifact = event.message, event.exit_code, event.output
        case CheckpointSaved():
            test.checkpoints[event.index] = event
            test.checkpoints_saved += 1
            test.checkpoints_time += event.duration
        case CheckpointsRemoved():
            gone = set(event.snapshots)
            test.checkpoints = {at: c for at, c in test.checkpoints.items() if c.snapshot not in gone}
        case KeepWished():
            test.wish = event.keep
        case MachineKept():
            test.kept = event
        case TestRetried():
            pass
        case TestFinished():
            test.result, test.ended = event, mono
