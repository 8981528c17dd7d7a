"""Lines of a log as text for a file or a pipe. Blocking: call it off the event loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.logs import stamps
from app.logs.match import Pattern, plain_line
from app.logs.matches import Matches
from app.logs.source import LogSource

PIECE = 4 << 20
"""Bytes that are read at once; a line that is longer is cut off there."""
SEPARATOR = b"--"
"""Stands between lines that do not follow each other, as grep has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Which lines of a log are written, and how."""

    raw: bool = False
    """Whether colours and controls are kept."""
    times: bool = False
    """Whether each line begins with the seconds since its machine booted."""
    pattern: Pattern | None = None
    """What the lines must match; ``None`` for all lines."""
    context: int = 0
    """Lines around each match that are written as well."""


def written(source: LogSource, number: int, line: bytes, form: Form) -> bytes:
    """Return one line as it is written, with its end."""
    parts: list[bytes] = []
    if form.times:
        known = source.time_of(number)
        if known is None and not source.tags:
            known = stamps.kernel_stamp(line)
        parts.append(stamps.shown(known).encode())
    if source.tags:
        widest = max(map(len, source.tags))
        parts.append(source.tags[source.tag_of(number) or 0].ljust(widest).encode() + b" | ")
    parts.append(line if form.raw else plain_line(line))
    parts.append(b"\n")
    return b"".join(parts)


def lines(source: LogSource, form: Form, first: int = 0) -> Iterator[bytes]:
    """Yield the lines of what was read of a log from line ``first`` on, each with its end."""
    if form.pattern is not None:
        yield from _matching(source, form, form.pattern, first)
        return
    place, number = 0, 0
    while (piece := source.piece(place, number, PIECE)) is not None:
        if number + piece.lines > first:
            for offset, line in enumerate(piece.data.split(b"\n")[: piece.lines]):
                if number + offset >= first:
                    yield written(source, number + offset, line, form)
        place, number = piece.after, number + piece.lines
    if source.line_count > max(number, first - 1):
        yield written(source, number, source.line(number), form)


def _matching(source: LogSource, form: Form, pattern: Pattern, first: int) -> Iterator[bytes]:
    matches = Matches(source, pattern, form.context)
    while matches.advance():
        pass
    before: int | None = None
    for number in matches.left():
        if number < first:
            continue
        if form.context and before is not None and number != before + 1:
            yield SEPARATOR + b"\n"
        before = number
        yield written(source, number, source.line(number), form)


def export(source: LogSource, target: Path, form: Form, *, overwrite: bool = False) -> int:
    """Write a log to a file that only its owner can read; return how many bytes it has.

    The log is read from its beginning and closed. What was there before is lost only when all is written.

    Args:
        source: The log; nobody else reads it meanwhile.
        target: The file.
        form: Which lines, and how.
        overwrite: Whether a file that exists may be replaced.

    Raises:
        FileExistsError: there is one, and it may not.
        OSError: it cannot be written.
    """
    if target.exists() and not overwrite:
        raise FileExistsError(target)
    fresh = target.with_name(f".{target.name}.part")
    try:
        while (change := source.poll(PIECE)).more or change.reset:
            pass
        with fresh.open("xb") as file:
            fresh.chmod(0o600)
            for line in lines(source, form):
                file.write(line)
            size = file.tell()
        if overwrite:
            fresh.replace(target)
        else:
            target.hardlink_to(fresh)  # fails where somebody else made the file meanwhile
            fresh.unlink()
        return size
    except FileExistsError:
        if target.exists():
            fresh.unlink(missing_ok=True)
        raise
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    finally:
        source.close()
