"""What an attempt of a test is given, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.engine.admission import Admission
from app.engine.checkpoints import Checkpoints
from app.engine.events import Event, Outcome, StepFinished
from app.engine.images import ImageGate
from app.engine.masking import Masker
from app.engine.offload import Writer
from app.engine.plan import PlanItem
from backends.base import Backend, Machine
from registry.model import Keep, Service, Test


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the tests of a run share."""

    run: str
    folder: Path
    """The run's folder."""
    registry: str
    """The registry's folder."""
    services: Mapping[str, Service]
    backends: Mapping[str, Backend]
    images: ImageGate
    admission: Admission
    writer: Writer
    emit: Callable[[Event], object]
    keep: Keep | None
    """Overrides every test's own policy."""
    default_keep: Keep
    retry_errors: int
    checkpoints: Checkpoints | None = None
    """Saves checkpoints; ``None`` where that cannot be."""
    save_checkpoints: bool = False
    """Whether one is saved before each step."""
    masker: Masker = field(default_factory=Masker)
    """Masks what the tests declare secret."""
    wishes: dict[str, bool] = field(default_factory=dict)
    """Whether somebody wants a test's machine kept, or removed, by the test's name."""
    machines: dict[str, Machine] = field(default_factory=dict)
    """The machine on which each test runs now, by the test's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of a test, to be made on one machine."""

    item: PlanItem
    test: Test
    around: Surroundings
    folder: Path
    """For its artifacts."""
    number: int
    """Counted from 1."""
    retries_left: Mapping[Outcome, int]
    """How many more follow where it ends so."""

    @property
    def name(self) -> str:
        """The test's name."""
        return self.item.name


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnd:
    """How an attempt ended."""

    outcome: Outcome
    duration: float = 0.0
    """Seconds from the machine's making to its putting away."""
    message: str = ""
    step: int | None = None
    machine: str = ""
    console_tail: str = ""
    steps: tuple[StepFinished, ...] = ()
    checkpoints: tuple[str, ...] = ()
    """Names of those that were saved."""
