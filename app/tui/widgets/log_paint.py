"""How lines of a log are drawn: colours, hits, selection, what stands before a line, wrapping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.cache import LRUCache
from textual.selection import Selection
from textual.strip import Strip

from app.logs import stamps
from app.logs.match import Pattern
from app.logs.source import LineGone, LogSource
from app.tui import ansi

CUT = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
"""Stands at the right edge of a line that goes on beyond it."""
HIT = "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}"
"""Stands before a line that a filter was asked for."""
GAP = "\N{MIDLINE HORIZONTAL ELLIPSIS}"
"""Stands before the first line after some that a filter hides."""
GONE = "(this line is gone: the log was cut while it was paused)"
TAG_SIGNS = "●▲■◆○△□◇"
"""One for each machine, in this order."""
TAG_WIDTH = 16
"""Columns of a machine's name before its lines, at most."""
STRIPS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How lines look at the moment."""

    base: Style
    dim: Style
    hit: Style
    tags: tuple[Style, ...]
    selection: Style
    console: Console


class LogPainter:
    """Draws lines of a log as strips and keeps those it drew.

    Attributes:
        width: Columns of the widest line drawn so far.
    """

    def __init__(self) -> None:
        self.width = 0
        self._strips: LRUCache[int, Strip] = LRUCache(STRIPS)

    def __len__(self) -> int:
        return len(self._strips)

    def forget(self) -> None:
        """Draw every line anew."""
        self._strips.clear()

    def text(self, source: LogSource, number: int) -> str:
        """Return a line as it is seen, without colours."""
        try:
            return ansi.plain(source.line(number).decode(errors="replace"))
        except LineGone:
            return GONE

    def line(
        self,
        source: LogSource,
        number: int,
        look: Look,
        patterns: Sequence[Pattern],
        here: bool,
        selection: Selection | None,
    ) -> Strip:
        """Return a whole line.

        Args:
            source: The log.
            number: The line.
            look: How it looks.
            patterns: What is marked in it.
            here: Whether it is the hit somebody went to.
            selection: What is selected.
        """
        strip = self._strips.get(number)
        if strip is not None:
            return strip
        try:
            raw = source.line(number).decode(errors="replace")
        except LineGone:
            return Strip([Segment(GONE, look.dim)])
        segments = ansi.segments(raw, look.base)
        chosen = selection.get_span(number) if selection is not None else None
        if patterns or chosen:
            segments = _marked(segments, look, patterns, here, chosen)
        strip = Strip(segments)
        self.width = max(self.width, strip.cell_length)
        if number < source.newlines:
            self._strips[number] = strip
        return strip


def _marked(
    segments: list[Segment],
    look: Look,
    patterns: Sequence[Pattern],
    here: bool,
    chosen: tuple[int, int] | None,
) -> list[Segment]:
    text = Text(end="")
    for segment in segments:
        text.append(segment.text, segment.style)
    style = look.hit + Style(bold=True, underline=here)
    for pattern in patterns:
        for start, end in pattern.spans(text.plain):
            text.stylize(style, start, end)
    if chosen is not None:
        start, end = chosen
        text.stylize(look.selection, start, None if end == -1 else end)
    return [Segment(s.text, s.style or look.base) for s in text.render(look.console) if s.text]


def tag_width(tags: tuple[str, ...]) -> int:
    """Return how many columns the names of machines take before their lines."""
    return min(TAG_WIDTH, 3 + max(map(cell_len, tags))) if tags else 0


def gutter(
    source: LogSource, number: int, look: Look, *, times: bool, sign: str | None, first: bool
) -> list[Segment]:
    """Return what stands before a line.

    Args:
        source: The log.
        number: The line.
        look: How it looks.
        times: Whether its time is told.
        sign: What a filter says of it; ``None`` without a filter.
        first: Whether this is the first row of a wrapped line; the others have an empty gutter.
    """
    found: list[Segment] = []
    if sign is not None:
        found.append(Segment(f"{sign if first else ' '} ", look.dim))
    if times:
        found.append(Segment(stamps.shown(_time(source, number)) if first else " " * stamps.WIDTH, look.dim))
    if source.tags:
        tag = source.tag_of(number) or 0
        width = tag_width(source.tags)
        words = f"{TAG_SIGNS[tag % len(TAG_SIGNS)]} {set_cell_size(source.tags[tag], width - 3)} "
        found.append(Segment(words if first else " " * width, look.tags[tag % len(look.tags)]))
    return found


def gutter_width(source: LogSource, *, times: bool, filtered: bool) -> int:
    """Return how many columns stand before the lines."""
    return 2 * filtered + stamps.WIDTH * times + tag_width(source.tags)


def _time(source: LogSource, number: int) -> float | None:
    known = source.time_of(number)
    if known is not None or source.tags:  # kernels of several machines count from moments of their own
        return known
    try:
        return stamps.kernel_stamp(source.line(number))
    except LineGone:
        return None


def parts(strip: Strip, width: int, most: int) -> int:
    """Return how many rows a line takes when it is wrapped."""
    return max(1, min(most, -(-strip.cell_length // max(1, width))))
