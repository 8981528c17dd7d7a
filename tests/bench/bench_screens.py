"""Key to paint on every place of the workbench, with a great deal in each: what the instrument felt.

The workbench runs on a terminal of 160 by 45 cells over 1,000 tests, 50 machines and 10,000 past runs. Keys
that move the cursor are typed at random intervals on each place; the gauge's own watcher stamps key event and
written bytes. Then nothing is typed for a while: the longest that one step of the event loop took, in time
and in the processor's time alone, says what a key would have waited for. The floor is a bare Textual app with
one line of text that every key changes, on the same terminal and typed at likewise. A place is typed at again
where the hypervisor took the processors meanwhile. Prints a line a place and one of JSON. Run it as
``python tests/bench/bench_screens.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import gc
import json
import os
import platform
import pty
import random
import select
import statistics
import subprocess
import sys
import tempfile
import termios
import time
import tty
from collections.abc import Callable, Mapping
from fcntl import ioctl
from pathlib import Path
from struct import pack

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.engine.latency.hostload import StolenTime
from app.tui.places import titles

ELSEWHERE = "terminals"
"""A place whose keys go to a guest: ``bench_terminal.py`` and the instrument measure those."""
AIM = 20.0
"""Milliseconds that the p99 of every place shall stay below."""
LONG = 0.002
"""Seconds from which a step of the event loop is noted."""
LEAST = 0.03
MOST = 0.12
FLOOR = "floor"
MOST_STOLEN = 0.01
"""Part of the processors' time that the hypervisor may take while a place is typed at."""
TRIES = 3


def places() -> dict[str, str]:
    """Return the digits that lead to the places, by the places' names."""
    return {name: digit for digit, name, _ in titles() if name != ELSEWHERE}


def child(folder: Path, out: Path, tests: int, machines: int, runs: int) -> None:
    """Open the workbench over made-up things, and write what was felt on which place."""
    from app.engine.past import PastRuns
    from app.tui import demo, demo_host, demo_machines
    from app.tui.app import Workbench
    from app.tui.demo_latency import DemoLab
    from app.tui.feel import Feel
    from app.tui.process import run_app
    from app.tui.replay import ReplayEngine

    listed = demo.registry()
    one = listed.tests[0]
    many = tuple(
        dataclasses.replace(one, name=f"test-{n:05}", group=f"group-{n // 20:03}") for n in range(tests)
    )
    registry = dataclasses.replace(listed, tests=many)
    record = demo.record(folder / "run")
    made = demo_machines.machines()[0]
    fleet = [
        dataclasses.replace(made, record=dataclasses.replace(made.record, id=f"m{n:03}-box"))
        for n in range(machines)
    ]
    house = dataclasses.replace(
        demo.house(),
        machines=demo_machines.DemoMachines(fleet),
        snapshots=demo_machines.house().snapshots,
        runs=PastRuns(_runs(folder / "runs", runs)),
        images=demo_host.DemoImages(),
        doctor=demo_host.DemoDoctor(),
        lab=DemoLab(folder / "lab"),
    )
    felt: list[tuple[str, float, float]] = []

    class Noted(Feel):
        def _feel(self, seconds: float) -> None:
            super()._feel(seconds)
            felt.append((app.place, time.monotonic(), seconds * 1000))

    blocks: list[tuple[str, float, float, float, str]] = []
    _watch_blocks(lambda: app.place, blocks)
    engine = ReplayEngine(registry, record=record, folder=folder / "run", released=None)
    app = Workbench(engine, house=house)
    app.feel = Noted()
    try:
        run_app(app)
    finally:
        out.write_text(json.dumps({"felt": felt, "blocks": blocks}))


