"""Past runs: each run's folder, its summary, and an index of every test's last results."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections import Counter, deque
from collections.abc import Container, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.engine.api import LastResult
from app.engine.events import MachineKept, Outcome, RunFinished, RunStarted, TestFinished
from app.engine.log import LOG_NAME, log_is_live, replay

SUMMARY_NAME = "run.json"
KEPT_RUNS = 2000
KEPT_RESULTS = 20
"""Results of each test that outlive a compaction: what trends are told from."""
COMPACT_AT = 4 << 20
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
    selection: str = ""
    """What was asked for; empty for everything."""
    counts: Mapping[Outcome, int] = field(default_factory=dict)
    """How many tests ended how, so far."""
    duration: float = 0.0
    """Seconds, so far."""
    live: bool = False
    """Whether a vmbench still executes it."""

    @property
    def word(self) -> str:
        """How it stands in a word: ``running``, ``cut off``, ``cancelled``, ``failed`` or ``passed``."""
        if self.finished is None:
            return "running" if self.live else "cut off"
        if self.finished.cancelled:
            return "cancelled"
        return "failed" if self.finished.failed or self.finished.errors else "passed"


def write_summary(folder: Path, started: RunStarted, time: float, finished: RunFinished) -> None:
    """Write a run's ``run.json``, atomically. Blocking."""
    data = {
        "run": started.run,
        "registry": started.registry,
        "time": time,
        "tests": len(started.tests),
        "version": started.version,
        "selection": started.selection,
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
            selection=str(data.get("selection", "")),
            counts=_counts_of(finished),
            duration=finished.duration,
        )
    except (OSError, ValueError, TypeError, KeyError):
        return _summary_of_log(folder)


def _counts_of(finished: RunFinished) -> dict[Outcome, int]:
    return {
        Outcome.PASSED: finished.passed,
        Outcome.FAILED: finished.failed,
        Outcome.ERROR: finished.errors,
        Outcome.SKIPPED: finished.skipped,
    }


def _summary_of_log(folder: Path) -> RunSummary | None:
    started: RunStarted | None = None
    finished: RunFinished | None = None
    kept: list[str] = []
    counts: Counter[Outcome] = Counter()
    time = mono = 0.0
    # Asked before the log is read: a run that ends meanwhile is then not taken for one that was cut off.
    live = log_is_live(folder / LOG_NAME)
    try:
        for stamped in replay(folder / LOG_NAME):
            mono = stamped.mono
            if isinstance(stamped.event, RunStarted):
                started, time = stamped.event, stamped.time
            elif isinstance(stamped.event, RunFinished):
                finished = stamped.event
            elif isinstance(stamped.event, MachineKept):
                kept.append(stamped.event.machine)
            elif isinstance(stamped.event, TestFinished):
                counts[stamped.event.outcome] += 1
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
        selection=started.selection,
        counts=dict(counts),
        duration=finished.duration if finished else mono,
        live=live and finished is None,
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
    """Every test's results on this host: one line of JSON a result, the latest of a test last.

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

    def recent(self, registry: str, keep: int = KEPT_RESULTS) -> dict[str, tuple[LastResult, ...]]:
        """Return the last ``keep`` results of each test of a registry, oldest first."""
        found = self._read_all(keep)
        return {test: tuple(results) for (root, test), results in found.items() if root == registry}

    def last_results(self, registry: str | None = None) -> dict[str, LastResult]:
        """Return the last result of each test, of one registry or of all."""
        return {
            test: result
            for (root, test), result in self._read().items()
            if registry is None or root == registry
        }

    def compact(self, least: int = COMPACT_AT) -> None:
        """Leave out results beyond the last few of each test, where the file has ``least`` bytes.

        Nothing is done where that would not halve it.

        Raises:
            OSError: it cannot be written.
        """
        if not self._file.exists() or self._file.stat().st_size < least:
            return
        with self._locked():
            latest = self._read_all(KEPT_RESULTS)
            text = "".join(_line(*key, result) for key, results in latest.items() for result in results)
            if len(text) * 2 > self._file.stat().st_size:
                return
            new = self._file.with_suffix(".new")
            new.write_text(text)
            new.replace(self._file)

    def _read(self) -> dict[tuple[str, str], LastResult]:
        return {key: results[-1] for key, results in self._read_all(1).items()}

    def _read_all(self, keep: int) -> dict[tuple[str, str], deque[LastResult]]:
        try:
            lines = self._file.read_bytes().split(b"\n")
        except FileNotFoundError:
            return {}
        found: dict[tuple[str, str], deque[LastResult]] = {}
        for line in lines:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                registry, test, result = _parse(json.loads(line))
                found.setdefault((registry, test), deque(maxlen=keep)).append(result)
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
