"""What an image recipe is: what it needs, and how that becomes the files of an image.

A recipe's result depends on nothing but its own version and files and the packages it is given, so
that the digest of these names the result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

KERNEL = "kernel"
"""File name, in an image's folder, of the vmlinux ELF."""

INITRAMFS = "initramfs"
"""File name, in an image's folder, of the cpio archive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFile:
    """One package of a distribution, named so exactly that its content is known.

    Args:
        name: The package's name.
        version: The distribution's version of it.
        sha256: Of the package file.
        size: Of the package file in bytes.
        depends: Names of packages it depends on directly.
        locator: What the source that named it needs to fetch it.
    """

    name: str
    version: str
    sha256: str
    size: int
    depends: tuple[str, ...] = field(default=(), compare=False)
    locator: str = field(default="", compare=False)

    @property
    def title(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Packages a recipe asks its source for.

    Args:
        role: What they are for, as the recipe names it.
        alternatives: Package names; the first that the source has is taken.
        follow: Tells whether a direct dependency of a taken package is needed too.
    """

    role: str
    alternatives: tuple[str, ...]
    follow: Callable[[str], bool]


class Recipe(Protocol):
    """How one image is made."""

    @property
    def name(self) -> str:
        """What users call the image."""
        ...

    @property
    def description(self) -> str:
        """One line for people."""
        ...

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """What the recipe needs of a package source."""
        ...

    @property
    def cmdline(self) -> tuple[str, ...]:
        """Kernel arguments that the image itself needs."""
        ...

    def fingerprint(self) -> str:
        """Digest of the recipe's version and of its own files."""
        ...

    def build(
        self,
        packages: Mapping[PackageFile, Path],
        folder: Path,
        report: Callable[[int, int, str], None],
    ) -> None:
        """Make the image's files in ``folder``; blocking, meant for a thread.

        Args:
            packages: The package files, all there and verified.
            folder: Empty folder to write to.
            report: Called with steps done, steps in all and what comes now; it raises to cancel.

        Raises:
            BackendError: the packages do not hold what the image needs.
        """
        ...


def digest_of(fingerprint: str, packages: Iterable[PackageFile]) -> str:
    """Name the result of a recipe with these inputs: 64 hexadecimal digits."""
    identity = [fingerprint, sorted((each.name, each.version, each.sha256) for each in packages)]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()
