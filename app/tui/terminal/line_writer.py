"""Writes a file in a thread of its own, so that a slow or full disk holds nobody up."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path

MOST_WAITING = 32 << 20
"""Bytes that wait for the disk at most."""
_GATHERING = 0.05
"""Seconds in which what comes is written at once, as every wake of the thread takes time from the others."""


class LineWriter:
    """Appends to a file that is there.

    Args:
        path: The file.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        self._lock = threading.Lock()
        self._work = threading.Event()
        self._closing = threading.Event()
        self._waiting: list[bytes] = []
        self._size = 0
        self.failure: OSError | None = None
        """What keeps more from being written, such as a full disk."""
        self.on_failure: Callable[[], object] = lambda: None
        """Called when writing failed; by any thread."""
        self._thread = threading.Thread(target=self._run, name=f"writes {path.name}", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether nothing more is taken."""
        return self._closing.is_set()

    def write(self, line: bytes) -> None:
        """Have something written, soon; never waits."""
        with self._lock:
            if self.failure is not None or self.closed:
                return
            full = self._size + len(line) > MOST_WAITING
            if not full:
                self._waiting.append(line)
                self._size += len(line)
        if full:
            self._fail(OSError(errno.EIO, "the disk does not keep up"))
        else:
            self._work.set()

    def close(self) -> None:
        """Wait until all is written, and close the file. Blocking; idempotent."""
        self._closing.set()
        self._work.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self.closed:
                self._work.wait()
                self._closing.wait(_GATHERING)
                self._work.clear()
                self._write_waiting()
            self._write_waiting()
        finally:
            try:
                self._file.close()
            except OSError as error:
                self._fail(error)

    def _write_waiting(self) -> None:
        with self._lock:
            lines, self._waiting, self._size = self._waiting, [], 0
        if not lines or self.failure is not None:
            return
        try:
            self._file.write(b"".join(lines))
            self._file.flush()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        if self.failure is None:
            self.failure = error
            self.on_failure()
