"""A log of a million lines in the console pane, as ratios to less and grep in the same run.

Opens it in a real pane of a running app (without a terminal), goes to its end and its middle, searches it,
filters it and follows it; less does the same in a PTY, and grep counts. They take turns. Prints a line for
each measure; ``--json`` prints one object instead, ``--table`` Markdown.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import pty
import resource
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from textual.app import App, ComposeResult

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.logs.match import Pattern
from app.tui import theme
from app.tui.widgets.log_view import LogView

LINES = 1_000_000
LAST = b"the very last line"
RARE = "needle in the hay"
RARE_AT = (LINES // 3, 2 * LINES // 3)
COMMON = "unit-0009"
ROWS, COLUMNS = 50, 160
DEADLINE = 60.0

Samples = dict[str, list[float]]

MEASURES = (
    # what, ours, the other one, the limit in ms
    ("open, at its end", "open", "less open", 300),
    ("jump to the middle", "jump", "less jump", 50),
    ("literal search, a rare text", "search", "grep -ci", 150),
    ("literal search, case told apart", "search case", "grep -c", 150),
    ("regular expression", "regex", "grep -cE", None),
    ("to a rare hit and draw it", "search jump", "less search", None),
    ("filter to 1 % with 2 lines around", "filter", "grep -C2", None),
    ("take in 1 MB more", "follow", None, None),
)


def write_log(path: Path) -> None:
    """Write a million lines of some 110 bytes, as systemd prints them on a console."""
    with path.open("wb") as file:
        for begin in range(0, LINES, 10_000):
            part = [
                b"[%12.6f] systemd[1]: Started unit-%06d.service, one line of a console of a million of them"
                b" as a guest prints" % (n / 1000, n)
                for n in range(begin, begin + 10_000)
            ]
            for n in RARE_AT:
                if begin <= n < begin + 10_000:
                    part[n - begin] += b" with a " + RARE.encode()
            if begin + 10_000 == LINES:
                part[-1] = LAST
            file.write(b"\r\n".join(part) + b"\r\n")


class Pane(App[None]):
    """One pane, as the workbench has it."""

    CSS = "LogView { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.animation_level = "none"
        self.register_theme(theme.DARK)
        self.theme = theme.DARK.name

    def compose(self) -> ComposeResult:
        yield LogView(id="log")


async def until(view: LogView, true: Callable[[], bool]) -> None:
    """Wait until something is true of the pane and was drawn."""
    async with asyncio.timeout(DEADLINE):
        while not true():  # noqa: ASYNC110 - the pane tells nobody
            await asyncio.sleep(0.002)
        drawn = asyncio.Event()
        view.call_after_refresh(drawn.set)
        await drawn.wait()


class Clock:
    """Milliseconds since it was made: of the wall, and of the processor where that is known."""

    def __init__(self, spent: Callable[[], float] = time.process_time) -> None:
        self._spent = spent
        self._wall, self._cpu = time.perf_counter(), spent()

    def stop(self, samples: Samples, name: str) -> None:
        """Take a sample. The processor's time tells the work where a busy host makes the wall's a lottery."""
        samples.setdefault(name, []).append((time.perf_counter() - self._wall) * 1000)
        samples.setdefault(f"{name}, cpu", []).append((self._spent() - self._cpu) * 1000)


def children() -> float:
    """Return the processor's seconds of all processes that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def ours(path: Path, samples: Samples) -> None:
    """Measure the pane once."""
    app = Pane()
    async with app.run_test(size=(COLUMNS, ROWS)) as pilot:
        view = app.query_one(LogView)
        await pilot.pause()
        process = psutil.Process()
        before = process.memory_info().rss

        async def said(name: str, act: Callable[[], object], true: Callable[[], bool]) -> None:
            clock = Clock()
            act()
            await until(view, true)
            clock.stop(samples, name)

        await said("open", lambda: view.attach(path), lambda: view.line_count == LINES and view.settled)
        assert LAST.decode() in view.visible_text()
        middle = LINES // 2
        await said("jump", lambda: view.go_to_line(middle), lambda: True)
        assert f"unit-{middle:06d}" in view.visible_text()
        for name, pattern in (
            ("search", Pattern(RARE)),
            ("search case", Pattern(RARE, case=True)),
            ("regex", Pattern(r"needle.*hay", regex=True)),
        ):
            await said(name, lambda p=pattern: view.search(p), lambda: view.settled)
            assert view.finder is not None and view.finder.count == len(RARE_AT)
        view.search(None)
        view.scroll_to(y=0, animate=False, force=True)
        await said("search jump", lambda: view.search(Pattern(RARE)), lambda: view.hit == RARE_AT[0])
        view.search(None)
        view.context = 2
        await said("filter", lambda: view.keep_only(Pattern(COMMON)), lambda: view.settled)
        assert view.sieve is not None and view.sieve.count == 100
        view.keep_only(None)
        samples.setdefault("memory", []).append((process.memory_info().rss - before) / 1e6)
        with tempfile.TemporaryDirectory() as folder:
            small = Path(folder) / "small.log"
            small.write_bytes(b"x\n")
            view.attach(small)
            await until(view, lambda: view.line_count == 1)
            more = b"a line that is appended while the pane follows its end\n" * 20_000
            with small.open("ab") as file:
                file.write(more)
            # Looked for at once: its next look may be a tenth of a second away.
            await said("follow", view._poll, lambda: view.line_count == 20_001)


