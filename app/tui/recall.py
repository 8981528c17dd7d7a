"""What was searched and filtered for before, kept across sessions in one small file."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from backends.files import replace_text

if TYPE_CHECKING:
    from app.logs.match import Pattern

MOST = 100
"""Entries that are kept of each kind."""


class Recall:
    """Earlier searches and filters, the newest last.

    Args:
        path: Where they are kept; ``None`` for this session only. A file that cannot be read counts as none.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._kept: dict[str, list[Pattern]] = {}
        self._loaded = path is None

    def load(self) -> None:
        """Read what was kept, once. Blocking, shortly: call it off the event loop."""
        with self._lock:
            if not self._loaded:
                self._kept = self._read()
                self._loaded = True

    def entries(self, kind: str) -> list[Pattern]:
        """Return the entries of ``search`` or ``filter``, the oldest first."""
        return list(self._kept.get(kind, ()))

    def add(self, kind: str, pattern: Pattern) -> None:
        """Remember an entry as the newest one."""
        known = [entry for entry in self._kept.get(kind, ()) if entry != pattern]
        self._kept[kind] = [*known, pattern][-MOST:]

    def save(self) -> None:
        """Write what is remembered. Blocking, shortly: call it off the event loop.

        What another session added meanwhile is kept; a disk that is full costs the memory alone.
        """
        if self._path is None:
            return
        with self._lock, contextlib.suppress(OSError):
            other = self._read()
            for kind in {*other, *self._kept}:
                mine = self._kept.get(kind, [])
                older = [entry for entry in other.get(kind, []) if entry not in mine]
                self._kept[kind] = [*older, *mine][-MOST:]
            data = {
                kind: [[entry.text, entry.regex, entry.case] for entry in entries]
                for kind, entries in self._kept.items()
            }
            replace_text(self._path, json.dumps(data))

    def _read(self) -> dict[str, list[Pattern]]:
        if self._path is None:
            return {}
        from app.logs.match import Pattern

        try:
            data = json.loads(self._path.read_text())
            return {
                str(kind): [Pattern(str(t), regex=bool(r), case=bool(c)) for t, r, c in entries if t]
                for kind, entries in data.items()
            }
        except (OSError, ValueError, TypeError, AttributeError):
            return {}
