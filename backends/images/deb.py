"""Reads Debian packages without dpkg: an ``ar`` archive of tar files."""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Iterator
from pathlib import Path

from backends.images.compression import CompressionError, compression_of, decompress

_AR_MAGIC = b"!<arch>\n"
_AR_HEADER = 60


class DebError(ValueError):
    """The file is not a Debian package, or is damaged."""


class Package:
    """A package's files, read from memory; nothing is written.

    Paths are absolute and as the package spells them. Links are followed within the package.

    Args:
        path: The ``.deb`` file, read whole at once.

    Raises:
        DebError: the file is not a package, or is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._members: dict[str, tarfile.TarInfo] = {}
        try:
            self._tar = tarfile.TarFile(fileobj=io.BytesIO(_tar(path, "data.tar")))
            for member in self._tar:
                self._members[_absolute(member.name)] = member
        except tarfile.TarError as error:
            raise DebError(f"{path.name}: {error}") from error

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of everything that is not a directory."""
        return tuple(name for name, member in self._members.items() if not member.isdir())

    def read(self, name: str) -> bytes:
        """Return a file's content.

        Raises:
            KeyError: there is no such file, or a link that leads out of the package.
            DebError: the package is damaged.
        """
        seen: set[str] = set()
        while (member := self._members[name]).issym() or member.islnk():
            if name in seen:
                raise DebError(f"{self.path.name}: {name} is a link to itself")
            seen.add(name)
            base = posixpath.dirname(name) if member.issym() else "/"
            name = _absolute(posixpath.join(base, member.linkname))
        try:
            content = self._tar.extractfile(member)
            if content is None:
                raise KeyError(name)
            return content.read()
        except tarfile.TarError as error:
            raise DebError(f"{self.path.name}: {name}: {error}") from error


def _absolute(name: str) -> str:
    return posixpath.normpath("/" + name.lstrip("/"))


def control(package: Path) -> dict[str, str]:
    """Read a package's control fields; the lines of a folded field are joined by a newline.

    Raises:
        DebError: the file is not a package, or is damaged.
    """
    try:
        with tarfile.TarFile(fileobj=io.BytesIO(_tar(package, "control.tar"))) as tar:
            for member in tar:
                if _absolute(member.name) == "/control":
                    content = tar.extractfile(member)
                    assert content is not None
                    return parse_control(content.read().decode("utf-8", "replace"))
    except tarfile.TarError as error:
        raise DebError(f"{package.name}: {error}") from error
    raise DebError(f"{package.name}: it has no control file")


def parse_control(text: str) -> dict[str, str]:
    """Read the first stanza of control fields, such as ``apt-cache show`` prints."""
    fields: dict[str, str] = {}
    name = ""
    for line in text.strip().splitlines():
        if not line.strip():
            break
        if line[0].isspace():
            fields[name] = f"{fields.get(name, '')}\n{line.strip()}"
        else:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
    return fields


def _tar(package: Path, stem: str) -> bytes:
    for name, data in _members(package):
        if name == stem:
            return data
        if name.startswith(f"{stem}."):
            if compression_of(data) is None:
                raise DebError(f"{package.name}: unknown compression of {name}")
            try:
                return decompress(data)
            except CompressionError as error:
                raise DebError(f"{package.name}: {name}: {error}") from error
    raise DebError(f"{package.name}: it has no {stem}, so it is not a Debian package")


def _members(package: Path) -> Iterator[tuple[str, bytes]]:
    data = package.read_bytes()
    if not data.startswith(_AR_MAGIC):
        raise DebError(f"{package.name}: it is not a Debian package")
    offset = len(_AR_MAGIC)
    while offset + _AR_HEADER <= len(data):
        header = data[offset : offset + _AR_HEADER]
        try:
            size = int(header[48:58])
        except ValueError as error:
            raise DebError(f"{package.name}: damaged at byte {offset}") from error
        start = offset + _AR_HEADER
        if start + size > len(data):
            raise DebError(f"{package.name}: cut off at byte {len(data)}")
        yield header[:16].decode("ascii", "replace").strip().rstrip("/"), data[start : start + size]
        offset = start + size + size % 2
