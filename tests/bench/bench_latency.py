"""What keys cost, beside bash, tmux, screen and ssh in the same run; writes ``docs/bench/latency.md``.

Measures by ``vmbench latency``: a local shell idle, beside eight flooding panes and with two burners; a guest
idle and under load; paint and gaps with isolation on and off; then the model of the terminal and the log view
by their own benchmarks. About a quarter of an hour. Prints a line for people and one of JSON for each part.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.engine.latency.measurement import Measurement, decoded
from app.engine.latency.words import HEAD, rows

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "bench" / "latency.md"
ENV = {**os.environ, "PYTHONPATH": str(ROOT)}
BUSY = ", so that other work is in the figures and ratios tell more than they"
HERE = Path(__file__).parent
MOST_STOLEN = 0.01
"""Part of the processors' time taken by the hypervisor from which on a part is measured again."""
TRIES = 3


def vmbench(*words: str) -> str:
    """Run vmbench and return what it printed.

    Raises:
        RuntimeError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "app.cli.main", *words], env=ENV, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"vmbench {' '.join(words)}: {done.stderr}")
    return done.stdout


class Page:
    """The page while it is written.

    Args:
        keys: Keys of each series.
        rate: Keys a second on average.
    """

    def __init__(self, keys: int, rate: float) -> None:
        self._keys = keys
        self._rate = rate
        self.lines: list[str] = []

    def write(self, *lines: str) -> None:
        """Add lines."""
        self.lines += lines

    def measure(self, title: str, *words: str, keys: int | None = None) -> Measurement:
        """Measure, add the table and return the measurement."""
        given = [*words, "--keys", str(keys or self._keys), "--rate", f"{self._rate:g}", "--seed", "1"]
        tries: list[tuple[Measurement, dict[str, Any]]] = []
        while len(tries) < TRIES and (not tries or tries[-1][0].host.stolen > MOST_STOLEN):
            raw = json.loads(vmbench("latency", *given, "--json"))
            tries.append((decoded(raw), raw))
        found, raw = min(tries, key=lambda pair: pair[0].host.stolen)
        host = found.host
        self.write(f"### {title}", "", f"`vmbench latency {' '.join(given)}`", "")
        told = f"Load average {host.load_before:.1f} before, {host.load_after:.1f} after"
        if host.stolen >= 0.001 or len(tries) > 1:
            told += f"; the hypervisor took {host.stolen:.1%} of the processors"
        if len(tries) > 1:
            told += f" (least of {len(tries)} measurements)"
        busy = host.load_before > host.cpus
        self.write(f"{told}{f': more than {host.cpus} processors can do{BUSY}' if busy else ''}.", "")
        self.write(f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}")
        self.write(*(f"| {' | '.join(row)} |" for row in rows(found)), "")
        if found.advanced:
            least = {name: min(counts) for name, counts in found.advanced.items()}
            told = ", ".join(f"{name} {count / 1e6:.1f} MB" for name, count in least.items())
            self.write(f"The slowest flood advanced by: {told}.", "")
        print(f"{title}: " + "; ".join(f"{r[0]} p50 {r[2]} p99 {r[4]}" for r in rows(found)))
        result = {"bench": "latency", "part": title, "n": self._keys, "summary": raw["summary"]}
        print(json.dumps(result | {"ratio": ratios(raw["summary"])}), flush=True)
        return found

    def aim(self, words: str, *parts: tuple[str, float, float]) -> None:
        """Add whether an aim was reached: for each part its name, its value and the most it may be."""
        told = [
            f"{name} {value:.2f} {'of' if value <= most else 'over'} {most:g}" for name, value, most in parts
        ]
        reached = all(value <= most for _, value, most in parts)
        self.write(f"Aim: {words}. **{'Reached' if reached else 'Missed'}**: {', '.join(told)}.", "")


def figure(found: Measurement, name: str, percent: float) -> float:
    """Return a percentile of a series in milliseconds."""
    from app.engine.latency.figures import percentile, taken

    return percentile(sorted(taken(found.series[name])), percent)


def ratios(summary: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the workbench's p50 and p99 as ratios to every other series."""
    ours = summary.get("vmbench", {})
    found = {}
    for name, other in summary.items():
        for key in ("p50", "p99"):
            if name != "vmbench" and ours.get("n") and other.get("n"):
                found[f"{key} to {name}"] = round(ours[key] / other[key], 3)
    return found


def to_tmux(page: Page, found: Measurement, p50: float, p99: float) -> None:
    """Add an aim that is a ratio to tmux."""
    parts = []
    for percent, most in ((50, p50), (99, p99)):
        ratio = figure(found, "vmbench", percent) / figure(found, "tmux", percent)
        parts.append((f"p{percent} ratio", ratio, most))
    page.aim(f"p50 at most {p50:g} times tmux, p99 at most {p99:g} times", *parts)


