"""A file that tells how far it was read or written, for what takes long enough to be watched."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

OnBytes = Callable[[int, int], None]
"""Called with the bytes that are done and those there are in all."""


class CountedFile(io.RawIOBase):
    """A file that tells how far it was read or written.

    Args:
        file: The file, which is closed with this one.
        total: Bytes it will have in all.
        tell: Is told; what it raises ends the work.
    """

    def __init__(self, file: BinaryIO, total: int, tell: OnBytes | None) -> None:
        super().__init__()
        self._file, self._total, self._tell = file, total, tell

    def read(self, size: int = -1, /) -> bytes:
        """Read, and tell."""
        data = self._file.read(size)
        self._progress()
        return data

    def write(self, data: Buffer, /) -> int:
        """Write, and tell."""
        count = self._file.write(data)
        self._progress()
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go elsewhere."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return where it is."""
        return self._file.tell()

    def readable(self) -> bool:
        """Whether it can be read."""
        return self._file.readable()

    def writable(self) -> bool:
        """Whether it can be written."""
        return self._file.writable()

    def seekable(self) -> bool:
        """Whether one can go elsewhere in it."""
        return True

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()

    def _progress(self) -> None:
        if self._tell is not None:
            self._tell(min(self._file.tell(), self._total), self._total)
