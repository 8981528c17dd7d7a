"""A step's output: all of it into artifact files, and the first part of it into events."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from app.engine.masking import MaskedStream, Masker
from app.engine.offload import Writer

EVENT_LIMIT = 256 * 1024
"""Characters of a step's output that go into events; the artifact has all of it."""
DELAY = 0.05
"""Seconds for which output is gathered, so that a chatty command is not one event a line."""


class StepOutputs:
    """Takes a step's output as it comes.

    Args:
        emit: Called with a stream and a piece of text, on the event loop's thread.
        stem: Path of the artifacts without their endings ``.stdout`` and ``.stderr``.
        writer: Does the file work.
        masker: Masks secrets, also where a command prints them in pieces.
    """

    def __init__(
        self,
        emit: Callable[[str, str], None],
        stem: Path,
        writer: Writer,
        masker: Masker | None = None,
    ) -> None:
        self._masker = masker or Masker()
        self._masked: dict[str, MaskedStream] = {}
        self._emit = emit
        self._stem = stem
        self._writer = writer
        self._files: dict[str, _Artifact] = {}
        self._decoders: dict[str, codecs.IncrementalDecoder] = {}
        self._pending: list[tuple[str, str]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._left = EVENT_LIMIT

    def write(self, stream: str, data: bytes) -> None:
        """Take a chunk of ``stdout`` or ``stderr``."""
        if stream not in self._files:
            self._files[stream] = _Artifact(self._stem.with_name(f"{self._stem.name}.{stream}"))
            self._decoders[stream] = codecs.getincrementaldecoder("utf-8")("replace")
            self._masked[stream] = MaskedStream(self._masker)
        if self._masker:
            data = self._masked[stream].feed(data)
        if data:
            self._take(stream, data)

    def _take(self, stream: str, data: bytes) -> None:
        self._writer.submit(self._files[stream].write, data)
        self._show(stream, self._decoders[stream].decode(data))

    def note(self, text: str) -> None:
        """Say something of vmbench's own, as a line."""
        self._gather("note", f"{text}\n")

    def _show(self, stream: str, text: str) -> None:
        if self._left <= 0 or not text:
            return
        text, over = text[: self._left], len(text) > self._left
        self._left -= len(text)
        self._gather(stream, text)
        if over or self._left == 0:
            self._left = 0
            self.note("… more output is in the artifacts only")

    def _gather(self, stream: str, text: str) -> None:
        self._pending.append((stream, text))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY, self.flush)

    def flush(self) -> None:
        """Emit what was gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        pending, self._pending = self._pending, []
        at = 0
        while at < len(pending):
            stream, end = pending[at][0], at
            while end < len(pending) and pending[end][0] == stream:
                end += 1
            self._emit(stream, "".join(text for _, text in pending[at:end]))
            at = end

    async def close(self) -> Path | None:
        """Emit the rest and return, when the files are complete, the main one of them, if any."""
        for stream, decoder in self._decoders.items():
            if rest := self._masked[stream].flush():
                self._take(stream, rest)
            self._show(stream, decoder.decode(b"", final=True))
        self.flush()
        for artifact in self._files.values():
            await self._writer.run(artifact.close)
            if artifact.failure is not None:
                self.note(f"{artifact.path} is not complete: {artifact.failure}; free some disk space")
        self.flush()
        main = self._files.get("stdout") or self._files.get("stderr")
        return main.path if main else None


class _Artifact:
    """A file that is made with its first bytes. Used in the writer's thread alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.failure: OSError | None = None
        self._file: BinaryIO | None = None

    def write(self, data: bytes) -> None:
        if self.failure is not None:
            return
        try:
            if self._file is None:
                self._file = self.path.open("wb")
            self._file.write(data)
        except OSError as error:
            self.failure = error  # a full disk does not change the step's outcome

    def close(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self.failure = self.failure or error
