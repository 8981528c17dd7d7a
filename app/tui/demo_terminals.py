"""A made-up machine whose shells answer a few commands: what screenshots of terminals show."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from backends.base import BackendError, Machine, Terminal

PROMPT = "\x1b[1;32mroot@{name}\x1b[m:\x1b[1;34m~\x1b[m# "
ANSWERS: Mapping[str, str] = {
    "free -m": (
        "              total        used        free      shared  buff/cache   available\n"
        "Mem:            231          21         190           0          19         203"
    ),
    "uptime": " 09:58:54 up 12 min,  0 users,  load average: 0.08, 0.03, 0.01",
    "ls --color /srv": "\x1b[1;34mcache\x1b[m  \x1b[1;34mgateway\x1b[m  \x1b[1;32mstart\x1b[m  tokens.json",
    "cat /tmp/body": "denied: \x1b[31mtoken expired\x1b[m",
    "grep -c denied /var/log/gateway": "112",
}
"""What a command prints."""


class DemoTerminal:
    """A shell that echoes what is typed and knows ``ANSWERS``."""

    def __init__(self, name: str) -> None:
        self._prompt = PROMPT.format(name=name)
        self._line = ""
        self._said: asyncio.Queue[bytes] = asyncio.Queue()
        self._say(self._prompt)

    def _say(self, text: str) -> None:
        self._said.put_nowait(text.replace("\n", "\r\n").encode())

    async def read(self) -> bytes:
        """Return what was printed next; nothing once it is closed."""
        return await self._said.get()

    def write(self, data: bytes) -> None:
        """Type into it."""
        for char in data.decode(errors="ignore"):
            if char != "\r":
                self._line += char
                self._say(char)
                continue
            answer = ANSWERS.get(self._line, "")
            self._say(f"\n{answer}\n{self._prompt}" if answer else f"\n{self._prompt}")
            self._line = ""

    def resize(self, columns: int, rows: int) -> None:
        """Take another size, which changes nothing of what is printed."""

    async def wait(self) -> int:
        """Return how it ended."""
        return 0

    async def close(self) -> None:
        """End it."""
        self._said.put_nowait(b"")


class DemoGuest:
    """As much of a machine as a terminal pane needs.

    Args:
        name: What it calls itself.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    async def terminal(self, command: str | None = None, *, columns: int = 80, rows: int = 24) -> Terminal:
        """Open a shell; no command is run."""
        return DemoTerminal(self._name)

    async def release(self) -> None:
        """Let go of it."""


class ClosedGuest(DemoGuest):
    """A machine that lets nobody in."""

    async def terminal(self, command: str | None = None, *, columns: int = 80, rows: int = 24) -> Terminal:
        """Say why not."""
        raise BackendError(
            f"{self._name} does not answer: connection refused", remedy=f"vmbench logs {self._name}"
        )


def guest(name: str) -> Machine:
    """Return a machine with such shells. Anything else asked of it fails."""
    return cast(Machine, DemoGuest(name))
