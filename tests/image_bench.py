"""Small packages, kernels, sources and recipes for tests of the image builder."""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import struct
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from backends.images.downloads import Downloads
from backends.images.progress import OnProgress
from backends.images.recipe import INITRAMFS, KERNEL, PackageFile, Requirement


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


class SmallSource:
    """Packages made on the spot: what ``resolve`` names can be changed between builds."""

    name = "small"

    def __init__(self, **contents: bytes) -> None:
        self.contents = contents
        self.fetched: list[str] = []
        self.resolved = 0

    async def resolve(
        self, requirements: Sequence[Requirement], on_progress: OnProgress
    ) -> tuple[PackageFile, ...]:
        self.resolved += 1
        return tuple(
            PackageFile(name=name, version="1", sha256=sha256(content), size=len(content))
            for name, content in sorted(self.contents.items())
        )

    async def fetch(
        self, packages: Sequence[PackageFile], downloads: Downloads, on_progress: OnProgress
    ) -> None:
        downloads.folder.mkdir(parents=True, exist_ok=True)
        for package in packages:
            self.fetched.append(package.name)
            downloads.path(package).write_bytes(self.contents[package.name])


class SmallRecipe:
    """An image of a few bytes.

    Args:
        gate: Folder in which each build leaves a file ``started-PID`` and then waits for one named
            ``go``; ``None`` to build at once.
    """

    name = "small"
    description = "an image for tests"
    cmdline = ("quiet",)
    requirements: tuple[Requirement, ...] = ()

    def __init__(self, version: int = 1, gate: Path | None = None) -> None:
        self.version = version
        self.gate = gate

    def fingerprint(self) -> str:
        return f"small {self.version}"

    def build(
        self,
        packages: Mapping[PackageFile, Path],
        folder: Path,
        report: Callable[[int, int, str], None],
    ) -> None:
        report(0, 2, "one")
        (folder / KERNEL).write_bytes(b"".join(path.read_bytes() for path in packages.values()))
        if self.gate:
            (self.gate / f"started-{os.getpid()}").touch()
            while not (self.gate / "go").exists():
                report(1, 2, "waiting for the test")
                time.sleep(0.01)
        report(1, 2, "two")
        (folder / INITRAMFS).write_bytes(b"initramfs")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
