"""What the workbench and the process that emulates its background terminals say to each other."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from app.tui.terminal.emulator import Cursor, Modes
from app.tui.terminal.packed import PackedRow

HEADER = struct.Struct("!I")
HISTORY_PIECE = 250
"""Lines of scrollback in one message, so that no message takes long to read."""


class Feed(NamedTuple):
    """Bytes that a program printed."""

    pane: int
    data: bytes


class History(NamedTuple):
    """A part of the scrollback, older parts first."""

    pane: int
    rows: list[PackedRow]


class Take(NamedTuple):
    """An emulator begins here; its scrollback was sent before."""

    pane: int
    state: tuple[Any, ...]


class Resize(NamedTuple):
    """A new size."""

    pane: int
    columns: int
    lines: int


class Shown(NamedTuple):
    """The last frame was shown; another may come."""

    pane: int


class Recall(NamedTuple):
    """Give the emulator back once all that was sent before is emulated."""

    pane: int


class Drop(NamedTuple):
    """The terminal is gone."""

    pane: int


class Fed(NamedTuple):
    """So many bytes were emulated."""

    pane: int
    size: int


class Frame(NamedTuple):
    """What a terminal shows now."""

    pane: int
    columns: int
    lines: int
    rows: dict[int, PackedRow]
    cursor: Cursor
    pushed: int
    modes: Modes
    title: str


class Reply(NamedTuple):
    """What the terminal answers to the program."""

    pane: int
    data: bytes


class Bell(NamedTuple):
    """The bell rang."""

    pane: int


class Copy(NamedTuple):
    """Base64 text that the program wants copied."""

    pane: int
    text: str


Message = Feed | History | Take | Resize | Shown | Recall | Drop | Fed | Frame | Reply | Bell | Copy


def encoded(message: Message) -> bytes:
    """Return a message as bytes."""
    data = pickle.dumps(message, 5)
    return HEADER.pack(len(data)) + data


class Decoder:
    """Finds messages in bytes that come in pieces; both ends are this program's own."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take the next bytes and return what is whole."""
        kept = self._kept
        kept += data
        position = 0
        while len(kept) - position >= HEADER.size:
            (length,) = HEADER.unpack_from(kept, position)
            end = position + HEADER.size + length
            if len(kept) < end:
                break
            message: Message = pickle.loads(memoryview(kept)[position + HEADER.size : end])  # noqa: S301
            position = end
            yield message
        del kept[:position]
