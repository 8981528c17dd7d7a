"""How tests end, and what their machines go through: the words that every face shows."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How a test, an attempt or a step ended."""

    PASSED = "passed"
    FAILED = "failed"
    """The product is at fault."""
    ERROR = "error"
    """The host or the machine is at fault."""
    SKIPPED = "skipped"


class Phase(StrEnum):
    """What a test's machine is going through."""

    WAITING = "waiting"
    """Admitted by the plan, waiting for a worker or for memory."""
    IMAGE = "image"
    CREATING = "creating"
    BOOTING = "booting"
    READY = "ready"
    STOPPING = "stopping"
    REMOVED = "removed"
    KEPT = "kept"
