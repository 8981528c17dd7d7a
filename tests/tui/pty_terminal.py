"""A terminal for tests: a program in a pseudo-terminal, its screen as text, keys typed into it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

PATIENCE = 120.0
"""Seconds that a program may take to show something on a busy host."""


class Terminal:
    """Runs a program in a pseudo-terminal of its own.

    Use it as a context manager; the program is ended with it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        size: tuple[int, int] = (120, 36),
        patience: float = PATIENCE,
    ) -> None:
        columns, rows = size
        self.patience = patience
        self.heard: Callable[[bytes], None] = lambda data: None
        """Is told all that the program prints."""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.lent = False
        """Whether the program left the alternate screen, as it does while another one has the terminal."""
        self._primary, secondary = pty.openpty()
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            list(argv),
            stdin=secondary,
            stdout=secondary,
            stderr=secondary,
            env={**os.environ, "TERM": "xterm-256color", **(env or {})},
            cwd=cwd,
            start_new_session=True,
            close_fds=True,
        )
        os.close(secondary)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        if self._primary >= 0:
            os.close(self._primary)

    def hang_up(self, *, told: bool = True) -> int:
        """Take the terminal away, as a closed window does; return the program's exit code.

        Args:
            told: Whether the program gets a signal, as the leader of its session does.
        """
        os.close(self._primary)
        self._primary = -1
        if told:
            self.process.send_signal(signal.SIGHUP)
        return self.process.wait(self.patience)

    def type(self, keys: str) -> None:
        """Type keys at once."""
        os.write(self._primary, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Change the terminal's size, as a window's is changed."""
        fcntl.ioctl(self._primary, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen.resize(rows, columns)
        self.process.send_signal(signal.SIGWINCH)

    def paste(self, text: str) -> None:
        """Paste text, as a terminal with bracketed paste does; what is shown meanwhile is read.

        Raises:
            AssertionError: the program does not take it.
        """
        data = f"\x1b[200~{text}\x1b[201~".encode()
        deadline = time.monotonic() + self.patience
        while data:
            _, writable, _ = select.select([], [self._primary], [], 0.05)
            if writable:
                data = data[os.write(self._primary, data[:1024]) :]
            else:
                assert time.monotonic() < deadline, f"{len(data)} bytes are not taken\n{self.text()}"
            while select.select([self._primary], [], [], 0)[0]:
                self._read(0)

    def text(self) -> str:
        """Return the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def screen(self) -> pyte.Screen:
        """The screen with its colours."""
        return self._screen

    def wait(self, seen: Callable[[str], bool] | str, *, timeout: float | None = None) -> str:
        """Read until the screen shows something; return the screen.

        Raises:
            AssertionError: it did not within ``timeout`` seconds (the terminal's patience if not given);
                the message has the last screen.
        """
        wanted = (lambda text: seen in text) if isinstance(seen, str) else seen
        deadline = time.monotonic() + (timeout or self.patience)
        while not wanted(self.text()):
            left = deadline - time.monotonic()
            assert left > 0 and self._read(left), f"not seen: {seen}\n{self.text()}"
        return self.text()

    def exit_code(self, *, timeout: float | None = None) -> int:
        """Read until the program ends and return its exit code."""
        deadline = time.monotonic() + (timeout or self.patience)
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"still running\n{self.text()}"
            self._read(0.1)
        return self.process.returncode

    def _read(self, timeout: float) -> bool:
        ready, _, _ = select.select([self._primary], [], [], min(timeout, 1.0))
        if ready:
            try:
                data = os.read(self._primary, 65536)
            except OSError:
                return False
            self.heard(data)
            entered, left = data.rfind(b"\x1b[?1049h"), data.rfind(b"\x1b[?1049l")
            if entered != left:
                self.lent = left > entered
            # pyte does not know the private modes with ">" and "="; they draw nothing.
            self._stream.feed(_without_private(data))
        return True


def _without_private(data: bytes) -> bytes:
    return re.sub(rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1bP[^\x1b]*\x1b\\", b"", data)
