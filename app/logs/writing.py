"""Lines of a log as text for a file or a pipe. Blocking: call it off the event loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.logs import stamps
from app.logs.match import Pattern, plain_line
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


class LineWriter:
    """Goes through a log once, as far as it is there, and gives what is to be written of it.

    Args:
        source: The log; whoever calls polls it.
        form: Which lines, and how.
    """

    def __init__(self, source: LogSource, form: Form) -> None:
        self._source, self._form = source, form
        self._place = self._number = 0
        self._before: deque[tuple[int, bytes]] = deque(maxlen=form.context)
        self._after = 0
        """Lines still to be written after the last match."""
        self._last: int | None = None

    def take(self) -> Iterator[bytes]:
        """Yield what is to be written of the complete lines that came since, each with its end."""
        while (piece := self._source.piece(self._place, self._number, PIECE)) is not None:
            pattern = self._form.pattern
            hits = set(pattern.lines(piece.data)) if pattern is not None else None
            for offset, line in enumerate(piece.data.split(b"\n")[: piece.lines]):
                yield from self._line(self._number + offset, line, hits is None or offset in hits)
            self._place, self._number = piece.after, self._number + piece.lines

    def rest(self) -> Iterator[bytes]:
        """Yield what is to be written of a last line that has no end."""
        if self._source.line_count > self._number:
            line = self._source.line(self._number)
            pattern = self._form.pattern
            yield from self._line(self._number, line, pattern is None or bool(pattern.lines(line)))
            self._number += 1

    def _line(self, number: int, line: bytes, hit: bool) -> Iterator[bytes]:
        if hit:
            for earlier, words in self._before:
                yield from self._write(earlier, words)
            self._before.clear()
            self._after = self._form.context
        elif self._after:
            self._after -= 1
        else:
            self._before.append((number, line))
            return
        yield from self._write(number, line)

    def _write(self, number: int, line: bytes) -> Iterator[bytes]:
        if self._form.context and self._last is not None and number != self._last + 1:
            yield SEPARATOR + b"\n"
        self._last = number
        yield written(self._source, number, line, self._form)


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
            writer = LineWriter(source, form)
            file.writelines(writer.take())
            file.writelines(writer.rest())
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
