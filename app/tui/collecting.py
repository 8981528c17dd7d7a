"""When the garbage collector runs: while nobody types."""

from __future__ import annotations

import gc
import time

PERIOD = 5.0
"""Seconds between two looks whether it is time for a full collection."""
STILL = 2.0
"""Seconds without a key that make it one."""
LONG_STILL = 30.0
"""Seconds without a key that make it time to look through everything, which takes longer."""
LONGEST = 300.0
"""Seconds after which it is time for one though somebody types, and from one of everything to the next."""
_YOUNG = 5_000, 10
_NEVER = 1 << 30
_FEW = 20_000


class Collector:
    """Keeps full collections, which stop everything for tens of milliseconds, out of the way of keys.

    What survived one is looked through again only now and then, as it takes longest and hardly ever goes.
    """

    def __init__(self) -> None:
        self._before = gc.get_threshold()
        self._last = self._whole = time.monotonic()
        self._count = _collections()
        gc.set_threshold(*_YOUNG, _NEVER)
        gc.freeze()

    def look(self, key_read: float, now: float | None = None) -> bool:
        """Collect if it is time to; return whether that was done.

        Args:
            key_read: When a key was read last, in monotonic seconds.
            now: Monotonic seconds.
        """
        now = time.monotonic() if now is None else now
        still = now - key_read >= STILL
        fresh = (_collections() - self._count) * _YOUNG[0]
        if now - self._last < LONGEST and not (still and fresh >= _FEW):
            return False
        self._last = now
        if now - self._whole >= LONGEST and now - key_read >= LONG_STILL:
            self._whole = now
            gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._count = _collections()
        return True

    def close(self) -> None:
        """Leave it to itself again."""
        gc.set_threshold(*self._before)
        gc.unfreeze()


def _collections() -> int:
    return sum(stats["collections"] for stats in gc.get_stats()[:2])