class Less:
    """less on a log, in a PTY."""

    def __init__(self, path: Path, *arguments: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ |= {"TERM": "xterm-256color", "LESS": "", "LESSHISTFILE": "-"}
            os.execvp("less", ["less", *arguments, str(path)])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def wait(self, wanted: bytes) -> None:
        """Read until it printed something."""
        seen, deadline = b"", time.monotonic() + DEADLINE
        while wanted not in seen:
            if not select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"less did not print {wanted!r}: {seen[-200:]!r}")
            seen = seen[-4096:] + os.read(self.fd, 65536)

    def type(self, keys: bytes) -> None:
        os.write(self.fd, keys)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def others(path: Path, samples: Samples) -> None:
    """Measure less and grep once."""

    less = Less(path, "+G")
    spent = lambda: sum(psutil.Process(less.pid).cpu_times()[:2])  # noqa: E731
    try:
        clock = Clock(lambda: 0.0)
        less.wait(LAST)
        clock.stop(samples, "less open")
        middle = LINES // 2
        clock = Clock(spent)
        less.type(b"%dG" % (middle + 1))
        less.wait(b"unit-%06d" % middle)
        clock.stop(samples, "less jump")
        less.type(b"g")
        less.wait(b"unit-000000")
        clock = Clock(spent)
        less.type(b"/" + RARE.encode() + b"\n")
        less.wait(b"unit-%06d" % (RARE_AT[0] + ROWS // 2))
        clock.stop(samples, "less search")
        samples.setdefault("less memory", []).append(psutil.Process(less.pid).memory_info().rss / 1e6)
    finally:
        less.close()
    environ = os.environ | {"LC_ALL": "C"}
    for name, arguments in (
        ("grep -c", ["-c", RARE]),
        ("grep -ci", ["-ci", RARE]),
        ("grep -cE", ["-cE", "needle.*hay"]),
        ("grep -C2", ["-C2", COMMON]),
    ):
        clock = Clock(children)
        subprocess.run(["grep", *arguments, str(path)], stdout=subprocess.PIPE, check=True, env=environ)
        clock.stop(samples, name)


def measure(rounds: int) -> Samples:
    """Return every sample in milliseconds, those of memory in MB; they take turns."""
    samples: Samples = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "million.log"
        write_log(path)
        asyncio.run(ours(path, {}))  # imports and the page cache
        for _ in range(rounds):
            asyncio.run(ours(path, samples))
            others(path, samples)
        samples["size"] = [path.stat().st_size / 1e6]
    return samples


def rows(samples: Samples) -> list[tuple[str, ...]]:
    """Return what to print for each measure: its name, ours, the other one, both ratios, the aim."""
    found: list[tuple[str, ...]] = []
    for what, mine, other, limit in MEASURES:
        took, work = (statistics.median(samples[name]) for name in (mine, f"{mine}, cpu"))
        aim = f"≤ {limit} ms" if limit else ""
        ours_said = f"{took:.1f} ms ({work:.0f} of CPU)"
        if other is None:
            found.append((what, ours_said, "", "", "", aim))
            continue
        peer, peer_work = (statistics.median(samples[name]) for name in (other, f"{other}, cpu"))
        name = other.split(" ")[0] if other.startswith("less") else other
        of_cpu = f"{work / peer_work:.2f}" if peer_work else ""
        said = f"{name} {peer:.1f} ms" + (f" ({peer_work:.0f} of CPU)" if peer_work else "")
        found.append((what, ours_said, said, f"{took / peer:.2f}", of_cpu, aim))
    grown, held = statistics.median(samples["memory"]), statistics.median(samples["less memory"])
    found.append(
        ("memory it adds", f"{grown:.1f} MB", f"less {held:.1f} MB in all", "", "", "none that grows by size")
    )
    return found


def table(samples: Samples) -> str:
    """Return the medians as Markdown."""
    count = len(samples["open"])
    head = f"A log of {LINES:,} lines, {samples['size'][0]:.0f} MB; medians, n = {count}.\n\n"
    lines = ["| | vmbench | beside it | ratio | of CPU | aim |", "|---|---|---|---|---|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows(samples)]
    return head + "\n".join(lines) + "\n"


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=5, help="rounds")
    parser.add_argument("--json", action="store_true", help="print one JSON object with every sample")
    parser.add_argument("--table", action="store_true", help="print Markdown")
    wanted = parser.parse_args()
    samples = measure(wanted.n)
    if wanted.json:
        print(json.dumps({"bench": "log", "lines": LINES, "n": wanted.n, "samples": samples}))
    elif wanted.table:
        print(table(samples), end="")
    else:
        for what, mine, other, ratio, work, aim in rows(samples):
            print(f"{what:<35} {mine:>24}  {other:<32} x{ratio:<6} CPU x{work:<5} {aim} [n={wanted.n}]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
