"""The host's side of a shared folder: read it, and write to it without ever leaving it.

A guest is not trusted: every folder on the way is opened without following links, and files appear
whole or not at all. Everything here blocks.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from backends.share_tree import STATE_FILE, Entry, Tree, leaves, unsafe

CHUNK = 1 << 20
BATCH = 8 << 20
"""Bytes of files that travel in one archive, unless one file alone is bigger."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What a folder holds."""

    tree: dict[str, Entry] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    """Path → why it is not shared."""


def scan(root: Path) -> Scan:
    """Read a folder on the host."""
    found = Scan()
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            entries = sorted(os.scandir(root / folder), key=lambda e: e.name)
        except OSError as error:
            found.left_out[folder] = f"cannot be read: {error.strerror}"
            continue
        for item in entries:
            path = f"{folder}/{item.name}" if folder else item.name
            if path == STATE_FILE:
                continue
            try:
                entry = _entry(item, path)
            except OSError as error:
                found.left_out[path] = f"cannot be read: {error.strerror}"
                continue
            if isinstance(entry, str):
                found.left_out[path] = entry
                continue
            found.tree[path] = entry
            if entry.kind == "folder":
                waiting.append(path)
    return found


def _entry(item: os.DirEntry[str], path: str) -> Entry | str:
    """Return what ``item`` is, or why it is not shared."""
    if "\n" in item.name:
        return "a line break in the name"
    status = item.stat(follow_symlinks=False)
    mode = stat.S_IMODE(status.st_mode) & 0o777
    if stat.S_ISDIR(status.st_mode):
        return Entry("folder", mode)
    if stat.S_ISLNK(status.st_mode):
        target = os.readlink(item.path)  # noqa: PTH115 - as text, unchanged
        return "a link that leads out of the folder" if leaves(path, target) else Entry("link", 0, target)
    if stat.S_ISREG(status.st_mode):
        return Entry("file", mode, digest(Path(item.path)))
    return "neither file, folder nor link"


