"""The event types: immutable facts about a run, and the only thing faces and reports are built from.

An event is appended to the run's log with a sequence number (from 1, without gaps), a wall time
(seconds since the epoch) and a monotonic time (seconds since the run began); see ``Stamped``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from app.engine.outcome import Outcome as Outcome
from app.engine.outcome import Phase as Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A step as the plan shows it."""

    action: str
    name: str
    digest: str = ""
    """Changes when the step does something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTest:
    """A test as the plan shows it, in the order in which it will start."""

    name: str
    group: str
    backend: str
    memory: int
    cpus: int
    steps: tuple[PlannedStep, ...]
    tags: tuple[str, ...] = ()
    summary: str = ""
    file: str = ""
    shaken: str = ""
    """Test whose end this is, from a checkpoint on that all of its forks share; empty for any other test."""
    first: int = 0
    """Index of the step it begins at; those before it passed in an earlier run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    run: str
    registry: str
    folder: str
    """The run's folder: event log and artifacts."""
    tests: tuple[PlannedTest, ...]
    parallel: int
    """Machines at once, at most."""
    memory: int
    """MiB that machines may take together."""
    version: str = ""
    selection: str = ""
    """What was asked for, for people: the filters, or the names; empty for everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something a person should know that is no test's fault."""

    level: str
    """``info`` or ``warning``."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestStarted:
    __test__: ClassVar[bool] = False  # keeps pytest from collecting it

    test: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePhase:
    test: str
    phase: Phase
    machine: str = ""
    detail: str = ""
    origin: str = ""
    """Of a machine that is ready, what it came from: ``boot``, ``fork`` (of a template) or ``checkpoint``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineCreated:
    test: str
    machine: str
    backend: str
    accel: str
    image: str
    cpus: int
    memory: int
    console: str
    """Path of the file the serial console is logged to."""
    origin: str = "boot"
    """As it is known before the start: ``boot``, ``checkpoint`` (a fork of one) or ``kept`` (as it was)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    test: str
    index: int
    action: str
    name: str
    command: str = ""
    """What is run on the user's behalf, where there is something to show."""
    console: int | None = None
    """Bytes that the machine's console held when the step began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutput:
    test: str
    index: int
    stream: str
    """``stdout``, ``stderr`` or ``note`` (said by vmbench, such as a poll's last answer)."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    test: str
    index: int
    outcome: Outcome
    duration: float
    message: str = ""
    exit_code: int | None = None
    output: str = ""
    """Path of the step's whole output, relative to the run's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSaved:
    """The machine as it was before a step can be forked."""

    test: str
    index: int
    """Of the step that comes next."""
    snapshot: str
    """Its name among the snapshots."""
    duration: float
    """Seconds the test waited for it."""
    size: int
    """Bytes on the host's disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointsRemoved:
    """Checkpoints of a test are no longer there."""

    test: str
    snapshots: tuple[str, ...]
    reason: str
    """``passed``, ``retried``, ``cancelled`` or ``budget``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShakeFinished:
    """Every fork of a shaken test is over."""

    test: str
    forks: int
    passed: int
    failed: int
    errors: int
    skipped: int
    causes: tuple[str, ...] = ()
    """Why forks did not pass, the most frequent first, each with how often: ``2 times step 3: …``."""

    @property
    def verdict(self) -> str:
        """The result in a few words, such as ``3 of 20 failed``."""
        ran = self.forks - self.skipped
        bad = [f"{count} {word}" for count, word in ((self.errors, "ended in errors"),) if count]
        said = f"{self.failed} of {ran} failed" if ran else "no fork ran"
        return ", ".join([said, *bad, *([f"{self.skipped} skipped"] if self.skipped and ran else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepWished:
    """Somebody decided, while a test runs, what becomes of its machine."""

    test: str
    keep: bool | None
    """Whether it is kept; ``None`` for what the test's policy says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineKept:
    test: str
    machine: str
    reason: str
    command: str
    """What to type to walk in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRetried:
    """An attempt ended and another one follows."""

    __test__: ClassVar[bool] = False  # keeps pytest from collecting it

    test: str
    attempt: int
    outcome: Outcome
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFinished:
    __test__: ClassVar[bool] = False  # keeps pytest from collecting it

    test: str
    outcome: Outcome
    duration: float
    attempt: int = 1
    message: str = ""
    step: int | None = None
    """Index of the step that decided, where one did."""
    machine: str = ""
    artifacts: str = ""
    """Folder of the test's artifacts, relative to the run's folder."""
    console_tail: str = ""
    """Last lines of the console, where they help to explain the outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    run: str
    passed: int
    failed: int
    errors: int
    skipped: int
    duration: float
    cancelled: bool = False
    kept: tuple[str, ...] = ()


Event = (
    RunStarted
    | Notice
    | TestStarted
    | MachinePhase
    | MachineCreated
    | StepStarted
    | StepOutput
    | StepFinished
    | CheckpointSaved
    | CheckpointsRemoved
    | ShakeFinished
    | KeepWished
    | MachineKept
    | TestRetried
    | TestFinished
    | RunFinished
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """An event with its place in the run's log."""

    seq: int
    time: float
    mono: float
    event: Event = field(repr=True)
