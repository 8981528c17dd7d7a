"""Words for people: durations, sizes, tables, and output of guests made harmless."""

from __future__ import annotations

from collections.abc import Sequence

from app.cli.plain import plain
from app.engine.harmless import harmless

__all__ = ["count", "duration", "facts", "harmless", "size", "table", "tail"]


def tail(text: str, lines: int) -> list[str]:
    """Return the last ``lines`` lines of a guest's output, harmless, without blank ones at the end."""
    found = harmless(text).rstrip().splitlines()
    if len(found) > lines:
        return [f"… {len(found) - lines} lines before", *found[-lines:]]
    return found


def duration(seconds: float) -> str:
    """Return a duration such as ``0.4s``, ``12.3s``, ``2m05s`` or ``1h02m``."""
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"


def size(count: float) -> str:
    """Return a number of bytes such as ``9.4 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def count(number: int, word: str) -> str:
    """Return ``1 test`` or ``2 tests``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return aligned columns, the last one as long as it is; in plain output a line for each cell."""
    if plain():
        names = [name.lower() for name in head]
        return "\n\n".join(facts(list(zip(names, row, strict=True))) for row in rows)
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    )


def facts(pairs: Sequence[tuple[str, str]], indent: str = "") -> str:
    """Return named facts below each other; those without a value are left out.

    Args:
        pairs: Names, each with its value; a fact without a name is told alone.
        indent: What stands before each line, unless the output is plain.
    """
    told = [(name, value) for name, value in pairs if value]
    if plain():
        return "\n".join(f"{name}: {value}" if name else value for name, value in told)
    width = max((len(name) for name, _ in told), default=0)
    return "\n".join(
        f"{indent}{name:<{width}}  {value}" if name else f"{indent}{value}" for name, value in told
    )
