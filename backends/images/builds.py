"""What a build of an image is on disk, and whether it is whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backends.images.downloads import sha256_of
from backends.images.manifest import Manifest
from backends.images.progress import OnProgress, Progress
from backends.images.recipe import Recipe, digest_of

BUILD = ".build-"
"""Beginning of the names of what is in the making."""


@dataclass(frozen=True)
class BootImage:
    """What a machine boots.

    Args:
        name: The recipe's name.
        digest: Names the content: the same digest means the same files.
        folder: Where the files are.
        kernel: A vmlinux ELF that can be booted by PVH.
        initramfs: A cpio archive to which another may be appended.
        cmdline: Kernel arguments that the image itself needs.
        description: One line for people.
        size: Of all files together, in bytes.
    """

    name: str
    digest: str
    folder: Path
    kernel: Path
    initramfs: Path
    cmdline: tuple[str, ...]
    description: str
    size: int


@dataclass(frozen=True)
class ImageInfo:
    """One line of the list of images.

    Args:
        name: The recipe's name; ``name@digest`` for a build that a newer one has replaced.
        recipe: The recipe's name.
        digest: Of the build; empty when there is none.
        built: Whether its files are there.
        size: Of its files, in bytes.
        created: When it was built.
        description: One line for people.
    """

    name: str
    recipe: str
    digest: str
    built: bool
    size: int
    created: datetime | None
    description: str


def info(recipe: Recipe, name: str, manifest: Manifest | None) -> ImageInfo:
    """Return what the list of images says of a recipe and its build, if it has one."""
    return ImageInfo(
        name=name,
        recipe=recipe.name,
        digest=manifest.digest if manifest else "",
        built=manifest is not None,
        size=manifest.size if manifest else 0,
        created=manifest.created if manifest else None,
        description=recipe.description,
    )


def complete(folder: Path, manifest: Manifest) -> bool:
    """Return whether all files of a build are there, by their sizes."""
    try:
        return all((folder / name).stat().st_size == size for name, (size, _) in manifest.files.items())
    except OSError:
        return False


def wrong(folder: Path, manifest: Manifest, report: OnProgress) -> list[str]:
    """Return what is wrong with a build, in words; every file is read. Blocking."""
    wrong: list[str] = []
    for index, (name, (size, checksum)) in enumerate(manifest.files.items()):
        path = folder / name
        report(Progress("verifying", index, len(manifest.files), name))
        if not path.is_file():
            wrong.append(f"{path}: it is missing")
        elif path.stat().st_size != size:
            wrong.append(f"{path}: it has {path.stat().st_size} bytes instead of {size}")
        elif sha256_of(path) != checksum:
            wrong.append(f"{path}: its content has changed since it was built")
    expected = digest_of(manifest.fingerprint, manifest.packages)
    if manifest.digest != expected or folder.name != expected:
        wrong.append(f"{folder}: the manifest does not belong to this build")
    return wrong


def usage(folder: Path) -> int:
    """Return how many bytes the files below a folder take."""
    return sum(_sizes(folder)) if folder.exists() else 0


def _sizes(folder: Path) -> Iterator[int]:
    for base, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                yield (Path(base) / name).lstat().st_size


def sync(path: Path) -> None:
    """Have a file on the disk before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a line into a file, all of it or nothing."""
    temporary = path.with_name(f"{BUILD}{path.name}")
    temporary.write_text(f"{text}\n", encoding="ascii")
    sync(temporary)
    temporary.replace(path)
