"""The machine folders on disk: ids, records, locks, ownership and reclaiming.

A machine is its folder ``<root>/<id>/``; whoever has it can find, adopt or remove the machine. The
file ``lock`` is held by flock(2) through a descriptor that the guest's process inherits, so it is
held exactly as long as the process that created the machine or the guest lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backends.base import BackendError, InUse, MachineState, MachineTimeout, UnknownMachine, WrongState
from backends.files import replace_text
from backends.names import ID_PATTERN, random_id
from backends.process import ProcessIdentity, this_process

RECORD = "machine.json"
CONSOLE_LOG = "console.log"
LOCK = "lock"
OPERATION = "operation.lock"
LOCK_GRACE = 2.0
"""Seconds that a lock whose machine's process is gone is waited for."""
RECLAIMED = "reclaimed.log"
STATE_WHEN_GONE = {
    MachineState.STARTING: MachineState.DIED,
    MachineState.RUNNING: MachineState.DIED,
    MachineState.PAUSED: MachineState.DIED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRecord:
    """What ``machine.json`` says."""

    id: str
    backend: str
    image: str
    image_digest: str
    cpus: int
    memory: int
    """MiB."""
    disk: int | None
    """MiB."""
    label: str
    run: str
    created: float
    """Seconds since the epoch."""
    state: MachineState = MachineState.CREATED
    accel: str = ""
    keep: bool = False
    keep_reason: str = ""
    owner: ProcessIdentity | None = None
    """The vmbench that made it."""
    process: ProcessIdentity | None = None
    """The guest's process."""
    console_start: int = 0
    """Bytes of its console that are of before its last start, or reboot that somebody asked for."""
    ssh_port: int | None = None
    parent: str = ""
    """Snapshot it was forked from or restored to; empty if it was booted."""
    layers: tuple[str, ...] = ()
    """Its disk's qcow2 files, the top one first."""
    base: tuple[str, ...] = ()
    """The layers below its own writes, which a discarding reboot returns to."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables every command in the guest sees."""
    host_key: str = ""
    """The guest's public host key."""

    @property
    def pid(self) -> int | None:
        """The guest's process id, while it lives."""
        return self.process.pid if self.process and self.process.alive() else None

    @property
    def in_use(self) -> bool:
        """Whether a living vmbench works with it and nobody asked to keep it: its run, or its making."""
        return not self.keep and self.owner is not None and self.owner.alive()

    def to_json(self) -> str:
        """Return the record as the text of ``machine.json``."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> MachineRecord:
        """Read a record.

        Raises:
            ValueError: the text is no record.
        """
        try:
            data = json.loads(text)
            known = {f.name for f in dataclasses.fields(cls)}
            values = {key: value for key, value in data.items() if key in known}
            values["state"] = MachineState(values["state"])
            for key in ("layers", "base"):
                values[key] = tuple(values.get(key, ()))
            for key in ("owner", "process"):
                if values.get(key) is not None:
                    values[key] = ProcessIdentity(**values[key])
            return cls(**values)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a machine record: {error}") from error


class MachineFolder:
    """One machine's folder, held by its lock."""

    def __init__(self, path: Path, lock_fd: int, record: MachineRecord) -> None:
        self.path = path
        self.lock_fd = lock_fd
        self.record = record

    def update(self, **changes: object) -> MachineRecord:
        """Change the record, in memory and atomically on disk; what others changed meanwhile stays.

        Raises:
            FileNotFoundError: the folder is gone.
            BackendError: the record cannot be written; what was there stays.
        """
        self.record = dataclasses.replace(self.reread(), **changes)  # type: ignore[arg-type]
        try:
            write_record(self.path, self.record)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise BackendError(
                f"cannot write {self.path / RECORD}: {error.strerror or error}", remedy="free some disk space"
            ) from error
        return self.record

    def reread(self) -> MachineRecord:
        """Return the record as it is on disk, or as last known where it cannot be read."""
        with contextlib.suppress(OSError, ValueError):
            self.record = MachineRecord.from_json((self.path / RECORD).read_text())
        return self.record

    def close(self) -> None:
        """Let go of the lock; the guest's process, if any, still holds it."""
        if self.lock_fd >= 0:
            os.close(self.lock_fd)
            self.lock_fd = -1

    def delete(self) -> None:
        """Delete the folder; its process must be gone. Blocking."""
        delete_folder(self.path)
        self.close()


class MachineStore:
    """All machines of one state folder.

    Args:
        root: The folder of machine folders; made when needed, readable by its owner alone.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self, record: Callable[[str], MachineRecord]) -> MachineFolder:
        """Make a folder under a fresh id and take its lock.

        Args:
            record: Makes the record from the id.

        Raises:
            BackendError: the folder cannot be made.
        """
        path = None
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._fresh_folder()
            lock_fd = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock_fd, fcntl.LOCK_EX)
            made = record(path.name)
            write_record(path, made)
        except OSError as error:
            if path is not None:
                shutil.rmtree(path, ignore_errors=True)
            raise BackendError(
                f"cannot make a machine folder in {self.root}: {error.strerror or error}",
                remedy="free some disk space, or point VMBENCH_STATE to a folder you can write to",
            ) from error
        return MachineFolder(path, lock_fd, made)

    def _fresh_folder(self) -> Path:
        for attempt in range(1000):
            name = random_id() if attempt < 50 else f"{random_id()}-{attempt}"
            with contextlib.suppress(FileExistsError):
                path = self.root / name
                path.mkdir(mode=0o700)
                return path
        raise OSError("no free machine id")

    def open(self, name: str) -> MachineFolder:
        """Take up the folder of an existing machine, by its id or a prefix of it. Blocking, shortly.

        The lock is taken if nobody holds it, as is so when the guest's process is gone.

        Raises:
            UnknownMachine: no machine, or more than one, has this id or prefix.
            WrongState: a live vmbench is running a test on it, or starting it.
        """
        record = self.find(name)
        self._refuse_busy(record)
        path = self.root / record.id
        try:
            lock_fd = os.open(path / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise UnknownMachine(f"{record.id} is being removed") from error
        # The threads of a process that was killed hold its files a moment longer than it is seen alive.
        deadline = time.monotonic() + LOCK_GRACE
        while not _try_lock(lock_fd):
            if record.pid is not None or holders(path):
                break
            if time.monotonic() > deadline:
                os.close(lock_fd)
                raise WrongState(f"another vmbench is at work on {record.id}", remedy="try again in a moment")
            time.sleep(0.02)
        return MachineFolder(path, lock_fd, record)

    def visit(self, name: str) -> MachineFolder:
        """Return the folder of a machine to look at, without its lock. Blocking, shortly.

        Raises:
            UnknownMachine: no machine, or more than one, has this id or prefix.
        """
        record = self.find(name)
        return MachineFolder(self.root / record.id, -1, record)

    def records(self) -> list[MachineRecord]:
        """Return every machine's record, oldest first, with its state as it is now. Blocking."""
        found = [record for _, record in self._scan() if record is not None]
        return sorted(found, key=lambda r: (r.created, r.id))

    def find(self, name: str) -> MachineRecord:
        """Return the machine with this id, or with this unambiguous prefix of one.

        Raises:
            UnknownMachine: there is none, or more than one.
        """
        records = self.records()
        exact = [r for r in records if r.id == name]
        matches = exact or [r for r in records if name and r.id.startswith(name)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            names = ", ".join(r.id for r in matches[:5])
            raise UnknownMachine(
                f"{name!r} fits more than one machine: {names}", remedy="type more of the id"
            )
        raise UnknownMachine(
            f"no machine is called {name!r}", remedy="vmbench ps lists the machines there are"
        )

    def remove(self, name: str) -> MachineRecord:
        """Stop a machine by force and delete its folder. Blocking, up to some seconds.

        Raises:
            UnknownMachine: no machine, or more than one, has this id or prefix.
            WrongState: a live vmbench is running a test on it.
        """
        record = self.find(name)
        self._refuse_busy(record)
        self._destroy(self.root / record.id, record)
        return record

    def _refuse_busy(self, record: MachineRecord) -> None:
        if record.in_use and record.owner and record.owner != this_process():
            raise InUse(
                f"{record.id} belongs to a run of another vmbench (pid {record.owner.pid})",
                remedy=f"stop that run first: kill -INT {record.owner.pid}",
            )

    def change(self, name: str, **changes: object) -> MachineRecord:
        """Change what is noted of a machine; see ``MachineFolder.update``. Blocking, shortly.

        Raises:
            UnknownMachine: no machine, or more than one, has this id or prefix.
            WrongState: a live vmbench is running a test on it.
        """
        folder = self.open(name)
        try:
            return folder.update(**changes)
        finally:
            folder.close()

    def reparent(self, machine: str, parent: str) -> None:
        """Note what the snapshot is called now that a machine came from, if there still is one. Blocking.

        The caller holds the machine's operation lock, so that no other vmbench writes its record.
        """
        path = self.root / machine
        with contextlib.suppress(FileNotFoundError, ValueError):
            record = MachineRecord.from_json((path / RECORD).read_text())
            write_record(path, dataclasses.replace(record, parent=parent))

    def reclaim(self, owner: ProcessIdentity | None = None) -> list[str]:
        """Remove machines that nobody asked to keep and whose vmbench is gone. Blocking.

        Args:
            owner: Only machines of this vmbench; ``None`` for those of every dead one.

        Returns:
            A line for people for each machine removed.
        """
        messages = []
        for path, record in self._scan():
            if record is None:
                message = self._reclaim_unreadable(path)
            elif record.keep or record.owner is None or record.owner.alive():
                message = ""
            elif owner is not None and record.owner != owner:
                message = ""
            else:
                running = "running" if record.process and record.process.alive() else "leftover"
                try:
                    self._destroy(path, record)
                except BackendError as error:
                    message = f"could not reclaim {record.id}: {error.message}"
                else:
                    label = f" of {record.label}" if record.label else ""
                    message = f"reclaimed {record.id}: {running} machine{label}, its vmbench is gone"
            if message:
                messages.append(message)
        return messages

    def _reclaim_unreadable(self, path: Path) -> str:
        """Remove a folder without a readable record that no living process holds and nobody is making."""
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > 60 and not locked(path):
                delete_folder(path)
                return f"reclaimed {path.name}: a folder without a readable {RECORD}"
        return ""

    def _destroy(self, path: Path, record: MachineRecord) -> None:
        if record.process and record.process.signal(signal.SIGKILL) and not record.process.wait_gone(10):
            raise BackendError(
                f"{record.id}'s process {record.process.pid} does not end",
                remedy=f"see what it waits for: cat /proc/{record.process.pid}/stack",
            )
        # A guest spawned in the instant before its vmbench was killed may not be in the record yet.
        for process in holders(path):
            process.signal(signal.SIGKILL)
            process.wait_gone(10)
        delete_folder(path)

    def take_reports(self) -> list[str]:
        """Return, once, what reapers reclaimed since anybody asked. Blocking."""
        log = self.root / RECLAIMED
        taken = log.with_suffix(f".{os.getpid()}")
        try:
            log.rename(taken)
            lines = taken.read_text(errors="replace").splitlines()
            taken.unlink()
        except OSError:
            return []
        return lines

    def report(self, messages: list[str]) -> None:
        """Leave messages for the next vmbench that starts. Blocking."""
        if messages:
            with (self.root / RECLAIMED).open("a") as log:
                log.write("".join(f"{m}\n" for m in messages))

    def _scan(self) -> Iterator[tuple[Path, MachineRecord | None]]:
        try:
            entries = sorted(e.name for e in os.scandir(self.root) if ID_PATTERN.fullmatch(e.name))
        except FileNotFoundError:
            return
        for name in entries:
            path = self.root / name
            try:
                record = MachineRecord.from_json((path / RECORD).read_text())
            except (OSError, ValueError):
                yield path, None
                continue
            if record.state in STATE_WHEN_GONE and record.process and not record.process.alive():
                record = dataclasses.replace(record, state=STATE_WHEN_GONE[record.state])
            yield path, record


@asynccontextmanager
async def held(lock: Path, what: str, *, timeout: float) -> AsyncIterator[None]:
    """Hold a lock file, so that processes take turns at ``what``.

    Raises:
        MachineTimeout: another process did not finish within ``timeout`` seconds.
    """
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise MachineTimeout(
                        f"cannot {what}: another vmbench has been at work on it for {timeout:g}s",
                        remedy="try again when it is done",
                    ) from None
                await asyncio.sleep(0.05)
        yield
    finally:
        os.close(fd)


def write_record(folder: Path, record: MachineRecord) -> None:
    """Write a machine's record atomically."""
    replace_text(folder / RECORD, record.to_json())


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def locked(folder: Path) -> bool:
    """Whether a living process holds the machine's lock."""
    try:
        fd = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def holders(folder: Path) -> list[ProcessIdentity]:
    """Return the processes, other than this one, that hold the machine's lock open. Linux only."""
    from backends.process import identify

    if not locked(folder):
        return []
    target = (folder / LOCK).stat()
    found = []
    for entry in os.scandir("/proc") if Path("/proc/self/fd").exists() else ():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            for fd in os.scandir(f"{entry.path}/fd"):
                with contextlib.suppress(OSError):
                    stat = os.stat(fd.path)  # noqa: PTH116
                    if (stat.st_dev, stat.st_ino) == (target.st_dev, target.st_ino):
                        process = identify(int(entry.name))
                        if process:
                            found.append(process)
                        break
    return found


def delete_folder(path: Path) -> None:
    """Delete a machine's folder, renamed first so that nobody meets half of it.

    Raises:
        BackendError: it cannot be deleted.
    """
    doomed = path.with_name(f".{path.name}.{os.getpid()}.doomed")
    try:
        path.rename(doomed)
        shutil.rmtree(doomed)
    except FileNotFoundError:
        return
    except OSError as error:
        raise BackendError(
            f"cannot delete {path}: {error.strerror or error}", remedy=f"rm -r {path}"
        ) from error
