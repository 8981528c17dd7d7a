"""Past runs and those of other processes: listed in slices, opened from their logs, deleted."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Hashable, Iterable
from pathlib import Path

from app.engine.events import Outcome, RunFinished, Stamped
from app.engine.history import RunSummary, read_finished, read_logged
from app.engine.log import LOG_NAME, follow_file, log_is_live, replay
from app.engine.state import RunState
from backends.base import BackendError, Machine

LAST = "last"
"""Stands for the newest run."""
STAMP = len("20261120-174211")
"""Characters of an id that tell when its run began."""
SETTLED = 2_000_000_000
"""Nanoseconds after which the time of a folder's last change tells whether it changed since."""
_BAD = (Outcome.FAILED, Outcome.ERROR)


class PastRunError(BackendError):
    """A run is not there, or cannot be deleted now."""


class CutOff(BackendError):
    """A run has no end: the vmbench that executed it is gone."""


class LoggedRun:
    """A run as its log tells it, whoever executes it; fulfils ``app.engine.api.RunHandle``, read-only.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def id(self) -> str:
        """The run's id."""
        return self._folder.name

    @property
    def folder(self) -> Path:
        """The run's folder: event log and artifacts."""
        return self._folder

    @property
    def log(self) -> Path:
        """The file of its events."""
        return self._folder / LOG_NAME

    async def follow(self, after: int = 0) -> AsyncIterator[Stamped]:
        """Yield the events above ``after`` until the run ends or its vmbench is gone.

        Raises:
            OSError: the log cannot be read.
        """
        async for stamped in follow_file(self.log, after):
            yield stamped

    def cancel(self, test: str | None = None) -> None:
        """Do nothing: only the vmbench that executes a run can stop it."""

    def keep(self, test: str, wanted: bool | None) -> None:
        """Do nothing: only the vmbench that executes a run can keep its machines."""

    def machine(self, test: str) -> Machine | None:
        """Return nothing: the machines at work are those of another vmbench."""
        return None

    async def wait(self) -> RunFinished:
        """Return when the run is over.

        Raises:
            CutOff: its vmbench is gone and it never ended.
            OSError: the log cannot be read.
        """
        async for stamped in self.follow():
            if isinstance(stamped.event, RunFinished):
                return stamped.event
        raise CutOff(f"run {self.id} was cut off: the vmbench that executed it is gone")


class PastRuns:
    """The runs of this user, those that go on included. All methods block, shortly.

    Args:
        root: Folder of the runs.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._over: dict[str, RunSummary] = {}
        self._open: dict[str, tuple[tuple[int, bool], RunSummary | None]] = {}
        self._names: list[str] = []
        self._listed_at: int | None = None
        self._listings = 0

    def ids(self) -> list[str]:
        """Return the ids of all runs, the newest first; folders that hold no log are among them."""
        try:
            changed = self.root.stat().st_mtime_ns
        except FileNotFoundError:
            changed = None
        if changed is not None and changed == self._listed_at:
            return list(self._names)
        # A folder that changes twice within a tick of its clock looks as if it had changed once.
        settled = changed is not None and time.time_ns() - changed > SETTLED
        try:
            names = [e.name for e in os.scandir(self.root) if e.name[0] != "." and e.is_dir()]
        except FileNotFoundError:
            names = []
        # Ids begin with the time, so their order is the runs' order.
        names.sort(reverse=True)
        self._listed_at = changed if settled else None
        if names != self._names:
            self._names = names
            self._listings += 1
        return list(names)

    def stamp(self) -> Hashable:
        """Return what is another value whenever ``read`` of all runs may tell something new."""
        self.ids()
        return self._listings, tuple((name, self._stamp_of(name)) for name in sorted(self._open))

    def read(self, ids: Iterable[str]) -> list[RunSummary]:
        """Return the summaries of runs, without those that are none; what is over is read once.

        The newest comes first.
        """
        found = [summary for name in ids if (summary := self._read(name)) is not None]
        return sorted(found, key=lambda run: (run.id[:STAMP], run.time), reverse=True)

    def _read(self, name: str) -> RunSummary | None:
        known = self._over.get(name)
        if known is not None:
            return known
        folder = self.root / name
        summary = read_finished(folder)
        if summary is None:
            stamp = self._stamp_of(name)
            earlier = self._open.get(name)
            if earlier is not None and earlier[0] == stamp:
                return earlier[1]
            summary = read_logged(folder)
            if summary is None or summary.finished is None:
                self._open[name] = (stamp, summary)
                return summary
        self._over[name] = summary
        self._open.pop(name, None)
        return summary

    def _stamp_of(self, name: str) -> tuple[int, bool]:
        log = self.root / name / LOG_NAME
        return _size(log), log_is_live(log)

    def find(self, name: str) -> LoggedRun:
        """Return a run by its id, an unambiguous part of it, or ``last``.

        Raises:
            PastRunError: there is none, or more than one.
        """
        if name and self._is_run(name) and Path(name).name == name:
            return LoggedRun(self.root / name)
        ids = self.ids()
        if name == LAST:
            first = next(filter(self._is_run, ids), None)
            if first is None:
                raise PastRunError("nothing has run here yet", remedy="vmbench run")
            # Ids tell the second; of those begun in the same one the log tells which was last.
            same = [i for i in ids if i[:STAMP] == first[:STAMP] and self._is_run(i)]
            begun = self.read(same) if len(same) > 1 else []
            return LoggedRun(self.root / (begun[0].id if begun else first))
        found = [i for i in ids if i.startswith(name)] or [i for i in ids if name in i]
        found = [i for i in found if self._is_run(i)] if name else []
        if not found:
            raise PastRunError(f"there is no run {name!r}", remedy="vmbench runs lists them")
        if len(found) > 1:
            raise PastRunError(
                f"{name!r} names {len(found)} runs: {', '.join(found[:3])}{' …' if len(found) > 3 else ''}",
                remedy="give more of the id",
            )
        return LoggedRun(self.root / found[0])

    def _is_run(self, name: str) -> bool:
        return (self.root / name / LOG_NAME).exists()

    def state(self, name: str) -> RunState:
        """Return the state at the end of a run's log.

        Raises:
            PastRunError: there is no such run, or it cannot be read.
        """
        run = self.find(name)
        state = RunState()
        try:
            state.apply_all(replay(run.log))
        except OSError as error:
            raise PastRunError(f"the log of run {run.id} cannot be read: {error.strerror}") from error
        return state

    def failed(self, name: str) -> tuple[str, ...]:
        """Return the names of the tests of a run that failed or ended in an error.

        Raises:
            PastRunError: there is no such run, or it cannot be read.
        """
        tests = self.state(name).tests.values()
        return tuple(dict.fromkeys(t.plan.shaken or t.name for t in tests if t.outcome in _BAD))

    def delete(self, name: str) -> None:
        """Delete a run with its artifacts; its kept machines stay.

        Raises:
            PastRunError: there is no such run, it goes on, or it cannot be deleted.
        """
        run = self.find(name)
        if log_is_live(run.log):
            raise PastRunError(f"run {run.id} goes on", remedy="cancel it first, where it was started")
        # Renamed first, so that a crash leaves no half run in the list.
        doomed = run.folder.with_name(f".{run.id}.{os.getpid()}.deleted")
        try:
            run.folder.rename(doomed)
            shutil.rmtree(doomed)
        except OSError as error:
            raise PastRunError(f"run {run.id} cannot be deleted: {error.strerror or error}") from error
        self._over.pop(run.id, None)
        self._open.pop(run.id, None)


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return -1
