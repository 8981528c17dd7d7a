"""Histograms and time lines as lines of text, for every terminal alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.engine.latency.figures import Bin

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"
_LEAST = 0.001
"""Milliseconds below which heights do not tell apart."""
LABEL = 15
"""Columns of what stands before a bar."""
LOST = "\N{MULTIPLICATION SIGN}"
"""A key that was never answered."""


def milliseconds(value: float) -> str:
    """Return milliseconds with three digits that matter: ``0.42``, ``1.05``, ``12.3``, ``340``."""
    if math.isinf(value):
        return "lost"
    if value < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def bar(part: float, width: int) -> str:
    """Return a bar that fills ``part`` (0 to 1) of ``width`` cells, to an eighth of a cell."""
    eighths = round(part * width * 8)
    if part > 0 and eighths == 0:
        eighths = 1
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def histogram_lines(bins: Sequence[Bin], width: int) -> list[str]:
    """Return one line a bar: its bounds in milliseconds, the bar, the count and its part of all.

    Args:
        bins: The bars.
        width: Columns of a whole line.
    """
    if not bins:
        return []
    total = sum(b.count for b in bins)
    most = max(b.count for b in bins)
    room = max(width - LABEL - 17, 8)
    lines = []
    for b in bins:
        bounds = f"{b.low:g} to {b.high:g}".ljust(LABEL)
        share = f"{b.count:>6} {100 * b.count / max(total, 1):5.1f}%"
        lines.append(f"{bounds} {bar(b.count / max(most, 1), room)} {share}")
    return lines


def timeline_line(values: Sequence[float | None], *, top: float | None = None) -> str:
    """Return one row of blocks, as high as the logarithm of the value; ``LOST`` is a lost key.

    Args:
        values: Milliseconds by column; ``None`` leaves it blank.
        top: What fills a cell; the largest value unless given.
    """
    there = [max(v, _LEAST) for v in values if v is not None and not math.isinf(v)]
    low = min(there, default=_LEAST)
    high = max([*there, top or low], default=low)
    span = math.log(high) - math.log(low)

    def cell(value: float | None) -> str:
        if value is None:
            return " "
        if math.isinf(value):
            return LOST
        part = (math.log(max(value, _LEAST)) - math.log(low)) / span if span else 0.0
        return _LEVELS[min(int(part * len(_LEVELS)), len(_LEVELS) - 1)]

    return "".join(cell(v) for v in values)
