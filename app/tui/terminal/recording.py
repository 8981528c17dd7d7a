"""How terminals are recorded: where to, as what, with what masked."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.engine.masking import Masker
from app.paths import private_folder
from app.tui.terminal.cast import CastWriter

if TYPE_CHECKING:
    from backends.base import Terminal

ENDING = ".cast"


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Makes recordings."""

    folder: Path
    """Where they go; made when the first does."""
    always: bool = False
    """Whether every terminal is recorded from its beginning."""
    typed: bool = False
    """Whether they hold what is typed, too."""
    version: Literal[2, 3] = 3
    masker: Masker = field(default_factory=Masker)

    def begin(self, label: str, columns: int, rows: int, screen: str = "") -> CastWriter:
        """Begin a recording in a new file. Blocking, shortly.

        Args:
            label: What is recorded.
            columns: Width in cells.
            rows: Height in cells.
            screen: What draws the screen as it is already.

        Raises:
            OSError: the file cannot be made.
        """
        private_folder(self.folder)
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-.")[:60] or "terminal"
        stamp = time.strftime("%Y%m%d-%H%M%S")
        for number in range(1, 1000):
            path = self.folder / f"{stem}-{stamp}{f'-{number}' if number > 1 else ''}{ENDING}"
            try:
                cast = self.write(path, label, columns, rows)
            except FileExistsError:
                continue
            if screen:
                cast.output(screen.encode())
            return cast
        raise FileExistsError(f"too many recordings in {self.folder}")

    def write(self, path: Path, label: str, columns: int, rows: int) -> CastWriter:
        """Begin a recording in a file of this name.

        Raises:
            FileExistsError: there is one.
            OSError: it cannot be made.
        """
        return CastWriter(
            path,
            columns,
            rows,
            version=self.version,
            title=label,
            typed=self.typed,
            secrets=self.masker,
        )


class RecordedTerminal:
    """A terminal that is recorded; fulfils ``backends.base.Terminal``.

    Args:
        terminal: What is recorded.
        cast: What writes it down; closed with the terminal.
        shown: Filters what is shown after it was recorded.
    """

    def __init__(
        self, terminal: Terminal, cast: CastWriter, shown: Callable[[bytes], bytes] | None = None
    ) -> None:
        self._terminal = terminal
        self._cast = cast
        self._shown = shown

    async def read(self) -> bytes:
        """Return the next bytes, or nothing when the program has ended."""
        while data := await self._terminal.read():
            self._cast.output(data)
            if self._shown is not None:
                data = self._shown(data)
            if data:
                return data
        return b""

    def write(self, data: bytes) -> None:
        """Type."""
        self._cast.input(data)
        self._terminal.write(data)

    def resize(self, columns: int, rows: int) -> None:
        """Tell the program the terminal's new size."""
        self._cast.resize(columns, rows)
        self._terminal.resize(columns, rows)

    async def wait(self) -> int:
        """Return the program's exit code when it has ended."""
        code = await self._terminal.wait()
        self._cast.exit(code)
        return code

    async def close(self) -> None:
        """Hang up, and end the recording. Idempotent."""
        await self._terminal.close()
        await asyncio.to_thread(self._cast.close)