def bare(out: Path) -> None:
    """Open a bare app with one line that every key changes, and write what was felt."""
    from textual.app import App, ComposeResult
    from textual.driver import Driver
    from textual.events import Key
    from textual.widgets import Static

    from app.tui.feel import Feel

    felt: list[tuple[str, float, float]] = []

    class Noted(Feel):
        def _feel(self, seconds: float) -> None:
            felt.append((FLOOR, time.monotonic(), seconds * 1000))

    class Bare(App[None]):
        count = 0

        def compose(self) -> ComposeResult:
            yield Static("test-00000")

        def _build_driver(
            self, headless: bool, inline: bool, mouse: bool, size: tuple[int, int] | None
        ) -> Driver:
            driver = super()._build_driver(headless, inline, mouse, size)
            Noted().listen(driver)
            return driver

        def on_key(self, event: Key) -> None:
            if event.key == "q":
                self.exit()
            self.count += 1
            self.query_one(Static).update(f"test-{self.count:05}", layout=False)

    try:
        Bare().run()
    finally:
        out.write_text(json.dumps({"felt": felt, "blocks": []}))


def _watch_blocks(place: Callable[[], str], blocks: list[tuple[str, float, float, float, str]]) -> None:
    """Note each step of the event loop that takes long: where, when it ended, its time, CPU time, what."""
    run = asyncio.Handle._run
    collected = [0.0, 0.0]  # when it began, and all of it so far

    def collecting(phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            collected[0] = time.thread_time()
        else:
            collected[1] += time.thread_time() - collected[0]

    gc.callbacks.append(collecting)

    def watched(self: asyncio.Handle) -> None:
        wall, cpu = time.perf_counter(), time.thread_time() - collected[1]
        run(self)
        # Garbage is collected while nobody types: not what is measured here.
        wall, cpu = time.perf_counter() - wall, time.thread_time() - collected[1] - cpu
        if wall > LONG:
            what = getattr(self._callback, "__self__", self._callback)
            task = what.get_name() if isinstance(what, asyncio.Task) else repr(self._callback)[:80]
            blocks.append((place(), time.monotonic(), wall * 1000, cpu * 1000, task))

    asyncio.Handle._run = watched  # type: ignore[method-assign]


def _runs(root: Path, count: int) -> Path:
    """Write one run, and its summary under many names."""
    from app.tui import demo_runs

    past = demo_runs.past_runs(root.parent / "seed")
    model = next(path for path in sorted(past.root.iterdir()) if (path / "run.json").exists())
    summary = json.loads((model / "run.json").read_text())
    root.mkdir(parents=True)
    for n in range(count):
        name = f"20260101-{n // 3600 % 24:02}{n // 60 % 60:02}{n % 60:02}-{n:05}"
        folder = root / name
        folder.mkdir()
        text = json.dumps({**summary, "id": name, "run": name, "time": 1.7e9 + 60 * n})
        (folder / "run.json").write_text(text)
        (folder / "events.jsonl").write_bytes(b"")
    return root


class Terminal:
    """A real terminal of 160 by 45 cells with this file in it, as a child that is typed at.

    Args:
        words: What the child is told.
        seed: Of the random intervals.
    """

    def __init__(self, words: list[str], seed: int) -> None:
        self._chance = random.Random(seed)
        self.master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, pack("HHHH", 45, 160, 0, 0))
        tty.setraw(self.master)
        env = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[2])}
        self.process = subprocess.Popen(
            [sys.executable, __file__, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env,
            start_new_session=True,
        )
        os.close(slave)
        _read_until(self.master, b"test-00000", 300.0)

    def move(self, keys: int) -> Span:
        """Move the cursor down and up, and again where the hypervisor took the processors meanwhile."""
        tries = [self._move(keys)]
        while tries[-1].stolen > MOST_STOLEN and len(tries) < TRIES:
            tries.append(self._move(keys))
        return min(tries, key=lambda span: span.stolen)

    def _move(self, keys: int) -> Span:
        used, began, stolen = _cpu(self.process.pid), time.monotonic(), StolenTime()
        for n in range(keys):
            os.write(self.master, b"\x1b[B" if n % 2 == 0 else b"\x1b[A")
            _drain(self.master, self._chance.uniform(LEAST, MOST))
        return Span(began, time.monotonic(), _cpu(self.process.pid) - used, stolen.part())

    def end(self) -> None:
        """Quit, and kill what does not."""
        os.write(self.master, b"q")
        end = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < end:
            _drain(self.master, 0.1)

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


@dataclasses.dataclass(frozen=True)
class Span:
    """When a place was typed at, in monotonic seconds, and what that took.

    ``cpu`` are seconds of the processor, ``stolen`` the part that the hypervisor took of all processors'.
    """

    begin: float
    end: float
    cpu: float
    stolen: float


def drive(
    folder: Path, out: Path, keys: int, idle: float, counts: Mapping[str, int], seed: int
) -> dict[str, tuple[Span, float, float]]:
    """Type on every place and let each be; return by place its keys, and when it was left alone."""
    spans: dict[str, tuple[Span, float, float]] = {}
    words = ["--child", str(folder), "--out", str(out)]
    terminal = Terminal(words + [str(part) for name, n in counts.items() for part in (f"--{name}", n)], seed)
    try:
        os.write(terminal.master, b"r")  # a run to look at
        _quiet(terminal.master, 3.0)
        for place, digit in places().items():
            os.write(terminal.master, digit.encode())
            _quiet(terminal.master, 3.0)
            typed = terminal.move(keys)
            _quiet(terminal.master, 1.0)
            begin = time.monotonic()
            _drain(terminal.master, idle)
            spans[place] = typed, begin, time.monotonic()
        os.write(terminal.master, b"1")
        _quiet(terminal.master, 1.0)
        terminal.end()
    finally:
        terminal.close()
    return spans


def floor(out: Path, keys: int, seed: int) -> Span:
    """Type at the bare app."""
    terminal = Terminal(["--bare", "--out", str(out)], seed)
    try:
        _quiet(terminal.master, 3.0)
        typed = terminal.move(keys)
        terminal.end()
    finally:
        terminal.close()
    return typed


def _cpu(pid: int) -> float:
    """Return the processor's seconds that a process took so far."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _read_until(master: int, word: bytes, limit: float) -> None:
    end, seen = time.monotonic() + limit, b""
    while word not in seen:
        if not select.select([master], [], [], max(0.0, end - time.monotonic()))[0]:
            raise TimeoutError(f"{word!r} never came: {seen[-500:]!r}")
        try:
            seen = seen[-100_000:] + os.read(master, 65536)
        except OSError as error:
            raise RuntimeError(f"the workbench ended: {seen[-2000:]!r}") from error


def _drain(master: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([master], [], [], left)[0]:
            try:
                os.read(master, 65536)
            except OSError:
                return


def _quiet(master: int, seconds: float) -> None:
    """Read until nothing is painted for half a second, for so many seconds at most after the first byte."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _drain(master, 0.25)


@dataclasses.dataclass(frozen=True)
class Row:
    """What one place came to; milliseconds.

    ``opening`` is the key that led there first, ``cpu`` the processor's time a key, ``step`` and ``idle``
    that of the longest step of the event loop while typed at and while left alone, ``stolen`` a part of 1.
    """

    place: str
    n: int
    p50: float
    p99: float
    slowest: float
    opening: float
    cpu: float
    step: float
    idle: float
    stolen: float

    @property
    def line(self) -> str:
        """The row for people."""
        told = f"p50 {self.p50:6.2f} p99 {self.p99:6.2f} max {self.slowest:6.2f} ms"
        told += f"  opened in {self.opening:5.1f}  cpu {self.cpu:5.2f} ms a key"
        told += f", {self.step:5.2f} at a stretch, {self.idle:5.2f} idle"
        return f"{self.place:<10} n {self.n:>4}  {told}  stolen {self.stolen:.1%}  {self.met}"

    @property
    def met(self) -> str:
        """Whether the aim is reached."""
        return "reached" if self.p99 < AIM else "missed"


def page(rows: list[Row], counts: Mapping[str, int]) -> str:
    """Return the figures as Markdown."""
    words = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    system = f"{os.cpu_count()} processors, {platform.system()} {platform.release()}"
    lines = [
        "# Key to paint on every place, measured",
        "",
        "Written by `python tests/bench/bench_screens.py --page FILE`. Milliseconds from the reading of a",
        "key that moves the cursor to the bytes that show it, on a terminal of 160 by 45 cells. There are",
        f"{words}. The floor is a bare Textual app with one line that every key changes.",
        f"Keys come {LEAST * 1000:.0f} to {MOST * 1000:.0f} ms after each other. *opened* is the key that",
        "led to a place for the first time, *step* the processor's time of the longest step of the loop,",
        "which a key may have to wait for. A place beside which the hypervisor took more than",
        f"{MOST_STOLEN:.0%} of the processors is typed at up to {TRIES} times; what it took least of counts.",
        "",
        f"{system}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}, load average "
        f"{os.getloadavg()[0]:.1f}.",
        "",
        "| ms | n | p50 | p99 | max | opened | CPU a key | step | stolen |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [row.p50, row.p99, row.slowest, row.opening, row.cpu, row.step]
        told = " | ".join(f"{cell:.1f}" for cell in cells)
        lines.append(f"| {row.place} | {row.n} | {told} | {row.stolen:.1%} |")
    missed = [row.place for row in rows if row.p99 >= AIM and row.place != FLOOR]
    verdict = f"missed by {', '.join(missed)}" if missed else "**reached** on every place"
    return "\n".join([*lines, "", f"Aim: p99 below {AIM:.0f} ms: {verdict}.", ""])


def main() -> None:
    """Open it, type, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=200, help="on each place")
    parser.add_argument("--idle", type=float, default=5.0, help="seconds on each place without a key")
    parser.add_argument("--tests", type=int, default=1000)
    parser.add_argument("--machines", type=int, default=50)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path, help="write the figures there as Markdown")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.bare:
        bare(chosen.out)
        return
    if chosen.child is not None:
        child(chosen.child, chosen.out, chosen.tests, chosen.machines, chosen.runs)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts = {"tests": chosen.tests, "machines": chosen.machines, "runs": chosen.runs}
        low = floor(folder / "floor.json", chosen.keys, chosen.seed)
        spans = drive(folder / "work", folder / "felt.json", chosen.keys, chosen.idle, counts, chosen.seed)
        noted = json.loads((folder / "felt.json").read_text())
        felt, blocks = noted["felt"], noted["blocks"]
        felt += json.loads((folder / "floor.json").read_text())["felt"]
    rows = []
    for place, (span, begin, end) in {FLOOR: (low, 0.0, 0.0), **spans}.items():
        here = [(at, ms) for where, at, ms in felt if where == place]
        # What leads there, or away, is no key of this place.
        taken = sorted(ms for at, ms in here if span.begin <= at <= span.end)
        typed = [block[3] for block in blocks if span.begin < block[1] < span.end]
        idle = [block[3] for block in blocks if begin < block[1] < end]
        row = Row(
            place,
            n=len(taken),
            p50=statistics.median(taken),
            p99=taken[min(len(taken) - 1, int(len(taken) * 0.99))],
            slowest=taken[-1],
            opening=here[0][1],
            cpu=span.cpu / chosen.keys * 1000,
            step=max(typed, default=0.0),
            idle=max(idle, default=0.0),
            stolen=span.stolen,
        )
        rows.append(row)
        print(row.line)
    print(json.dumps({"aim_p99_ms": AIM, "places": [dataclasses.asdict(row) for row in rows], **counts}))
    if chosen.page is not None:
        chosen.page.write_text(page(rows, counts))


if __name__ == "__main__":
    main()
