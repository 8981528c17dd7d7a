"""Asciicast recordings of terminals: version 3, or 2 on request."""

from __future__ import annotations

import codecs
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

MASK = "•••"


class CastWriter:
    """Writes down what a terminal prints.

    Args:
        path: The file; made readable for its owner alone, and never one that is there already.
        columns: Width in cells at the beginning.
        rows: Height in cells at the beginning.
        version: 3, or 2 for players that know no other.
        title: What is recorded.
        term: Kind of terminal that the program was told of.
        typed: Whether to record what is typed too.
        secrets: Values that are masked, also where they come in pieces.
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
        secrets: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._version = version
        self._typed = typed
        self._secrets = sorted((secret for secret in secrets if secret), key=len, reverse=True)
        self._clock = clock
        self._began = self._last = clock()
        self._size = (columns, rows)
        self._held = {"o": "", "i": ""}
        self._decoders = {code: codecs.getincrementaldecoder("utf-8")("replace") for code in "oi"}
        self._file = path.open("x", encoding="utf-8", newline="\n")
        path.chmod(0o600)
        header: dict[str, object] = {"version": version}
        if version == 3:
            header["term"] = {"cols": columns, "rows": rows, "type": term}
        else:
            header |= {"width": columns, "height": rows, "env": {"TERM": term}}
        header["timestamp"] = int(time.time())
        if title:
            header["title"] = title
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
        self._event("m", label)
        self._file.flush()

    def exit(self, code: int) -> None:
        """Record how the program ended; version 2 has no word for it."""
        if self._version == 3:
            self._event("x", str(code))

    def close(self) -> None:
        """End the recording. Idempotent."""
        if not self._file.closed:
            for code, text in self._held.items():
                if text:
                    self._event(code, text)
            self._file.close()

    def _text(self, code: str, data: bytes) -> None:
        text = self._held[code] + self._decoders[code].decode(data)
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        begun = max((_begun(text, secret) for secret in self._secrets), default=0)
        self._held[code] = text[len(text) - begun :]
        if text := text[: len(text) - begun]:
            self._event(code, text)

    def _event(self, code: str, data: str) -> None:
        if self._file.closed:
            return
        now = self._clock()
        since = now - (self._last if self._version == 3 else self._began)
        self._last = now
        self._line([round(since, 6), code, data])

    def _line(self, value: object) -> None:
        self._file.write(json.dumps(value, ensure_ascii=False) + "\n")


def _begun(text: str, secret: str) -> int:
    """Return how many characters at the end of a text may be the beginning of a secret."""
    for length in range(min(len(secret) - 1, len(text)), 0, -1):
        if text.endswith(secret[:length]):
            return length
    return 0
