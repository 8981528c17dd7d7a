"""The folder of package files, named by their checksum: what is there is complete and verified."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from backends.images.recipe import PackageFile

_CHUNK = 1 << 20


class Downloads:
    """Package files on disk, shared by every recipe and source.

    Args:
        folder: Where they are kept; made when needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, package: PackageFile) -> Path:
        """Where a package's file is, or will be."""
        return self.folder / f"{package.sha256}.deb"

    def partial(self, package: PackageFile) -> Path:
        """Where the beginning of an unfinished download is kept."""
        return self.folder / f"{package.sha256}.part"

    def has(self, package: PackageFile) -> bool:
        """Tell whether a package is there, by its size."""
        try:
            return self.path(package).stat().st_size == package.size
        except OSError:
            return False

    def is_good(self, package: PackageFile) -> bool:
        """Hash a package that is there, and delete it if it is damaged; blocking."""
        path = self.path(package)
        if sha256_of(path) == package.sha256:
            return True
        path.unlink()
        return False

    def accept(self, package: PackageFile, file: Path) -> bool:
        """Take a downloaded file in if its checksum is right; blocking.

        Returns:
            Whether it was; a wrong file is deleted.
        """
        if sha256_of(file) != package.sha256:
            file.unlink()
            return False
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
        file.replace(self.path(package))
        return True


def sha256_of(path: Path) -> str:
    """Compute a file's checksum; blocking."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
