"""Whether a guest's kernel panicked since its machine was started, as its console tells."""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path

SIGN = rb"Kernel panic - not syncing"
"""How Linux's line about a panic begins, as a pattern."""
PANIC = re.compile(SIGN + rb": ([^\r\n]*)")
_PIECE = 1 << 20
_MOST = 200
"""Characters that are told of a reason."""
_OVERLAP = 1024
"""Bytes read once more: a line may have been cut off where the last look ended."""


@dataclass(slots=True)
class _Seen:
    start: int
    inode: int
    end: int
    reason: str = ""


def _words(said: bytes) -> str:
    """Return what a guest printed as words that do no harm on a terminal."""
    text = "".join(c for c in said.decode(errors="replace") if c.isprintable()).strip()
    return text[:_MOST] or "it did not say why"


class Panics:
    """Looks for panics in consoles; of a log that grew only what is new is read."""

    def __init__(self) -> None:
        self._seen: dict[Path, _Seen] = {}
        self._lock = threading.Lock()

    def of(self, log: Path, start: int) -> str:
        """Return why a kernel panicked last; nothing if it did not. Blocking, shortly.

        Args:
            log: The console's log.
            start: Bytes of it that are of before the machine's last start.
        """
        with self._lock:
            try:
                return self._look(log, start)
            except OSError:
                self._seen.pop(log, None)
                return ""

    def _look(self, log: Path, start: int) -> str:
        with log.open("rb") as file:
            stat = os.fstat(file.fileno())
            seen = self._seen.get(log)
            if seen is None or (seen.start, seen.inode) != (start, stat.st_ino) or stat.st_size < seen.end:
                seen = self._seen[log] = _Seen(start, stat.st_ino, start)
            while seen.end < stat.st_size:
                begin = max(start, seen.end - _OVERLAP)
                file.seek(begin)
                piece = file.read(_PIECE)
                for found in PANIC.finditer(piece):
                    seen.reason = _words(found[1])
                if begin + len(piece) <= seen.end:
                    break  # it was cut short meanwhile
                seen.end = begin + len(piece)
        return seen.reason
