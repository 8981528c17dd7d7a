"""The time of a line, in words: since its machine booted."""

from __future__ import annotations

import re

WIDTH = 9
"""Columns that a time takes."""

_KERNEL = re.compile(rb"^(?:\x1b\[[0-9;]*m|<\d{1,3}>|\s)*\[\s*(\d{1,7}\.\d{3,6})\]")


def kernel_stamp(line: bytes) -> float | None:
    """Return the seconds since boot that the kernel put before a line, if it did."""
    found = _KERNEL.match(line)
    return float(found[1]) if found else None


def shown(seconds: float | None) -> str:
    """Return seconds since boot in ``WIDTH`` columns; a point where nobody knows."""
    if seconds is None:
        return "·".rjust(WIDTH - 1) + " "
    if seconds < 100_000:
        return f"{max(0.0, seconds):{WIDTH - 2}.1f}s "
    return f"{seconds:{WIDTH - 2}.0f}s "
