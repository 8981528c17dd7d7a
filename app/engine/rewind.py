"""Rewind: a test's machine as it was before a step of its last run, forked from the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from backends.base import BackendError, Machine


class RewindError(BackendError):
    """There is nothing to rewind to; the remedy says how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewound:
    """A machine that was taken back to before a step."""

    test: str
    run: str
    """Id of the run it comes from."""
    index: int
    """Of the step that comes next."""
    action: str
    name: str
    """That step's name."""
    command: str
    """What that step does, as it is shown."""
    typed: str
    """What to type in the machine's terminal to run the step there; empty if that cannot be."""
    message: str
    """How the step ended in that run."""
    snapshot: str
    machine: Machine
    """Running and kept; whoever holds this calls its ``release`` when done."""

    @property
    def number(self) -> int:
        """The step's number as people see it."""
        return self.index + 1
