"""Snapshots on disk: a machine's disk and RAM, saved under a name, and templates kept by key.

A snapshot is a folder ``<root>/<name>/`` with everything a fork needs: the RAM and device state, the
disk's frozen layers, kernel, initramfs and ``snapshot.json``. Layers, kernel and initramfs are hard
links shared with the machines they came from and went to, so the file system counts who still needs
them: saving, forking and removing in any order never breaks a descendant, and space is given back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import json
import os
import re
import shutil
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backends.base import BackendError
from backends.counted import CountedFile, OnBytes
from backends.files import copy

RECORD = "snapshot.json"
STATE = "state"
"""RAM and devices as QEMU's migration stream; devices alone where ``RAM`` holds the memory."""
RAM = "ram"
"""The guest's memory as a plain file that forks map privately."""
EXPORT_FORMAT = 1

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


class SnapshotError(BackendError):
    """A snapshot's name or folder cannot be used as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRecord:
    """What ``snapshot.json`` says."""

    name: str
    created: float
    """Seconds since the epoch."""
    machine: str
    """Id of the machine it was taken of."""
    label: str
    parent: str
    """Snapshot that machine came from; empty if it was booted."""
    backend: str
    machine_type: str
    accel: str
    cpus: int
    memory: int
    """MiB."""
    disk: int | None
    """MiB."""
    image: str
    image_digest: str
    cmdline: tuple[str, ...]
    tsc_khz: int | None
    qemu_version: str
    host_key: str
    """The guest's public host key, which every fork shares."""
    env: Mapping[str, str] = field(default_factory=dict)
    with_ram: bool = True
    """Whether forks resume; otherwise they boot from the saved disk."""
    layers: tuple[str, ...] = ()
    """The disk's qcow2 files, the top one first."""
    files: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Size in bytes and modification time in ns of what the snapshot alone owns."""

    def to_json(self) -> str:
        """Return the record as the text of ``snapshot.json``."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> SnapshotRecord:
        """Read a record.

        Raises:
            ValueError: the text is no record.
        """
        try:
            data = json.loads(text)
            known = {f.name for f in dataclasses.fields(cls)}
            values = {key: value for key, value in data.items() if key in known}
            values["cmdline"], values["layers"] = tuple(values["cmdline"]), tuple(values["layers"])
            values["files"] = {k: (int(v[0]), int(v[1])) for k, v in values["files"].items()}
            return cls(**values)
        except (TypeError, KeyError, AttributeError, IndexError) as error:
            raise ValueError(f"not a snapshot record: {error}") from error


def check_name(name: str) -> str:
    """Return ``name`` if a snapshot may bear it.

    Raises:
        SnapshotError: it may not; the message says why.
    """
    remedy = "use up to 100 letters, digits, '.', '_' and '-'"
    if not name:
        raise SnapshotError("a snapshot needs a name", remedy=remedy)
    if name in (".", ".."):
        raise SnapshotError(f"{name!r} is a folder's own name, not a snapshot's", remedy=remedy)
    if "/" in name or "\\" in name:
        raise SnapshotError(f"{name!r} is a path, not a snapshot's name", remedy=remedy)
    if any(not c.isprintable() for c in name):
        raise SnapshotError(f"{name!r} holds control characters", remedy=remedy)
    if not _NAME.fullmatch(name):
        raise SnapshotError(f"{name!r} is not a snapshot's name", remedy=remedy)
    if name.startswith("."):
        raise SnapshotError(f"{name!r} begins with a dot, which hides it", remedy=remedy)
    return name


