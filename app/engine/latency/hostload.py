"""How busy the host is while something is measured."""

from __future__ import annotations

import os


class HostLoad:
    """Tells how busy the host's processors were since the last time it was asked; the first time 0."""

    def __init__(self) -> None:
        self._busy = self._total = 0.0
        self._last = 0.0

    def busy(self) -> float:
        """Return the part of all processors' time that was spent working, from 0 to 1."""
        busy, total, _ = _times()
        if not self._total:
            self._busy, self._total = busy, total
            return 0.0
        passed = total - self._total
        if passed > 0.015:  # clocks tick every 10 ms
            self._last = min(1.0, max(0.0, (busy - self._busy) / passed))
            self._busy, self._total = busy, total
        return self._last


class StolenTime:
    """Tells what part of all processors' time the hypervisor kept for others since this was made."""

    def __init__(self) -> None:
        _, self._total, self._stolen = _times()

    def part(self) -> float:
        """Return it, from 0 to 1; 0 where the system does not count it."""
        _, total, stolen = _times()
        passed = total - self._total
        return min(1.0, max(0.0, (stolen - self._stolen) / passed)) if passed > 0 else 0.0


def _times() -> tuple[float, float, float]:
    """Return how long processors worked, all their time, and what the hypervisor took, read at one moment."""
    import psutil  # not before somebody asks: the workbench starts without it

    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # Linux counts the time of guests also as user's.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - idle, total, getattr(times, "steal", 0.0)


def load_average() -> float:
    """Return the load average of the last minute."""
    return os.getloadavg()[0]
