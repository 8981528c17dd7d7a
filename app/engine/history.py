"""Past runs: each run's folder, its summary, and an index of every test's last results."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import threading
from collections import Counter, deque
from collections.abc import Container, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.engine.api import LastResult
from app.engine.events import MachineKept, Outcome, RunFinished, RunStarted, TestFinished
from app.engine.log import LOG_NAME, log_is_live, replay
from app.engine.offload import Turns
from backends.files import replace_text

SUMMARY_NAME = "run.json"
KEPT_RUNS = 10_000
"""Runs that are left where nobody says otherwise."""
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
    searched: str = field(init=False, compare=False, default="")
    """What a filter looks in, in lower case; made once, since a filter looks at thousands for every key."""

    def __post_init__(self) -> None:
        kept = "kept" if self.kept else ""
        text = f"{self.id} {self.word} {self.selection} {self.registry} {kept}"
        object.__setattr__(self, "searched", text.lower())

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
    replace_text(folder / SUMMARY_NAME, json.dumps(data, indent=1))


def read_summary(folder: Path) -> RunSummary | None:
    """Return a run's summary, from its log where ``run.json`` is missing; ``None`` for no run. Blocking."""
    return read_finished(folder) or read_logged(folder)


def read_finished(folder: Path) -> RunSummary | None:
    """Return the summary that a run wrote at its end; ``None`` where there is none. Blocking."""
    try:
        with open(f"{folder}/{SUMMARY_NAME}", "rb") as file:  # noqa: PTH123 - ten thousand: twice as quick
            data = json.loads(file.read())
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
        return None


def _counts_of(finished: RunFinished) -> dict[Outcome, int]:
    return {
        Outcome.PASSED: finished.passed,
        Outcome.FAILED: finished.failed,
        Outcome.ERROR: finished.errors,
        Outcome.SKIPPED: finished.skipped,
    }


def read_logged(folder: Path) -> RunSummary | None:
    """Return a run's summary as its log tells it; ``None`` for no run. Blocking."""
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

    Any number of processes may append. What was read once is not read again. All methods block, shortly.

    Args:
        folder: State folder that all vmbench processes of the user share.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "results.jsonl"
        self._lock = folder / "results.lock"
        self._reading = threading.Lock()
        self._heads: dict[bytes, _Results] = {}
        self._read_to = 0
        self._last_line = b""

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

    def recent(self, registry: str) -> dict[str, tuple[LastResult, ...]]:
        """Return the last few results of each test of a registry, oldest first."""
        turns = Turns()
        found: dict[str, tuple[LastResult, ...]] = {}
        with self._reading:
            for results in self._read():
                turns.give()
                if results.registry == registry and (told := results.all()):
                    found[results.test] = told
        return found

    def last_results(self, registry: str | None = None) -> dict[str, LastResult]:
        """Return the last result of each test, of one registry or of all."""
        with self._reading:
            found = [r for r in self._read() if registry is None or r.registry == registry]
            return {r.test: last for r in found if (last := r.last()) is not None}

    def compact(self, least: int = COMPACT_AT) -> None:
        """Leave out results beyond the last few of each test, where the file has ``least`` bytes.

        Nothing is done where that would not halve it.

        Raises:
            OSError: it cannot be written.
        """
        if not self._file.exists() or self._file.stat().st_size < least:
            return
        with self._reading, self._locked():
            kept = b"".join(line + b"\n" for results in self._read() for line in results.lines)
            if len(kept) * 2 > self._file.stat().st_size:
                return
            new = self._file.with_suffix(".new")
            new.write_bytes(kept)
            new.replace(self._file)

    def _read(self) -> list[_Results]:
        """Take in what was appended since, or all where the file is another one."""
        turns = Turns()
        try:
            with self._file.open("rb") as file:
                file.seek(max(0, self._read_to - len(self._last_line)))
                if file.read(len(self._last_line)) != self._last_line:
                    file.seek(0)
                    self._heads, self._read_to, self._last_line = {}, 0, b""
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # torn, or not whole yet
                    self._read_to, self._last_line = self._read_to + len(line), line
                    self._take(line.rstrip())
                    turns.give()
        except FileNotFoundError:
            self._heads, self._read_to, self._last_line = {}, 0, b""
        return list(self._heads.values())

    def _take(self, line: bytes) -> None:
        head, known, _rest = line.partition(_RESULT)
        results = self._heads.get(head) if known else None
        if results is None:
            try:
                registry, test, result = _parse(json.loads(line))
            except (ValueError, TypeError, KeyError):
                return
            # Written anew: whoever wrote it may have spaced it otherwise.
            line = _line(registry, test, result).encode().rstrip()
            head = line.partition(_RESULT)[0]
            results = self._heads.setdefault(head, _Results(registry, test))
        results.add(line)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class _Results:
    """The last lines of one test, made into results when they are asked for."""

    __slots__ = ("_made", "lines", "registry", "test")

    def __init__(self, registry: str, test: str) -> None:
        self.registry = registry
        self.test = test
        self.lines: deque[bytes] = deque(maxlen=KEPT_RESULTS)
        self._made: tuple[LastResult, ...] | None = None

    def add(self, line: bytes) -> None:
        """Take in one more."""
        self.lines.append(line)
        self._made = None

    def all(self) -> tuple[LastResult, ...]:
        """Return them, oldest first."""
        if self._made is None:
            made = [_result(line) for line in self.lines]
            self._made = tuple(result for result in made if result is not None)
        return self._made

    def last(self) -> LastResult | None:
        """Return the last one."""
        made = (_result(line) for line in reversed(self.lines))
        return next((result for result in made if result is not None), None)


_RESULT = b',"outcome":'
"""What follows registry and test in a line; within a text its quotes would be escaped."""


def _line(registry: str, test: str, result: LastResult) -> str:
    data = {"registry": registry, "test": test, **asdict(result)}
    return json.dumps(data, separators=(",", ":")) + "\n"


def _result(line: bytes) -> LastResult | None:
    try:
        return _parse(json.loads(line))[2]
    except (ValueError, TypeError, KeyError):
        return None


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
