"""Consoles line by line for ``vmbench console``: filtered, with times, several of them by time."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from app.cli.errors import UsageProblem
from app.cli.text import harmless
from app.logs.log_file import LogFile
from app.logs.match import BadPattern, Pattern
from app.logs.merged import MergedLog
from app.logs.source import LogSource
from app.logs.writing import PIECE, Form, LineWriter

POLL = 0.1
LOOK = 1.0
"""Seconds between two looks at whether a machine still is."""


def pattern_of(text: str | None, *, regex: bool, case: bool, command: str) -> Pattern | None:
    """Return what is looked for, if anything.

    Raises:
        UsageProblem: it is no regular expression.
    """
    if not text:
        return None
    pattern = Pattern(text, regex=regex, case=case)
    try:
        pattern.check()
    except BadPattern as error:
        raise UsageProblem(
            f"--grep: {error.message}", f"leave -E out to look for it as text: {command}"
        ) from None
    return pattern


def show(
    consoles: Iterable[tuple[str, Path]],
    form: Form,
    *,
    tail: int | None = None,
    alive: Callable[[], bool] | None = None,
) -> None:
    """Print lines of one console, or of several in the order in which they came.

    Args:
        consoles: Machines, each with its log.
        form: Which lines, and how.
        tail: How many of them at most, of those that are there.
        alive: Says whether one of the machines still is; ``None`` not to follow.
    """
    logs = [(name, LogFile(path)) for name, path in consoles]
    source: LogSource = logs[0][1] if len(logs) == 1 else MergedLog(logs)
    writer = LineWriter(source, form)
    try:
        _catch_up(source)
        there = writer.take()
        if tail is not None:
            there = iter(deque(there, maxlen=tail))
        _print(there)
        while alive is not None:
            going = alive()
            # Read once more after the end was seen: the last words come just before it.
            deadline = time.monotonic() + LOOK
            while time.monotonic() < deadline:
                _catch_up(source)
                _print(writer.take())
                if not going:
                    break
                time.sleep(POLL)
            if not going:
                break
        if tail != 0:
            _print(writer.rest())
    finally:
        source.close()


def _catch_up(source: LogSource) -> None:
    while (change := source.poll(PIECE)).more or change.reset:
        pass


def _print(lines: Iterable[bytes]) -> None:
    if sys.stdout.isatty():
        for line in lines:
            sys.stdout.write(harmless(line.decode(errors="replace")))
        sys.stdout.flush()
        return
    sys.stdout.buffer.writelines(lines)
    sys.stdout.buffer.flush()
