"""Turns a distribution's compressed kernel into the ELF that QEMU boots directly (PVH)."""

from __future__ import annotations

import io
import re
import struct

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import NoteSegment

from backends.images.compression import CompressionError, compression_of, decompress

_XEN_PHYS32_ENTRY = "18"
"""Type of the ELF note that names the entry point for PVH."""

_SIGNATURE_END = b"~Module signature appended~\n"


class KernelError(ValueError):
    """The kernel cannot be booted by vmbench."""


def unpack(image: bytes) -> bytes:
    """Return the vmlinux ELF inside a bzImage and check that it can be booted by PVH.

    Raises:
        KernelError: not a bzImage, a damaged payload, or a kernel built without PVH.
    """
    elf = image if image.startswith(b"\x7fELF") else _payload(image)
    if not elf.startswith(b"\x7fELF"):
        raise KernelError("the kernel's payload is not an ELF file")
    if not has_pvh_note(elf):
        raise KernelError("the kernel was built without CONFIG_PVH, so QEMU cannot boot it directly")
    return elf


def release(image: bytes) -> str:
    """Return the version string, such as ``6.1.0-43-cloud-amd64``, that a bzImage's header names."""
    (pointer,) = struct.unpack_from("<H", image, 0x20E)
    text = image[pointer + 0x200 : pointer + 0x200 + 256].split(b"\0", 1)[0].decode("ascii", "replace")
    return text.split(" ", 1)[0]


def has_pvh_note(elf: bytes) -> bool:
    """Tell whether an ELF bears the Xen note that PVH loaders look for."""
    try:
        notes = [
            note
            for segment in ELFFile(io.BytesIO(elf)).iter_segments()
            if isinstance(segment, NoteSegment)
            for note in segment.iter_notes()
        ]
    except (ELFError, ValueError, struct.error):
        return False
    return any(note["n_name"] == "Xen" and str(note["n_type"]) == _XEN_PHYS32_ENTRY for note in notes)


def _payload(image: bytes) -> bytes:
    if len(image) < 0x250 or image[0x202:0x206] != b"HdrS":
        raise KernelError("the kernel is not a bzImage: its setup header is missing")
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = image[start : start + length]
    if length == 0 or len(payload) < length:
        raise KernelError("the kernel is cut off before the end of its payload")
    if payload.startswith(b"\x7fELF"):
        return payload
    if compression_of(payload) is None:
        raise KernelError(f"the kernel's payload has an unknown compression ({payload[:6].hex()})")
    try:
        return decompress(payload)
    except CompressionError as error:
        raise KernelError(f"the kernel's payload cannot be unpacked: {error}") from error


def without_signature(module: bytes) -> bytes:
    """Return a module without the signature appended to it.

    The package it came from was verified; checking each module again costs boot time.
    """
    if not module.endswith(_SIGNATURE_END):
        return module
    trailer = len(module) - len(_SIGNATURE_END) - 12
    (length,) = struct.unpack_from(">I", module, trailer + 8)
    return module[: trailer - length]


def module_dependencies(module: bytes) -> tuple[str, tuple[str, ...]]:
    """Read the name and the direct dependencies of an uncompressed kernel module."""
    info = ELFFile(io.BytesIO(module)).get_section_by_name(".modinfo")
    if info is None:
        raise KernelError("a kernel module has no .modinfo section")
    fields = dict(
        field.decode("utf-8", "replace").split("=", 1) for field in info.data().split(b"\0") if b"=" in field
    )
    depends = tuple(name for name in re.split(r",+", fields.get("depends", "")) if name)
    return fields.get("name", ""), depends
