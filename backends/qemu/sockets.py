"""Unix sockets inside a machine's folder, whose paths may be longer than a socket address allows."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

_LIMIT = 100
"""Bytes of a path that fit sun_path everywhere (107 on Linux, 103 on macOS)."""


def listen(folder: Path, name: str) -> socket.socket:
    """Return a listening socket bound at ``folder/name``, in place of one that an earlier start left.

    Raises:
        OSError: it cannot be bound.
    """
    (folder / name).unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _ShortPath(folder) as short:
            made.bind(f"{short}/{name}")
        made.listen(1)
    except OSError:
        made.close()
        raise
    return made


async def connect(folder: Path, name: str) -> socket.socket:
    """Return a non-blocking socket connected to ``folder/name``.

    Raises:
        OSError: nobody listens there.
    """
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.setblocking(False)
    try:
        with _ShortPath(folder) as short:
            await asyncio.get_running_loop().sock_connect(made, f"{short}/{name}")
    except BaseException:
        made.close()
        raise
    return made


class _ShortPath:
    """The folder's path, or a short alias of it through a descriptor where Linux gives one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fd = -1

    def __enter__(self) -> str:
        if len(os.fsencode(self._folder)) < _LIMIT - 16 or not Path("/proc/self/fd").exists():
            return str(self._folder)
        self._fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._fd}"

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