def digest(path: Path) -> str:
    """Return a file's SHA-256; a link is not followed."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def archives(root: Path, paths: Iterable[str], tree: dict[str, Entry]) -> Iterator[bytes | str]:
    """Pack what the guest lacks: archives of some megabytes, and the path of every bigger file alone.

    A file that changed since ``tree`` was read is packed as it is now, and ``tree`` is told.
    """
    batch, archive = _archive()
    for path in sorted(paths):
        entry = tree[path]
        info = tarfile.TarInfo(path)
        info.mode = entry.mode
        if entry.kind == "folder":
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
        elif entry.kind == "link":
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.what, 0o777
            archive.addfile(info)
        else:
            try:
                with os.fdopen(
                    os.open(root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb"
                ) as file:
                    status = os.fstat(file.fileno())
                    if status.st_size > BATCH:
                        yield path
                        continue
                    info.mtime = int(status.st_mtime)
                    content = file.read()
            except OSError:
                continue  # gone since it was seen; the next sync tells the guest
            info.size = len(content)
            tree[path] = Entry("file", entry.mode, hashlib.sha256(content).hexdigest())
            archive.addfile(info, io.BytesIO(content))
        if batch.tell() > BATCH:
            archive.close()
            yield batch.getvalue()
            batch, archive = _archive()
    archive.close()
    yield batch.getvalue()


def _archive() -> tuple[io.BytesIO, tarfile.TarFile]:
    batch = io.BytesIO()
    return batch, tarfile.TarFile(fileobj=batch, mode="w", format=tarfile.GNU_FORMAT)


class Writer:
    """Writes below a folder on the host.

    Args:
        root: The folder.
        seen: What it held when it was read; what has changed since then is left alone.
    """

    def __init__(self, root: Path, seen: Tree) -> None:
        self.root = root
        self.seen = seen

    def folder(self, path: str, mode: int) -> bool:
        """Make a folder, or leave it as it is; return whether it is there now."""
        with self._parent(path) as (parent, name):
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, mode | 0o700, dir_fd=parent)
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                if not self._as_seen(path):
                    return False
                os.unlink(name, dir_fd=parent)
                os.mkdir(name, mode | 0o700, dir_fd=parent)
        return True

    def link(self, path: str, target: str) -> bool:
        """Make a link; return whether it was done."""
        with self._parent(path) as (parent, name), self._temporary(parent, name) as temporary:
            os.symlink(target, temporary, dir_fd=parent)
            return self._place(path, parent, temporary, name)

    def file(self, path: str, content: IO[bytes], mode: int, mtime: float) -> str:
        """Write a file; return its SHA-256, or nothing if what was there had changed meanwhile."""
        hasher = hashlib.sha256()
        with self._parent(path) as (parent, name), self._temporary(parent, name) as temporary:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=parent), "wb") as file:
                while chunk := content.read(CHUNK):
                    hasher.update(chunk)
                    file.write(chunk)
                os.fchmod(file.fileno(), mode & 0o777)
                file.flush()
                os.utime(file.fileno(), (mtime, mtime))
            return hasher.hexdigest() if self._place(path, parent, temporary, name) else ""

    def mode(self, path: str, mode: int) -> None:
        """Change a file's or folder's permissions."""
        with self._parent(path) as (parent, name):
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
            try:
                os.fchmod(fd, mode & 0o777)
            finally:
                os.close(fd)

    def delete(self, path: str) -> bool:
        """Delete a file, link or empty folder that is as it was seen; return whether it is gone."""
        entry = self.seen.get(path)
        try:
            with self._parent(path) as (parent, name):
                if entry is not None and entry.kind == "folder":
                    os.rmdir(name, dir_fd=parent)
                elif self._as_seen(path):
                    os.unlink(name, dir_fd=parent)
                else:
                    return False
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def _place(self, path: str, parent: int, temporary: str, name: str) -> bool:
        if not self._as_seen(path):
            return False
        try:
            os.replace(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        except IsADirectoryError:
            try:
                os.rmdir(name, dir_fd=parent)
            except OSError:
                return False
            os.replace(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        return True

    def _as_seen(self, path: str) -> bool:
        """Whether what is at ``path`` is still what it was when the folder was read."""
        entry = self.seen.get(path)
        here = self.root / path
        try:
            status = here.lstat()
            if entry is None:
                return False
            if stat.S_ISDIR(status.st_mode):
                return entry.kind == "folder"
            if stat.S_ISLNK(status.st_mode):
                return entry.kind == "link" and os.readlink(here) == entry.what  # noqa: PTH115
            return entry.kind == "file" and digest(here) == entry.what
        except FileNotFoundError:
            return True  # nothing is lost by writing where nothing is
        except OSError:
            return False

    @contextmanager
    def _temporary(self, parent: int, name: str) -> Iterator[str]:
        temporary = f".vmbench-{os.getpid()}-{os.urandom(4).hex()}"
        try:
            yield temporary
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=parent)

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        """Open the folder that ``path`` is in, one part after the other, no link followed.

        Raises:
            OSError: a part is a link or no folder, or the path would lead out.
        """
        if unsafe(path):
            raise OSError(0, f"{path!r} would lead out of the folder")
        *folders, name = path.split("/")
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in folders:
                inner = os.open(part, flags, dir_fd=fd)
                os.close(fd)
                fd = inner
            yield fd, name
        finally:
            os.close(fd)


def unpack(archive: Path, wanted: Mapping[str, str]) -> Iterator[tuple[str, tarfile.TarInfo, IO[bytes]]]:
    """Read the files that a guest packed: path in the guest, head and content of each wanted one.

    Args:
        archive: One archive, or several in a row.
        wanted: The paths that were asked for; a guest may send others, which are passed over.
    """
    with tarfile.open(archive, "r:", ignore_zeros=True, encoding="utf-8", errors="surrogateescape") as tar:
        for member in tar:
            path = member.name.removeprefix("./")
            if member.isreg() and path in wanted:
                content = tar.extractfile(member)
                assert content is not None
                yield path, member, content


def room(root: Path, needed: int) -> bool:
    """Whether the host's disk holds ``needed`` more bytes."""
    return shutil.disk_usage(root).free > needed + (16 << 20)
