"""Small packages and kernels for tests of the image builder."""

from __future__ import annotations

import io
import lzma
import struct
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path


def make_tar(files: Mapping[str, bytes | str], prefix: str = ".") -> bytes:
    """A tar of files (bytes) and symbolic links (text)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{prefix}{name}")
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size, info.mode = len(content), 0o755
                tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def make_ar(members: Mapping[str, bytes]) -> bytes:
    out = b"!<arch>\n"
    for name, data in members.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        out += data + b"\n" * (len(data) % 2)
    return out


def make_bzimage(payload: bytes, *, sectors: int = 3) -> bytes:
    """The part of a bzImage that matters: a setup header and the payload behind it."""
    head = bytearray((sectors + 1) * 512)
    head[0x1F1] = sectors
    head[0x202:0x206] = b"HdrS"
    gap = 64
    struct.pack_into("<H", head, 0x20E, 0x300 - 0x200)
    head[0x300:0x310] = b"6.9.0-test (me)\0"
    struct.pack_into("<II", head, 0x248, gap, len(payload))
    return bytes(head) + bytes(gap) + payload + b"tail"


def make_elf(*, pvh: bool = True, padding: int = 20000) -> bytes:
    """A 64-bit ELF with one note segment, the Xen one that PVH loaders look for if asked so."""
    name, kind = (b"Xen\0", 18) if pvh else (b"GNU\0", 3)
    note = struct.pack("<III", len(name), 8, kind) + name + struct.pack("<Q", 0x1000000)
    header = struct.pack(
        "<4sBBBB8xHHIQQQIHHHHHH",
        *(b"\x7fELF", 2, 1, 1, 0, 2, 62, 1, 0x1000000, 64, 0, 0, 64, 56, 1, 64, 0, 0),
    )
    segment = struct.pack("<IIQQQQQQ", 4, 4, 120, 0, 0, len(note), len(note), 4)
    return header + segment + note + bytes(padding)


def make_deb(
    path: Path,
    files: Mapping[str, bytes | str],
    *,
    compress: Callable[[bytes], bytes] = lzma.compress,
    suffix: str = ".xz",
    version: str = "1.0",
) -> Path:
    """Write a package to ``path``; its name is the file's stem."""
    control = f"Package: {path.stem}\nVersion: {version}\nDescription: one\n two\n".encode()
    path.write_bytes(
        make_ar(
            {
                "debian-binary": b"2.0\n",
                f"control.tar{suffix}": compress(make_tar({"/control": control})),
                f"data.tar{suffix}": compress(make_tar(files)),
            }
        )
    )
    return path
