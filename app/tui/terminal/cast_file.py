"""Reads asciicast recordings, versions 2 and 3, however broken they are."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

from backends.base import BackendError

LARGEST = 512 << 20
"""Bytes of a recording that is read at most."""
LONGEST_LINE = 16 << 20
MOST_CELLS = 1000
"""Columns and rows that a terminal is shown with at most."""
CODES = frozenset("oirmx")


class CastError(BackendError):
    """A file is no recording that can be shown."""


@dataclass(frozen=True, slots=True)
class CastEvent:
    """Something that happened in a recorded terminal."""

    time: float
    """Seconds since the recording began."""
    code: str
    """``o`` output, ``i`` input, ``r`` resized, ``m`` marker, ``x`` exit."""
    data: str


@dataclass(frozen=True, slots=True)
class Marker:
    """A place to jump to."""

    time: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """A recording."""

    path: Path
    version: int
    columns: int
    rows: int
    title: str = ""
    timestamp: int | None = None
    """Seconds since the epoch at which it began."""
    events: tuple[CastEvent, ...] = ()
    problems: tuple[str, ...] = ()
    """What could not be read, each with its line's number."""
    markers: tuple[Marker, ...] = field(default=())
    exit_code: int | None = None

    @property
    def duration(self) -> float:
        """Seconds from its beginning to its last event."""
        return self.events[-1].time if self.events else 0.0

    def faster(self, idle_limit: float | None) -> Cast:
        """Return it with every pause cut to ``idle_limit`` seconds."""
        if idle_limit is None:
            return self
        events: list[CastEvent] = []
        now = before = 0.0
        for event in self.events:
            now += min(event.time - before, idle_limit)
            before = event.time
            events.append(CastEvent(now, event.code, event.data))
        return _with_events(self, events)


def _with_events(cast: Cast, events: list[CastEvent]) -> Cast:
    import dataclasses

    markers = tuple(Marker(event.time, event.data) for event in events if event.code == "m")
    return dataclasses.replace(cast, events=tuple(events), markers=markers)


def read_cast(path: Path) -> Cast:
    """Read a recording. Blocking: a large one takes a while.

    A line that cannot be read is told among the problems and left out; what comes before and after it is
    still there.

    Raises:
        CastError: there is no such file, or it does not begin as a recording does.
    """
    try:
        with path.open("rb") as file:
            return _read(path, file.read(LARGEST + 1))
    except IsADirectoryError as error:
        raise CastError(f"{path} is a folder", remedy="give a recording's file") from error
    except OSError as error:
        raise CastError(
            f"{path} cannot be read: {error.strerror}", remedy="vmbench play --list shows the recordings"
        ) from error


def _read(path: Path, content: bytes) -> Cast:
    problems: list[str] = []
    if len(content) > LARGEST:
        content = content[:LARGEST]
        problems.append(f"only the first {LARGEST >> 20} MiB are read")
    lines = content.split(b"\n")
    cast = _header(path, lines[0])
    events: list[CastEvent] = []
    clock, exit_code, unread = 0.0, None, 0
    for number, line in enumerate(lines[1:], 2):
        if not line.strip() or line.startswith(b"#"):
            continue
        try:
            stamp, code, data = _event(line)
        except ValueError as fault:
            unread += 1
            torn = number == len(lines)  # the writer did not come to the line's end
            if unread <= 20:
                problems.append(f"line {number}: {'it is cut off' if torn else fault}")
            continue
        clock = clock + stamp if cast.version == 3 else max(stamp, clock)
        if code not in CODES:
            continue  # the format asks readers to leave out what they do not know
        if code == "x":
            exit_code = int(data) if data.lstrip("-").isdigit() and len(data) < 10 else None
        if code == "r" and size_of(data) is None:
            problems.append(f"line {number}: {data[:40]!r} is no size")
            continue
        events.append(CastEvent(clock, code, data))
    if unread > 20:
        problems.append(f"{unread - 20} more lines cannot be read")
    made = Cast(
        path=path,
        version=cast.version,
        columns=cast.columns,
        rows=cast.rows,
        title=cast.title,
        timestamp=cast.timestamp,
        problems=tuple(problems),
        exit_code=exit_code,
    )
    return _with_events(made, events)


def _header(path: Path, line: bytes) -> Cast:
    try:
        header = json.loads(line)
        if not isinstance(header, dict):
            raise ValueError
    except (ValueError, RecursionError):
        raise CastError(
            f"{path}: line 1 is no asciicast header", remedy="give a recording of version 2 or 3"
        ) from None
    version = header.get("version")
    if version not in (2, 3) or isinstance(version, bool):
        raise CastError(
            f"{path}: line 1: version {str(version)[:20]} is not known",
            remedy="give a recording of version 2 or 3; asciinema convert makes one",
        )
    size = header.get("term") if version == 3 else header
    size = size if isinstance(size, dict) else {}
    names = ("cols", "rows") if version == 3 else ("width", "height")
    title, stamp = header.get("title"), header.get("timestamp")
    return Cast(
        path=path,
        version=version,
        columns=_cells(size.get(names[0]), 80),
        rows=_cells(size.get(names[1]), 24),
        title=_harmless(title) if isinstance(title, str) else "",
        timestamp=stamp if type(stamp) is int and 0 <= stamp < 1 << 40 else None,
    )


def _cells(value: object, default: int) -> int:
    return min(value, MOST_CELLS) if type(value) is int and value > 0 else default


def _event(line: bytes) -> tuple[float, str, str]:
    if len(line) > LONGEST_LINE:
        raise ValueError("it is too long")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    if not isinstance(value, list) or len(value) < 3:
        raise ValueError("it is no event [seconds, code, data]")
    stamp, code, data = value[:3]
    if isinstance(stamp, bool) or not isinstance(stamp, int | float):
        raise ValueError("it does not begin with a number of seconds")
    if not (math.isfinite(stamp) and 0 <= stamp < 1e9):
        raise ValueError(f"{str(stamp)[:20]} seconds cannot be")
    if not isinstance(code, str) or not isinstance(data, str):
        raise ValueError("its code or its data is no text")
    if code == "m":
        data = _harmless(data)
    return float(stamp), code, data


def _harmless(text: str) -> str:
    return "".join([char if char.isprintable() else " " for char in text])[:200].strip()


def size_of(data: str) -> tuple[int, int] | None:
    """Return the columns and rows of a resize event, or ``None`` where it says none."""
    columns, _, rows = data.partition("x")
    if not (columns.isascii() and columns.isdigit() and rows.isascii() and rows.isdigit()):
        return None
    if len(columns) > 6 or len(rows) > 6 or not int(columns) or not int(rows):
        return None
    return min(int(columns), MOST_CELLS), min(int(rows), MOST_CELLS)


def list_casts(folders: list[Path]) -> list[Path]:
    """Return the recordings in some folders and those below them, the newest first. Blocking."""
    found = [path for folder in folders if folder.is_dir() for path in folder.rglob("*.cast")]
    stamped = []
    for path in found:
        try:
            stamped.append((path.stat().st_mtime, path))
        except OSError:
            continue
    return [path for _, path in sorted(stamped, key=lambda pair: (-pair[0], str(pair[1])))]
