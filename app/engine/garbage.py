"""Finds what nobody needs any more: what a vmbench that died left, and what can be made again."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.engine.checkpoints import CheckpointName
from app.paths import Paths
from backends.images.store import ImageStore
from backends.names import ID_PATTERN
from backends.process import ProcessIdentity, identify
from backends.snapshots import STATE, SnapshotError, SnapshotStore
from backends.store import MachineStore, delete_folder, locked

FRESH = 60.0
"""Seconds for which a folder without a record may be one that is just being made."""
_HIDDEN = re.compile(r"\.(.+)\.(\d+)\.\w+")
"""What removers and savers call a folder they work on; the number is their process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """One thing that can go."""

    kind: str
    name: str
    why: str
    age: float
    """Seconds."""
    size: int
    """Bytes on disk that it gives back."""
    reclaim: Callable[[], object]
    """Removes it. Blocking."""


def find_garbage(paths: Paths, older_than: float) -> list[Garbage]:
    """Return all that can go. Blocking.

    Args:
        paths: The user's folders.
        older_than: Seconds that what can be made again must not have been used.
    """
    machines = MachineStore(paths.machines)
    snapshots, templates = SnapshotStore(paths.snapshots), SnapshotStore(paths.templates)
    return [
        *_processes(paths.machines),
        *_machines(machines),
        *_folders(machines),
        *(g for store in (snapshots, templates) for g in _unfinished(store)),
        *_checkpoints(snapshots, older_than),
        *_templates(templates, older_than),
        *_images(paths, older_than),
        *_runs(paths.runs, older_than),
    ]


def _processes(root: Path) -> Iterator[Garbage]:
    """Guests whose folder is gone: nobody can find them any more."""
    import psutil

    for process in psutil.process_iter(["name", "cwd", "memory_info"]):
        info = process.info
        cwd = (info["cwd"] or "").removesuffix(" (deleted)")
        if not (info["name"] or "").startswith("qemu-system") or not cwd.startswith(f"{root}{os.sep}"):
            continue
        identity = None if Path(cwd).exists() else identify(process.pid)
        if identity is not None:
            yield Garbage(
                kind="process",
                name=str(process.pid),
                why=f"its machine's folder {Path(cwd).name} is gone",
                age=_age(process.create_time()),
                size=0,
                reclaim=partial(_end, identity),
            )


def _end(process: ProcessIdentity) -> None:
    process.signal(signal.SIGKILL)
    process.wait_gone(10)


def _machines(store: MachineStore) -> Iterator[Garbage]:
    for record in store.records():
        if record.keep or record.owner is None or record.owner.alive():
            continue
        running = "running" if record.pid else "left over"
        yield Garbage(
            kind="machine",
            name=record.id,
            why=f"{running}{f' of {record.label}' if record.label else ''}; its vmbench is gone",
            age=_age(record.created),
            size=_size(store.root / record.id),
            reclaim=partial(store.remove, record.id),
        )


def _folders(store: MachineStore) -> Iterator[Garbage]:
    """Machine folders without a readable record, and those that a remover left half removed."""
    known = {record.id for record in store.records()}
    for path in _children(store.root):
        half = _HIDDEN.fullmatch(path.name)
        if half is not None:
            if identify(int(half[2])) is None:
                yield _folder(path, f"half removed: {half[1]}", partial(shutil.rmtree, path))
        elif ID_PATTERN.fullmatch(path.name) and path.name not in known and _abandoned(path):
            yield _folder(path, "it has no readable record", partial(delete_folder, path))


def _abandoned(path: Path) -> bool:
    return time.time() - _mtime(path) > FRESH and not locked(path)


def _unfinished(store: SnapshotStore) -> Iterator[Garbage]:
    for path in _children(store.root):
        half = _HIDDEN.fullmatch(path.name)
        if half is not None and identify(int(half[2])) is None:
            yield Garbage(
                kind="snapshot",
                name=half[1],
                why="unfinished: the vmbench that saved or removed it is gone",
                age=_age(_mtime(path)),
                size=_size(path),
                reclaim=partial(shutil.rmtree, path),
            )


def _checkpoints(store: SnapshotStore, older_than: float) -> Iterator[Garbage]:
    for path in _children(store.root):
        age = _age(_mtime(path))
        if CheckpointName.parse(path.name) is not None and age >= older_than:
            yield _snapshot(store, path.name, "checkpoint", "a run saved it", age)


def _templates(store: SnapshotStore, older_than: float) -> Iterator[Garbage]:
    for path in _children(store.root):
        if path.name.startswith("."):
            continue
        age = _age(_used(path))
        try:
            record = store.get(path.name)
        except SnapshotError:
            if age >= FRESH:
                yield _snapshot(store, path.name, "template", "damaged", age)
            continue
        if age >= older_than:
            shape = f"{record.image}, {record.cpus} CPU, {record.memory} MiB, {record.accel}"
            yield _snapshot(store, path.name, "template", f"not forked since ({shape})", age)


def _snapshot(store: SnapshotStore, name: str, kind: str, why: str, age: float) -> Garbage:
    return Garbage(
        kind=kind, name=name, why=why, age=age, size=store.size(name), reclaim=partial(store.remove, name)
    )


def _images(paths: Paths, older_than: float) -> Iterator[Garbage]:
    """Builds that a newer one replaced and no machine boots from."""
    store = ImageStore(paths.images)
    needed = {record.image_digest for record in MachineStore(paths.machines).records()}
    for image in store.list():
        replaced = image.built and "@" in image.name and image.digest not in needed
        if replaced and image.created and _age(image.created.timestamp()) >= older_than:
            yield Garbage(
                kind="image",
                name=image.name,
                why="a newer build replaced it",
                age=_age(image.created.timestamp()),
                size=image.size,
                reclaim=partial(store.remove, image.name),
            )


def _runs(root: Path, older_than: float) -> Iterator[Garbage]:
    from app.engine.log import LOG_NAME, log_is_live

    for path in _children(root):
        age = _age(max(_mtime(path), _mtime(path / LOG_NAME)))
        if age >= older_than and not log_is_live(path / LOG_NAME):
            yield _folder(path, "a run that is long over", partial(shutil.rmtree, path), kind="run", age=age)


def _folder(
    path: Path, why: str, reclaim: Callable[[], object], *, kind: str = "folder", age: float | None = None
) -> Garbage:
    own = _age(_mtime(path)) if age is None else age
    return Garbage(kind=kind, name=path.name, why=why, age=own, size=_size(path), reclaim=reclaim)


def _children(root: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(p for p in root.iterdir() if p.is_dir() and not p.is_symlink())
    return []


def _used(template: Path) -> float:
    """Return when a template was made or last forked, for which its state is read."""
    moments = [_mtime(template)]
    with contextlib.suppress(OSError):
        moments.append((template / STATE).stat().st_atime)
    return max(moments)


def _mtime(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _age(moment: float) -> float:
    return max(0.0, time.time() - moment)


def _size(folder: Path) -> int:
    """Return the bytes that removing a folder gives back; files with other names stay."""
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                stat = (Path(base) / name).lstat()
                total += stat.st_blocks * 512 if stat.st_nlink == 1 else 0
    return total
