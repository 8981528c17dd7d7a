"""How far the making of an image is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of progress.

    Args:
        stage: ``waiting``, ``resolving``, ``downloading``, ``building`` or ``verifying``.
        done: Bytes or items done so far.
        total: Bytes or items in all; ``None`` when that is not known.
        detail: What is being done, for people.
    """

    stage: str
    done: int
    total: int | None
    detail: str


OnProgress = Callable[[Progress], None]
"""Called from the event loop's thread or from the builder's; it must be quick and not raise."""


def silent(progress: Progress) -> None:
    """Take reports and do nothing."""
