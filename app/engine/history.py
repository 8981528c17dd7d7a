"""Past runs: each run's folder, its summary, and an index of every test's last result."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Container, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from app.engine.api import LastResult
from app.engine.events import MachineKept, Outcome, RunFinished, RunStarted
from app.engine.log import LOG_NAME, log_is_live, replay

SUMMARY_NAME = "run.json"
KEPT_RUNS = 200
COMPACT_AT = 1 << 20
"""Bytes from which the index is worth rewriting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What a list of runs shows."""

    id: str
    folder: Path
    registry: str
    time: float
    """When it began, in seconds since the epoch."""
    tests: int
    finished: RunFinished | None
    """``None`` for a run that goes on, or that was cut off."""
    kept: tuple[str, ...] = ()
    """Machines that it left."""


def write_summary(folder: Path, started: RunStarted, time: float, finished: RunFinished) -> None:
    """Write a run's ``run.json``, atomically. Blocking."""
    data = {
        "run": started.run,
        "registry": started.registry,
        "time": time,
        "tests": len(started.tests),
        "version": started.version,
        "finished": asdict(finished),
    }
    new = folder / f"{SUMMARY_NAME}.new"
    new.write_text(json.dumps(data, indent=1))
    new.replace(folder / SUMMARY_NAME)


def list_runs(runs: Path) -> list[RunSummary]:
    """Return all runs, the newest first. Blocking."""
    try:
        folders = [Path(entry.path) for entry in os.scandir(runs) if entry.is_dir()]
    except FileNotFoundError:
        return []
    found = [summary for folder in folders if (summary := read_summary(folder)) is not None]
    return sorted(found, key=lambda run: (run.time, run.id), reverse=True)


def read_summary(folder: Path) -> RunSummary | None:
    """Return a run's summary, from its log where ``run.json`` is missing; ``None`` for no run. Blocking."""
    try:
        data = json.loads((folder / SUMMARY_NAME).read_text())
        finished = RunFinished(**(data["finished"] | {"kept": tuple(data["finished"]["kept"])}))
        return RunSummary(
            id=data["run"],
            folder=folder,
            registry=data["registry"],
            time=float(data["time"]),
            tests=int(data["tests"]),
            finished=finished,
            kept=finished.kept,
        )
    except (OSError, ValueError, TypeError, KeyError):
        return _summary_of_log(folder)


def _summary_of_log(folder: Path) -> RunSummary | None:
    started: RunStarted | None = None
    finished: RunFinished | None = None
    kept: list[str] = []
    time = 0.0
    try:
        for stamped in replay(folder / LOG_NAME):
            if isinstance(stamped.event, RunStarted):
                started, time = stamped.event, stamped.time
            elif isinstance(stamped.event, RunFinished):
                finished = stamped.event
            elif isinstance(stamped.event, MachineKept):
                kept.append(stamped.event.machine)
    except OSError:
        return None
    if started is None:
        return None
    return RunSummary(
        id=started.run,
        folder=folder,
        registry=started.registry,
        time=time,
        tests=len(started.tests),
        finished=finished,
        kept=tuple(kept),
    )


def prune_runs(runs: Path, keep: int = KEPT_RUNS, needed: Container[str] = ()) -> list[str]:
    """Delete the oldest runs beyond ``keep``; not those that go on or left machines. Blocking.

    Args:
        runs: Folder of the runs.
        keep: How many of the newest stay.
        needed: Ids of runs that stay, since something else refers to them.

    Returns:
        The ids of the runs deleted.
    """
    try:
        # Ids begin with the time, so their order is the runs' order.
        names = sorted((e.name for e in os.scandir(runs) if e.is_dir()), reverse=True)
    except FileNotFoundError:
        return []
    deleted = []
    for name in names[keep:]:
        folder = runs / name
        if name in needed or log_is_live(folder / LOG_NAME):
            continue
        summary = read_summary(folder)
        if summary is None or summary.kept:
            continue
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
            deleted.append(name)
    return deleted


class ResultIndex:
    """Every test's last result on this host: one line of JSON a result, the latest of a test wins.

    Any number of processes may append. All methods block, shortly.

    Args:
        folder: State folder that all vmbench processes of the user share.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "results.jsonl"
        self._lock = folder / "results.lock"

    def add(self, registry: str, test: str, result: LastResult) -> None:
        """Append a result.

        Raises:
            OSError: it cannot be written.
        """
        line = _line(registry, test, result)
        with self._locked(), self._file.open("a+b") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = "\n" + line  # a torn line before stays alone
            file.write(line.encode())

    def last_results(self, registry: str | None = None) -> dict[str, LastResult]:
        """Return the last result of each test, of one registry or of all."""
        return {
            test: result
            for (root, test), result in self._read().items()
            if registry is None or root == registry
        }

    def compact(self, least: int = COMPACT_AT) -> None:
        """Leave out superseded results, if the file has ``least`` bytes and they are half of it.

        Raises:
            OSError: it cannot be written.
        """
        if not self._file.exists() or self._file.stat().st_size < least:
            return
        with self._locked():
            latest = self._read()
            text = "".join(_line(*key, result) for key, result in latest.items())
            if len(text) * 2 > self._file.stat().st_size:
                return
            new = self._file.with_suffix(".new")
            new.write_text(text)
            new.replace(self._file)

    def _read(self) -> dict[tuple[str, str], LastResult]:
        try:
            lines = self._file.read_bytes().split(b"\n")
        except FileNotFoundError:
            return {}
        found: dict[tuple[str, str], LastResult] = {}
        for line in lines:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                registry, test, result = _parse(json.loads(line))
                found[registry, test] = result
        return found

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _line(registry: str, test: str, result: LastResult) -> str:
    data = {"registry": registry, "test": test, **asdict(result)}
    return json.dumps(data, separators=(",", ":")) + "\n"


def _parse(data: Mapping[str, object]) -> tuple[str, str, LastResult]:
    duration, time = data["duration"], data["time"]
    if not isinstance(duration, int | float) or not isinstance(time, int | float):
        raise TypeError("no number")
    result = LastResult(
        outcome=Outcome(str(data["outcome"])),
        duration=float(duration),
        time=float(time),
        run=str(data["run"]),
    )
    return str(data["registry"]), str(data["test"]), result
