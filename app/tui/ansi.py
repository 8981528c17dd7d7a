"""A line of a console or of a command's output as styled text: colours kept, everything else swallowed."""

from __future__ import annotations

import re
from functools import lru_cache

from rich.ansi import AnsiDecoder
from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style

TAB = 8
"""Columns between tab stops."""

_SEQUENCE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]*)m"  # a colour or an attribute: kept
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # any other control sequence
    r"|\x1b[PX^_\]][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # a string for the terminal: title, link, clipboard
    r"|\x1b\[[0-?]*[ -/]*$"  # cut off by the end of the line
    r"|\x1b[ -/]*[0-~]?"  # an escape of two or three characters
    r"|[\x00-\x08\x0a-\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]"  # a control character
)
_KEPT = frozenset({1, 2, 3, 4, 7, 9, 21, 22, 23, 24, 27, 29, 38, 39, 48, 49})
_MAX_CODES = 64


def _sgr(match: re.Match[str]) -> str:
    codes = match["sgr"]
    if codes is None:
        return ""
    kept: list[str] = []
    values = [int(c or 0) for c in codes.replace(":", ";").split(";")[:_MAX_CODES] if len(c) < 4]
    position = 0
    while position < len(values):
        value = values[position]
        width = 1
        if value in (38, 48):
            width = 5 if values[position + 1 : position + 2] == [2] else 3
        if value == 0 or value in _KEPT or 30 <= value <= 37 or 40 <= value <= 47 or 90 <= value <= 107:
            kept += [str(v) for v in values[position : position + width]]
        position += width
    return f"\x1b[{';'.join(kept)}m" if kept else ""


def clean(line: str) -> str:
    """Return ``line`` with its colours, and without any other control.

    A carriage return starts the line again, as a progress bar does: only what was last drawn stays.
    Tabs become spaces.
    """
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if part), "")
    line = _SEQUENCE.sub(_sgr, line)
    return line.expandtabs(TAB) if "\t" in line else line


def plain(line: str) -> str:
    """Return ``line`` as it is seen, without colours."""
    return "".join(text for text, _style in styled(line))


def styled(line: str) -> list[tuple[str, Style]]:
    """Return the parts of ``line``, each with the style its colours ask for."""
    text = clean(line)
    if "\x1b" not in text:
        return [(text, Style.null())] if text else []
    decoded = AnsiDecoder().decode_line(text)
    parts: list[tuple[str, Style]] = []
    position = 0
    for span in decoded.spans:
        if span.start > position:
            parts.append((decoded.plain[position : span.start], Style.null()))
        style = span.style if isinstance(span.style, Style) else Style.parse(span.style)
        parts.append((decoded.plain[span.start : span.end], style))
        position = span.end
    if position < len(decoded.plain):
        parts.append((decoded.plain[position:], Style.null()))
    return parts


@lru_cache(maxsize=1024)
def over(base: Style, style: Style) -> Style:
    """Return ``style`` laid over ``base``, where "default" colours mean those of ``base``."""
    changes = Style(
        color=None if _is_default(style.color) else style.color,
        bgcolor=None if _is_default(style.bgcolor) else style.bgcolor,
        bold=style.bold,
        dim=style.dim,
        italic=style.italic,
        underline=style.underline,
        reverse=style.reverse,
        strike=style.strike,
    )
    return base + changes


def _is_default(color: object) -> bool:
    return getattr(color, "type", None) is ColorType.DEFAULT


def segments(line: str, base: Style) -> list[Segment]:
    """Return ``line`` as segments to draw, every one of them with the background of ``base``."""
    return [Segment(text, over(base, style)) for text, style in styled(line)]
