"""Reads a machine's console: what its kernel complains about, and when its lines came."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.engine.offload import off_loop
from app.logs.match import Pattern
from app.logs.times import TimesWriter
from backends import panics
from registry.model import ConsoleStep, Test

POLL = 0.1
SLICE = 256 * 1024
LONGEST_LINE = 4096
MOST_FINDINGS = 50
TAIL_LINES = 20
TAIL_BYTES = 64 * 1024
LINES_BEFORE = 4
"""Lines shown before the one that a tail is about."""

_ESCAPE = re.compile(r"\x1b(?:\[[0-9;:?<=>]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)|[\x00-\x08\x0b-\x1f\x7f]")


class Complaint(StrEnum):
    """What a kernel complains about. A test expects one by the tag ``expects-<value>``."""

    PANIC = "panic"
    OOPS = "oops"
    OOM = "oom"
    SEGFAULT = "segfault"
    LOCKUP = "lockup"
    """A CPU or a task stood still; on a loaded host that is often the host's doing."""


_PATTERNS: tuple[tuple[Complaint, re.Pattern[bytes]], ...] = (
    (Complaint.PANIC, re.compile(panics.SIGN)),
    (
        Complaint.OOPS,
        re.compile(
            rb"\bOops: |BUG: unable to handle|BUG: kernel NULL pointer|kernel BUG at "
            rb"|general protection fault, "
        ),
    ),
    (Complaint.OOM, re.compile(rb"[Oo]ut of memory: Killed process \d+")),
    (Complaint.SEGFAULT, re.compile(rb"\S+\[\d+\]: segfault at |traps: \S+\[\d+\] general protection fault")),
    (
        Complaint.LOCKUP,
        re.compile(
            rb"BUG: soft lockup - CPU|rcu: INFO: \S+ (?:self-)?detected stall|task \S+ blocked for more"
        ),
    ),
)
_ANY = re.compile(b"|".join(b"(?:%s)" % pattern.pattern for _, pattern in _PATTERNS))

COMPLAINTS = Pattern(_ANY.pattern.decode(), regex=True, case=True)
"""Finds the lines of a log in which a kernel complains."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A complaint and the line it was made in."""

    kind: Complaint
    line: str


class ConsoleWatch:
    """Follows a console's log file.

    What a test expects is no finding: it says so by a tag such as ``expects-oom``, or by a
    ``console`` step whose pattern matches the line.

    Args:
        path: The log.
        test: The test that runs on the machine.
    """

    def __init__(self, path: Path, test: Test) -> None:
        self._path = path
        self._expected_kinds = {kind for kind in Complaint if f"expects-{kind}" in test.tags}
        self._expected_lines = [
            re.compile(step.pattern) for step in test.steps if isinstance(step, ConsoleStep)
        ]
        self._times: TimesWriter | None = None
        self._began = time.time()
        self._newlines = 0
        self._position = 0
        self._rest = b""
        self.findings: list[Finding] = []
        self.panicked: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done, with the line, once the guest panicked unexpectedly."""

    def boots(self) -> None:
        """Take note that the machine boots now: the times of its lines count from here."""
        self._began = time.time()

    async def run(self) -> None:
        """Read what comes, until cancelled."""
        while True:
            if not await self.catch_up(SLICE):
                await asyncio.sleep(POLL)

    async def catch_up(self, most: int = 64 << 20) -> bool:
        """Read what is there, ``most`` bytes at most; return whether there was anything."""
        total = 0
        while total < most:
            data = await off_loop(self._read)
            if not data:
                break
            # Only now: a cancelled read is repeated, not lost.
            self._position += len(data)
            self._newlines += data.count(b"\n")
            total += len(data)
            self._scan(data)
        return total > 0

    async def finish(self) -> None:
        """Read the rest, an unfinished last line included."""
        await self.catch_up()
        self._scan(b"\n")

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(self._position)
                data = file.read(SLICE)
        except OSError:
            return b""
        if data:
            # The log has no times of its own, so they are written beside it as its bytes come.
            self._times = self._times or TimesWriter(self._path, self._began)
            self._times.note(self._position + len(data), self._newlines + data.count(b"\n"), time.time())
        return data

    def _scan(self, data: bytes) -> None:
        lines, newline, self._rest = (self._rest + data).rpartition(b"\n")
        if not newline:
            lines, self._rest = b"", self._rest[-LONGEST_LINE:]
        # One search over the whole slice first: nearly every slice has no complaint in it.
        if not _ANY.search(lines):
            return
        for line in lines.split(b"\n"):
            if _ANY.search(line):
                self._look_at(line)

    def _look_at(self, line: bytes) -> None:
        text = clean(line.decode(errors="replace")).strip()
        kind = next(kind for kind, pattern in _PATTERNS if pattern.search(line))
        if kind in self._expected_kinds or any(p.search(text) for p in self._expected_lines):
            return
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(kind, text))
        if kind is Complaint.PANIC and not self.panicked.done():
            self.panicked.set_result(text)


def worst(findings: Iterable[Finding]) -> Finding | None:
    """Return the first finding for which a passed test is not passed, if there is one."""
    return next((f for f in findings if f.kind is not Complaint.LOCKUP), None)


def console_tail(path: Path, lines: int = TAIL_LINES, *, around: str = "") -> str:
    """Return a console's last lines without escapes. Blocking, shortly.

    Args:
        path: The console's log.
        lines: How many, at most.
        around: A line; if it is among the log's last part, the lines are those it stands in.
    """
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            data = file.read()
    except OSError:
        return ""
    found = [clean(line).rstrip() for line in data.decode(errors="replace").split("\n")]
    found = [line for line in found if line]
    start = len(found) - lines
    if around:
        at = next((n for n, line in enumerate(found) if line.strip() == around), None)
        start = start if at is None else min(start, at - min(LINES_BEFORE, lines - 1))
    start = max(0, start)
    return "\n".join(found[start : start + lines])


def clean(text: str) -> str:
    """Return a line of a console without escape sequences and control characters, tabs excepted."""
    return _ESCAPE.sub("", text)
