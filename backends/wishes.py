"""What becomes of a machine when its test is over, as somebody asked while it ran: a file in its folder."""

from __future__ import annotations

import contextlib
from pathlib import Path

NAME = "keep-wish"
_WORDS = {True: "keep", False: "drop"}


def wish(folder: Path, keep: bool | None) -> None:
    """Ask whoever runs a test on a machine to keep or to remove it; ``None`` takes the wish back. Blocking.

    Raises:
        OSError: it cannot be written.
    """
    if keep is None:
        (folder / NAME).unlink(missing_ok=True)
    else:
        (folder / NAME).write_text(_WORDS[keep])


def wish_of(folder: Path) -> bool | None:
    """Return what was asked for, or ``None``. Blocking, shortly."""
    with contextlib.suppress(OSError):
        said = (folder / NAME).read_text().strip()
        return next((keep for keep, word in _WORDS.items() if word == said), None)
    return None