def to_ssh(page: Page, found: Measurement) -> None:
    """Add the aim of what the pane adds to the bare ssh."""
    parts = []
    for percent, most in ((50, 3.0), (99, 10.0)):
        added = figure(found, "vmbench", percent) - figure(found, "ssh", percent)
        parts.append((f"added at p{percent}", added, most))
    page.aim("the pane adds at most 3 ms at p50 and 10 ms at p99 to the bare ssh", *parts)


def limits(page: Page, found: Measurement) -> None:
    """Add the verdicts."""
    from app.engine.latency.limits import Limits
    from app.engine.latency.verdicts import judge

    verdicts = judge(found, Limits())
    kept = all(v.kept for v in verdicts)
    page.write(f"Limits: **{'kept' if kept else 'missed'}**. {'; '.join(v.words() for v in verdicts)}.", "")


def local(page: Page) -> None:
    """Measure a shell of this host."""
    page.write("## 1. A local shell, side by side", "")
    found = page.measure("Idle", "--against", "bash,tmux,screen")
    to_tmux(page, found, 2, 2)
    page.write("## 2. Beside eight flooding panes", "", "tmux shows the same nine panes.", "")
    found = page.measure("Eight floods", "--against", "tmux", "--floods", "8")
    to_tmux(page, found, 0.25, 0.6)
    lost = sum(s.ms is None for s in found.series["vmbench"])
    still = found.advanced["vmbench"].count(0)
    page.aim("no key lost, every flood still advancing", ("lost", lost, 0), ("stood still", still, 0))
    found = page.measure("Two burners", "--against", "bash,tmux", "--burners", "2")
    page.aim("p99 at most 10 ms", ("p99", figure(found, "vmbench", 99), 10))


def guest(page: Page, machine: str) -> None:
    """Measure a real guest's shell."""
    page.write("## 3. Echo from a real guest", "")
    to_ssh(page, page.measure("Idle guest", machine, "--against", "ssh,tmux"))
    load = ("--load", "both", "--guests", "1", "--vcpus", "1")
    for isolation in ("auto", "off"):
        words = (machine, "--against", "ssh,tmux", *load, "--isolation", isolation)
        to_ssh(page, page.measure(f"Another guest burns and floods, isolation {isolation}", *words))


def inside(page: Page) -> None:
    """Measure paint and gaps."""
    page.write("## Paint and gaps, against their limits", "")
    limits(page, page.measure("Paint, idle", "--probe", "paint"))
    for isolation in ("auto", "off"):
        load = ("--load", "burn", "--guests", "2", "--isolation", isolation)
        limits(
            page, page.measure(f"Paint, two guests burn, isolation {isolation}", "--probe", "paint", *load)
        )
    for guests in (1, 2):
        for isolation in ("auto", "off"):
            load = ("--load", "burn", "--guests", str(guests), "--isolation", isolation)
            title = f"Gaps, {guests} burning vCPU, isolation {isolation}"
            limits(page, page.measure(title, "--probe", "gap", *load, keys=1000))


def others(page: Page) -> None:
    """Run the benchmarks of the model and of the log view, and quote them."""
    page.write("## 4. The terminal's model and the log view", "")
    for name, words in (("bench_terminal.py", ("-n", "3")), ("bench_log.py", ())):
        if not (HERE / name).exists():
            continue
        argv = [sys.executable, str(HERE / name), *words]
        done = subprocess.run(argv, env=ENV, capture_output=True, text=True, check=False)
        told = [line for line in done.stdout.splitlines() if line and not line.startswith("{")]
        page.write(f"`{' '.join(['python', f'tests/bench/{name}', *words])}`", "", "```", *told, "```", "")
        print("\n".join(told), flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=500, help="keys of each series")
    parser.add_argument("--rate", type=float, default=25.0, help="keys a second on average")
    parser.add_argument("--page", type=Path, default=PAGE, help="where to write the page")
    given = parser.parse_args(argv)
    page = Page(given.keys, given.rate)
    began = time.time()
    page.write(
        "# Latency, measured",
        "",
        "Written by `python tests/bench/bench_latency.py`. Milliseconds; what is measured, how, and what the",
        "columns mean is told in [latency](../latency.md). All rows of a table were measured in one run,",
        "taking turns; `host` is how busy all processors were beside the samples, the measured included.",
        "With 100 keys or fewer, p99 is the slowest of them. A part beside which the hypervisor took more",
        f"than {MOST_STOLEN:.0%} of the processors is measured up to {TRIES} times; the one it took least of",
        "counts.",
        "",
        f"{os.cpu_count()} processors, {platform.system()} {platform.release()}, Python "
        f"{platform.python_version()}, {time.strftime('%Y-%m-%d', time.localtime(began))}.",
        "",
    )
    local(page)
    machine = vmbench("up").strip()
    try:
        guest(page, machine)
    finally:
        vmbench("rm", "-y", machine)
    inside(page)
    others(page)
    given.page.parent.mkdir(parents=True, exist_ok=True)
    given.page.write_text("\n".join(page.lines).rstrip() + "\n")
    print(f"wrote {given.page} in {time.time() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
