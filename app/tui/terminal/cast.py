"""Asciicast recordings of terminals: version 3, or 2 on request."""

from __future__ import annotations

import codecs
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from app.engine.masking import MASK, MaskedStream, Masker
from app.tui.terminal.line_writer import LineWriter

__all__ = ["MASK", "CastWriter"]


class CastWriter:
    """Writes down what a terminal prints, in a thread of its own.

    Args:
        path: The file; made readable for its owner alone, and never one that is there already.
        columns: Width in cells at the beginning.
        rows: Height in cells at the beginning.
        version: 3, or 2 for players that know no other.
        title: What is recorded.
        term: Kind of terminal that the program was told of.
        typed: Whether to record what is typed too.
        secrets: Values that are masked, also where they come in pieces; or what masks them.
        clock: Seconds, ever growing.

    Raises:
        FileExistsError: the file is there already.
    """

    def __init__(
        self,
        path: Path,
        columns: int,
        rows: int,
        *,
        version: Literal[2, 3] = 3,
        title: str = "",
        term: str = "xterm-256color",
        typed: bool = False,
        secrets: Sequence[str] | Masker = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._version = version
        self._typed = typed
        masker = secrets if isinstance(secrets, Masker) else Masker(secrets)
        self._masker = masker
        self._masked = {code: MaskedStream(masker) for code in "oi"}
        self._clock = clock
        self._began = self._last = clock()
        self._size = (columns, rows)
        self._decoders = {code: codecs.getincrementaldecoder("utf-8")("replace") for code in "oi"}
        path.touch(mode=0o600, exist_ok=False)
        self._file = LineWriter(path)
        header: dict[str, object] = {"version": version}
        if version == 3:
            header["term"] = {"cols": columns, "rows": rows, "type": term}
        else:
            header |= {"width": columns, "height": rows, "env": {"TERM": term}}
        header["timestamp"] = int(time.time())
        if title:
            header["title"] = masker.text(title)
        self._line(header)

    def output(self, data: bytes) -> None:
        """Record what the program printed."""
        self._text("o", data)

    def input(self, data: bytes) -> None:
        """Record what was typed, if that was asked for."""
        if self._typed:
            self._text("i", data)

    def resize(self, columns: int, rows: int) -> None:
        """Record a new size."""
        if (columns, rows) != self._size:
            self._size = (columns, rows)
            self._event("r", f"{columns}x{rows}")

    def marker(self, label: str) -> None:
        """Record a place to jump to."""
        self._event("m", self._masker.text(label))

    def exit(self, code: int) -> None:
        """Record how the program ended; version 2 has no word for it."""
        if self._version == 3:
            self._event("x", str(code))

    @property
    def failure(self) -> OSError | None:
        """What keeps more from being written, such as a full disk."""
        return self._file.failure

    def when_it_fails(self, action: Callable[[], object]) -> None:
        """Have something done when no more can be written; by another thread."""
        self._file.on_failure = action
        if self.failure is not None:
            action()

    def close(self) -> None:
        """End the recording, once all of it is in the file. Blocking; idempotent."""
        if self._file.closed:
            return
        for code, masked in self._masked.items():
            if text := self._decoders[code].decode(masked.flush(), final=True):
                self._event(code, text)
        self._file.close()

    def _text(self, code: str, data: bytes) -> None:
        if text := self._decoders[code].decode(self._masked[code].feed(data)):
            self._event(code, text)

    def _event(self, code: str, data: str) -> None:
        if self._file.closed:
            return
        now = self._clock()
        since = now - (self._last if self._version == 3 else self._began)
        self._last = now
        self._line([round(since, 6), code, data])

    def _line(self, value: object) -> None:
        self._file.write(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
