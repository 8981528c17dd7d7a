"""What a build says about itself: its inputs, and each file's size and checksum."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backends.images.recipe import PackageFile

MANIFEST = "manifest.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One build.

    Args:
        name: The recipe's name.
        digest: Names the build's content.
        fingerprint: The recipe's, when it was built.
        source: Name of the source its packages came from.
        created: When it was built.
        packages: What it was built from.
        files: File name → size in bytes and SHA-256.
    """

    name: str
    digest: str
    fingerprint: str
    source: str
    created: datetime
    packages: tuple[PackageFile, ...]
    files: Mapping[str, tuple[int, str]]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for size, _ in self.files.values())


def read_manifest(folder: Path) -> Manifest | None:
    """Read the manifest of a build; ``None`` when there is none that can be understood."""
    try:
        data = json.loads((folder / MANIFEST).read_bytes())
        if data["format"] != _FORMAT:
            return None
        return Manifest(
            name=data["name"],
            digest=data["digest"],
            fingerprint=data["fingerprint"],
            source=data["source"],
            created=datetime.fromisoformat(data["created"]),
            packages=tuple(PackageFile(**package) for package in data["packages"]),
            files={name: (int(file["size"]), str(file["sha256"])) for name, file in data["files"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a build's manifest into its folder."""
    data = {
        "format": _FORMAT,
        "name": manifest.name,
        "digest": manifest.digest,
        "fingerprint": manifest.fingerprint,
        "source": manifest.source,
        "created": manifest.created.isoformat(timespec="seconds"),
        "packages": [
            {"name": each.name, "version": each.version, "sha256": each.sha256, "size": each.size}
            for each in manifest.packages
        ],
        "files": {
            name: {"size": size, "sha256": checksum} for name, (size, checksum) in manifest.files.items()
        },
    }
    (folder / MANIFEST).write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
