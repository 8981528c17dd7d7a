"""Reading a machine's serial console from the file QEMU logs it to.

Nobody is connected to the console's socket while nobody types into it: a client that stops reading
blocks the guest, a file does not.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path

from backends.panics import PANIC

POLL = 0.015
"""Seconds between looks at the file; the file tells nobody when it grows."""
WINDOW = 1 << 20
"""Bytes searched at most before the end of what was read so far."""


def tail(log: Path, lines: int = 12) -> str:
    """Return the last lines of a console log, control characters removed."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[^\x20-\x7e\n\t\u00a0-\uffff]", "", text)
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def size(log: Path) -> int:
    """Return how many bytes a console printed so far; 0 where there is no log."""
    try:
        return log.stat().st_size
    except OSError:
        return 0


def panic(log: Path, start: int) -> str:
    """Return what the guest's kernel panicked of since byte ``start``; nothing if it did not."""
    try:
        with log.open("rb") as file:
            file.seek(start)
            found = PANIC.search(file.read(WINDOW))
    except OSError:
        return ""
    return found[1].decode(errors="replace").strip() if found else ""


async def wait_for(
    log: Path,
    pattern: re.Pattern[bytes],
    *,
    timeout: float,
    start: int,
    gone: Callable[[], bool],
) -> re.Match[bytes] | None:
    """Wait until ``pattern`` matches in the log from byte ``start`` on.

    Args:
        log: The console's log.
        pattern: What to look for; it may span lines.
        timeout: Seconds to wait at most.
        start: Offset to search from.
        gone: Tells that the guest will print nothing more.

    Returns:
        The match, or ``None`` when the time is up or the guest gone.
    """
    deadline = time.monotonic() + timeout
    buffer = b""
    offset = start
    while True:
        ended = gone() or time.monotonic() >= deadline
        with log.open("rb") as file:
            file.seek(offset)
            chunk = file.read(WINDOW)
        if chunk:
            offset += len(chunk)
            buffer = (buffer + chunk)[-2 * WINDOW :]
            if match := pattern.search(buffer):
                return match
            await asyncio.sleep(0)
        elif ended:
            return None
        else:
            await asyncio.sleep(POLL)