class SnapshotStore:
    """The snapshots of one state folder.

    Args:
        root: The folder of snapshot folders; made when needed, readable by its owner alone.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def records(self) -> list[SnapshotRecord]:
        """Return the readable snapshots, sorted by name. Blocking."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self.root):
                if not entry.name.startswith(".") and entry.is_dir():
                    with contextlib.suppress(SnapshotError):
                        found.append(self.get(entry.name))
        return sorted(found, key=lambda r: r.name)

    def folder(self, name: str) -> Path:
        """Return where the snapshot is or would be.

        Raises:
            SnapshotError: the name may not be used.
        """
        return self.root / check_name(name)

    def get(self, name: str) -> SnapshotRecord:
        """Return a snapshot's record, its files checked for size and time. Blocking, shortly.

        Raises:
            SnapshotError: there is none of this name, or it is damaged.
        """
        folder = self.folder(name)
        try:
            # Its folder names it, so that renaming is one step.
            record = dataclasses.replace(SnapshotRecord.from_json((folder / RECORD).read_text()), name=name)
        except FileNotFoundError as error:
            if folder.is_dir():
                raise SnapshotError(
                    f"the snapshot {name!r} is damaged: it has no {RECORD}",
                    remedy=f"vmbench snapshot rm {name}",
                ) from error
            raise SnapshotError(
                f"no snapshot is called {name!r}", remedy="vmbench snapshot list shows them"
            ) from error
        except NotADirectoryError as error:
            raise SnapshotError(
                f"{folder} is a file where the snapshot's folder should be",
                remedy=f"look at it: ls -l {folder}",
            ) from error
        except (OSError, ValueError) as error:
            raise SnapshotError(
                f"the snapshot {name!r} is damaged: {error}", remedy=f"vmbench snapshot rm {name}"
            ) from error
        for file, expected in record.files.items():
            if fingerprint(folder / file) != expected:
                raise SnapshotError(
                    f"the snapshot {name!r} is damaged: {file} is not as it was saved",
                    remedy=f"vmbench snapshot rm {name}",
                )
        for layer in record.layers:
            if not (folder / layer).exists():
                raise SnapshotError(
                    f"the snapshot {name!r} is damaged: its disk layer {layer} is gone",
                    remedy=f"vmbench snapshot rm {name}",
                )
        return record

    def size(self, name: str) -> int:
        """Return the bytes on disk that removing the snapshot would give back. Blocking."""
        return self.sizes(name)[0]

    def sizes(self, name: str) -> tuple[int, int]:
        """Return the bytes on disk that are the snapshot's alone, and those it shares. Blocking."""
        own = shared = 0
        with contextlib.suppress(OSError):
            for entry in os.scandir(self.folder(name)):
                stat = entry.stat(follow_symlinks=False)
                if stat.st_nlink == 1:
                    own += stat.st_blocks * 512
                else:
                    shared += stat.st_blocks * 512
        return own, shared

    def scan(self) -> tuple[list[SnapshotRecord], dict[str, str]]:
        """Return the good snapshots by name, and why each of the others is damaged. Blocking."""
        good: list[SnapshotRecord] = []
        damaged: dict[str, str] = {}
        entries = self.root.iterdir() if self.root.is_dir() else ()
        for name in sorted(path.name for path in entries if path.name[0] != "."):
            try:
                good.append(self.get(name))
            except SnapshotError as error:
                damaged[name] = error.message
        return good, damaged

    def free(self, name: str) -> None:
        """Check that a new snapshot may be called ``name``.

        Raises:
            SnapshotError: it may not, or one is called so.
        """
        folder = self.folder(name)
        if folder.is_dir():
            raise SnapshotError(
                f"a snapshot is already called {name!r}",
                remedy=f"choose another name, or remove it: vmbench snapshot rm {name}",
            )
        if os.path.lexists(folder):
            raise SnapshotError(
                f"{folder} is a file where the snapshot's folder should be",
                remedy=f"look at it: ls -l {folder}",
            )

    @contextmanager
    def saving(self, name: str) -> Iterator[Path]:
        """Give a temporary folder that becomes the snapshot when the block ends well. Blocking, shortly.

        The block writes the files and, by ``seal``, the record. A crash leaves a hidden folder that
        ``sweep`` removes.

        Raises:
            SnapshotError: the name may not be used, or is taken.
        """
        self.free(name)
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self.root / f".{name}.{os.getpid()}.{time.monotonic_ns()}"
        temporary.mkdir(mode=0o700)
        try:
            yield temporary
            try:
                temporary.rename(self.root / name)
            except OSError as error:
                self.free(name)
                raise SnapshotError(f"cannot save {name!r}: {error.strerror}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def remove(self, name: str) -> None:
        """Delete a snapshot, damaged or not; its forks do not need it. Blocking.

        Raises:
            SnapshotError: there is none of this name.
        """
        folder = self.folder(name)
        doomed = self.root / f".{name}.{os.getpid()}.doomed"
        try:
            folder.rename(doomed)
        except FileNotFoundError as error:
            raise SnapshotError(
                f"no snapshot is called {name!r}", remedy="vmbench snapshot list shows them"
            ) from error
        shutil.rmtree(doomed, ignore_errors=True)

    def rename(self, name: str, new: str) -> SnapshotRecord:
        """Call a snapshot otherwise; those saved of its forks keep it as their parent. Blocking.

        Cut short, it is called as before, and a repetition ends what was begun.

        Raises:
            SnapshotError: there is none of this name, it is damaged, or the new one may not be used.
        """
        self.get(name)
        self.free(new)
        try:
            with self._adopting(name, new):
                self.folder(name).rename(self.folder(new))
        except OSError as error:
            self.free(new)
            raise SnapshotError(
                f"cannot rename {name!r}: {error.strerror or error}", remedy=f"look at it: ls -ld {self.root}"
            ) from error
        return self.get(new)

    @contextmanager
    def _adopting(self, name: str, new: str) -> Iterator[None]:
        """Note in the children of ``name`` that ``new`` is their parent, unless the block fails. Blocking."""
        changed = []
        try:
            for child in self.records():
                if child.parent == name:
                    changed.append(child)
                    self._write(dataclasses.replace(child, parent=new))
            yield
        except BaseException:
            for child in changed:
                with contextlib.suppress(OSError):
                    self._write(child)
            raise

    def _write(self, record: SnapshotRecord) -> None:
        path = self.folder(record.name) / RECORD
        fresh = path.with_name(f".{RECORD}.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(record.to_json())
        fresh.replace(path)

    def sweep(self) -> list[str]:
        """Remove what savers and removers that died left behind; return a line for each. Blocking."""
        messages = []
        with contextlib.suppress(FileNotFoundError):
            for entry in list(os.scandir(self.root)):
                found = re.fullmatch(r"\.(.+)\.(\d+)\.\w+", entry.name)
                if found and not _alive(int(found[2])):
                    shutil.rmtree(entry.path, ignore_errors=True)
                    messages.append(f"reclaimed an unfinished snapshot {found[1]!r}")
        return messages

    def export(self, name: str, target: Path, on_bytes: OnBytes | None = None) -> int:
        """Write a snapshot as one file (a tar archive); return its size in bytes. Blocking.

        Args:
            name: The snapshot.
            target: The file, which must not exist yet.
            on_bytes: Called with the bytes that are done and those there are in all; what it raises ends
                the work, and nothing is left of the file.

        Raises:
            SnapshotError: there is no such snapshot, or the file exists or cannot be written.
        """
        record = self.get(name)
        folder = self.folder(name)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        if os.path.lexists(target):
            raise SnapshotError(f"{target} exists", remedy="choose another name, or remove it first")
        try:
            files = sorted(p for p in folder.iterdir())
            total = sum(p.stat().st_size for p in files)
            with (
                CountedFile(partial.open("xb"), total, on_bytes) as counted,
                tarfile.open(fileobj=counted, mode="w:", format=tarfile.PAX_FORMAT) as archive,
            ):
                head = json.dumps({"format": EXPORT_FORMAT, "name": record.name}).encode()
                info = tarfile.TarInfo("vmbench-snapshot")
                info.size = len(head)
                archive.addfile(info, io.BytesIO(head))
                for file in files:
                    archive.add(file, arcname=file.name, recursive=False)
            os.link(partial, target)
        except OSError as error:
            raise SnapshotError(
                f"cannot write {target}: {error.strerror or error}",
                remedy="free some space, or choose another",
            ) from error
        finally:
            partial.unlink(missing_ok=True)
        return target.stat().st_size

    def import_(
        self, source: Path, name: str | None = None, on_bytes: OnBytes | None = None
    ) -> SnapshotRecord:
        """Read a snapshot that ``export`` wrote, under its own or another name. Blocking.

        Args:
            source: The file.
            name: Its name here; ``None`` for the one it had.
            on_bytes: Called with the bytes that are done and those there are in all; what it raises ends
                the work, and nothing is left of the snapshot.

        Raises:
            SnapshotError: the file is no export, or the name may not be used.
        """
        try:
            with (
                CountedFile(source.open("rb"), source.stat().st_size, on_bytes) as counted,
                tarfile.open(fileobj=counted, mode="r:") as archive,
            ):
                members = archive.getmembers()
                if not members or members[0].name != "vmbench-snapshot":
                    raise SnapshotError(f"{source} is no exported snapshot", remedy="export one first")
                head = archive.extractfile(members[0])
                assert head is not None
                told = json.loads(head.read())
                if told.get("format") != EXPORT_FORMAT:
                    raise SnapshotError(
                        f"{source} is of format {told.get('format')!r}, this vmbench reads {EXPORT_FORMAT}",
                        remedy="export it again with this version",
                    )
                named = check_name(name or str(told.get("name", "")))
                with self.saving(named) as folder:
                    for member in members[1:]:
                        if not member.isreg() or not re.fullmatch(r"[A-Za-z0-9._-]+", member.name):
                            raise SnapshotError(f"{source} holds {member.name!r}, which no snapshot has")
                        archive.extract(member, folder, filter="data")
                    record = SnapshotRecord.from_json((folder / RECORD).read_text())
                    return seal(folder, dataclasses.replace(record, name=named))
        except (tarfile.TarError, ValueError, OSError) as error:
            raise SnapshotError(
                f"cannot read {source}: {error}", remedy="check the file; export it again if it is cut short"
            ) from error


def seal(folder: Path, record: SnapshotRecord) -> SnapshotRecord:
    """Write the record last, with the size and time of the files that must not change."""
    owned = {name: fingerprint(folder / name) for name in (STATE, RAM) if (folder / name).exists()}
    sealed = dataclasses.replace(record, files=owned)
    path = folder / RECORD
    path.touch(mode=0o600)
    path.write_text(sealed.to_json())
    return sealed


def fingerprint(path: Path) -> tuple[int, int]:
    """Return a file's size in bytes and modification time in ns; ``(-1, -1)`` if it is gone."""
    try:
        stat = path.stat()
    except OSError:
        return (-1, -1)
    return (stat.st_size, stat.st_mtime_ns)


def link(source: Path, target: Path) -> None:
    """Hard-link a file that nobody writes to any more, or copy it where that cannot be."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        copy(source, target)


def _alive(pid: int) -> bool:
    from backends.process import identify

    return identify(pid) is not None
