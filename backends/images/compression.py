"""Decompresses what distributions pack kernels, modules and packages with."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable
from typing import Protocol

import lz4.block
import lz4.frame
import zstandard

_LZ4_LEGACY = b"\x02\x21\x4c\x18"
_LZ4_BLOCK = 8 << 20
"""Most bytes that one block of a legacy LZ4 frame holds."""


class CompressionError(ValueError):
    """The bytes are in no known format or are damaged."""


class _Stream(Protocol):
    """What the decompressors of several libraries have in common."""

    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def _whole(stream: _Stream, data: bytes) -> bytes:
    out = stream.decompress(data)
    if not stream.eof:
        raise CompressionError("the stream ends too early")
    return out


def _gzip(data: bytes) -> bytes:
    return _whole(zlib.decompressobj(wbits=31), data)


def _xz(data: bytes) -> bytes:
    return _whole(lzma.LZMADecompressor(), data)


def _zstd(data: bytes) -> bytes:
    return _whole(zstandard.ZstdDecompressor().decompressobj(), data)


def _lz4_legacy(data: bytes) -> bytes:
    out = bytearray()
    offset = len(_LZ4_LEGACY)
    while offset + 4 < len(data):
        length = int.from_bytes(data[offset : offset + 4], "little")
        offset += 4
        if offset + length > len(data):
            raise CompressionError(f"LZ4 block of {length} bytes exceeds the data")
        out += lz4.block.decompress(data[offset : offset + length], uncompressed_size=_LZ4_BLOCK)
        offset += length
    return bytes(out)


def _lz4(data: bytes) -> bytes:
    return bytes(lz4.frame.decompress(data))


_BY_MAGIC: dict[bytes, tuple[str, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": ("gzip", _gzip),
    b"\xfd7zXZ\x00": ("xz", _xz),
    b"]\x00\x00": ("lzma", _xz),
    b"\x28\xb5\x2f\xfd": ("zstd", _zstd),
    _LZ4_LEGACY: ("lz4", _lz4_legacy),
    b"\x04\x22\x4d\x18": ("lz4", _lz4),
}


def compression_of(data: bytes) -> str | None:
    """Name the format that ``data`` begins with, or ``None`` if it is in none that is known."""
    return next((name for magic, (name, _) in _BY_MAGIC.items() if data.startswith(magic)), None)


def decompress(data: bytes) -> bytes:
    """Decompress one stream; bytes that follow its end are ignored.

    Raises:
        CompressionError: unknown format, or damaged data.
    """
    for magic, (name, decode) in _BY_MAGIC.items():
        if data.startswith(magic):
            try:
                return decode(data)
            except (
                zlib.error,
                lzma.LZMAError,
                zstandard.ZstdError,
                lz4.block.LZ4BlockError,
                RuntimeError,
            ) as error:
                raise CompressionError(f"damaged {name} data: {error}") from error
    raise CompressionError(f"unknown compression, begins with {data[:6].hex()}")
