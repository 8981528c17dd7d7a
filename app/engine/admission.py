"""Memory admission: no machine starts for which there is no room, over all vmbench processes of a user.

Every machine that is about to start takes a lease, in a file that all processes share under flock(2).
Guests touch their memory little by little, so what is free now says too much: the part of each lease
that its guest did not touch yet is set aside. The room for one more machine is therefore

    available now - reserve - sum over leases of max(0, lease - resident memory of its guest)

Requests are served in the order in which they come, so that a big one is not starved by small ones.
A machine bigger than everything this host has is admitted when no other runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from app.engine.memory import available_memory, default_reserve, resident_memory
from app.engine.offload import off_loop, unbroken
from backends.base import BackendError
from backends.files import replace_text
from backends.process import ProcessIdentity, this_process
from backends.store import RECORD, MachineRecord

OVERHEAD = 64
"""MiB that a machine's process takes on top of its guest's memory."""
POLL = 0.5
"""Seconds between looks while other processes hold the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A lease, or a request that waits for one, as the shared file has it."""

    id: str
    owner: ProcessIdentity
    memory: int
    """MiB."""
    waiting: bool
    machine: str = ""
    """The machine's folder, once there is one."""


class Lease:
    """Memory that is set aside for one machine.

    Args:
        admission: Where it came from.
        entry: Its line in the shared file.
    """

    def __init__(self, admission: Admission, entry: Entry) -> None:
        self._admission = admission
        self._entry = entry

    @property
    def memory(self) -> int:
        """MiB."""
        return self._entry.memory

    async def bind(self, machine: Path) -> None:
        """Tell which machine lives on the lease, so that what it touched is not counted twice."""
        await off_loop(self._admission.ledger.put, replace(self._entry, machine=str(machine)))

    async def release(self) -> None:
        """Give the memory back. Idempotent."""
        await unbroken(self._admission.release(self._entry.id))


class Admission:
    """Hands out leases.

    Args:
        folder: State folder that all vmbench processes of the user share.
        reserve: MiB left to the host; ``None`` for a tenth of its memory, at least 512.
        available: Returns the MiB that can be taken now.
    """

    def __init__(
        self,
        folder: Path,
        *,
        reserve: int | None = None,
        available: Callable[[], int] = available_memory,
    ) -> None:
        self.ledger = Ledger(folder, available)
        self._given_reserve = reserve
        self._changed = asyncio.Condition()
        self._turn = asyncio.Lock()

    @property
    def reserve(self) -> int:
        """MiB left to the host."""
        return default_reserve() if self._given_reserve is None else self._given_reserve

    def room(self) -> int:
        """Return the MiB that machines may still take. Blocking, shortly."""
        return self.ledger.room(self.reserve)

    async def acquire(self, memory: int, *, on_wait: Callable[[str], None] | None = None) -> Lease:
        """Wait for room and return a lease on it.

        Args:
            memory: The guest's memory in MiB.
            on_wait: Called once, with a line for people, when there is no room yet.
        """
        entry = Entry(id=uuid.uuid4().hex, owner=this_process(), memory=memory + OVERHEAD, waiting=True)
        async with self._turn:
            try:
                # Unbroken: a cancellation must not overtake the thread, which may still write the lease.
                while (room := await unbroken(off_loop(self.ledger.admit, entry, self.reserve))) is not None:
                    if on_wait is not None:
                        on_wait(f"waiting for memory: needs {entry.memory} MiB, {max(room, 0)} MiB are free")
                        on_wait = None
                    async with self._changed:
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(POLL):
                                await self._changed.wait()
            except BaseException:
                await unbroken(self.release(entry.id))
                raise
        return Lease(self, replace(entry, waiting=False))

    async def release(self, id_: str) -> None:
        """Drop a lease or a request and wake whoever waits."""
        await off_loop(self.ledger.drop, id_)
        async with self._changed:
            self._changed.notify_all()


class Ledger:
    """The shared file of leases. All of it blocks, for as long as another process looks at the file."""

    def __init__(self, folder: Path, available: Callable[[], int]) -> None:
        self._file = folder / "leases.json"
        self._lock = folder / "leases.lock"
        self._available = available
        self._gone: set[str] = set()
        """Dropped leases that may still be in the file, as on a full disk."""

    def room(self, reserve: int) -> int:
        """Return the MiB that are left for one more machine."""
        with self._locked() as entries:
            return self._room(entries, reserve)

    def admit(self, wanted: Entry, reserve: int) -> int | None:
        """Turn a request into a lease if it is its turn and there is room.

        Returns:
            ``None`` when it is a lease now, else the MiB that are free.

        Raises:
            BackendError: the file cannot be written.
        """
        try:
            return self._admit(wanted, reserve)
        except OSError as error:
            raise BackendError(
                f"cannot write {self._file}: {error.strerror or error}",
                remedy="free some disk space, or point VMBENCH_STATE to a folder you can write to",
            ) from error

    def _admit(self, wanted: Entry, reserve: int) -> int | None:
        with self._locked() as entries:
            if wanted.id not in entries:
                entries[wanted.id] = wanted
            room = self._room(entries, reserve)
            first = next(e.id for e in entries.values() if e.waiting)
            alone = all(e.waiting for e in entries.values())
            if first == wanted.id and (wanted.memory <= room or alone):
                entries[wanted.id] = replace(wanted, waiting=False)
                return None
            return room

    def put(self, entry: Entry) -> None:
        """Change a lease, if it was not dropped meanwhile; a full disk leaves it as it is."""
        with contextlib.suppress(OSError), self._locked() as entries:
            if entry.id in entries:
                entries[entry.id] = replace(entry, waiting=False)

    def drop(self, id_: str) -> None:
        """Drop a lease or request; where that cannot be written, the next change of the file does it."""
        self._gone.add(id_)
        with contextlib.suppress(OSError), self._locked():
            pass

    def _room(self, entries: dict[str, Entry], reserve: int) -> int:
        untouched = sum(max(0, e.memory - _touched(e)) for e in entries.values() if not e.waiting)
        return self._available() - reserve - untouched

    @contextlib.contextmanager
    def _locked(self) -> Iterator[dict[str, Entry]]:
        """Give the entries of living processes, in the order of their requests, and write what changed."""
        self._lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self._read()
            alive = {owner: owner.alive() for owner in {e.owner for e in before.values()}}
            gone = set(self._gone)
            entries = {id_: e for id_, e in before.items() if alive[e.owner] and id_ not in gone}
            try:
                yield entries
            finally:
                if entries != before:
                    self._write(entries)
                self._gone -= gone

    def _read(self) -> dict[str, Entry]:
        try:
            data = json.loads(self._file.read_text())
            entries = [Entry(**(item | {"owner": ProcessIdentity(**item["owner"])})) for item in data]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError):
            # Damaged, or written by another version: leases are only about what runs now.
            return {}
        return {e.id: e for e in entries}

    def _write(self, entries: dict[str, Entry]) -> None:
        replace_text(self._file, json.dumps([asdict(e) for e in entries.values()]))


def _touched(entry: Entry) -> int:
    if not entry.machine:
        return 0
    try:
        record = MachineRecord.from_json((Path(entry.machine) / RECORD).read_text())
    except (OSError, ValueError):
        return 0
    return resident_memory(record.pid) if record.pid else 0
