"""Takes a measurement: starts the prober, collects its samples, and ends it whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import app
from app.engine.latency import injector, prober, targets
from app.engine.latency.figures import Sample
from app.engine.latency.hostload import StolenTime, load_average
from app.engine.latency.measurement import Conditions, Host, LatencyError, Measurement

PROBES = ("echo", "paint", "gap")
_PATIENCE = 15.0
_LONGEST_LINE = 1 << 20


@dataclass(slots=True)
class Progress:
    """How far a measurement is, and what was measured so far.

    Attributes:
        conditions: What is measured.
        note: What goes on, in a few words.
        total: Keys in all.
        series: Samples by what was typed into.
        advanced: Bytes that flooding panes printed.
        when: Wall time at which it began.
        host: The host as it was then.
        stolen: What the hypervisor takes since then.
        sent: Keys that were sent, where their arrival is told at the end.
        whole: Whether all was measured.
    """

    conditions: Conditions
    note: str = ""
    total: int = 0
    series: dict[str, list[Sample]] = field(default_factory=dict)
    advanced: dict[str, list[int]] = field(default_factory=dict)
    when: float = field(default_factory=time.time)
    host: Host = field(default_factory=Host)
    stolen: StolenTime = field(default_factory=StolenTime)

    sent: int = 0
    whole: bool = False

    @property
    def done(self) -> int:
        """Keys that were sent, and answered where an answer is awaited."""
        return max(self.sent, sum(len(samples) for samples in self.series.values()))

    def measurement(self) -> Measurement:
        """Return what was measured so far."""
        return Measurement(
            conditions=self.conditions,
            series={name: tuple(samples) for name, samples in self.series.items()},
            when=self.when,
            version=app.__version__,
            host=replace(self.host, load_after=round(load_average(), 2), stolen=round(self.stolen.part(), 4)),
            advanced={name: tuple(counts) for name, counts in self.advanced.items()},
            complete=self.whole,
        )


OnProgress = Callable[[Progress], None]


def fresh_seed() -> int:
    """Return a seed for a measurement that names none; it is told, so that it can be repeated."""
    return random.randrange(1_000_000)  # noqa: S311 - no secret


def this_host() -> Host:
    """Return the host as it is now."""
    return Host(
        system=f"{platform.system()} {platform.release()}",
        cpus=os.cpu_count() or 0,
        load_before=round(load_average(), 2),
    )


async def measure(
    progress: Progress, names: Sequence[str], inner: Sequence[str], on_progress: OnProgress
) -> None:
    """Measure into ``progress``; cancelled, it ends what it started and leaves what was measured there.

    Args:
        progress: Where samples are collected; its conditions say what to do.
        names: What is typed into.
        inner: The shell in it, as argv.
        on_progress: Called when there is more to tell.

    Raises:
        LatencyError: it cannot be measured.
    """
    absent = targets.missing(names)
    if absent:
        raise LatencyError(
            f"{' and '.join(absent)} cannot be measured: not installed",
            remedy=f"install {' '.join(absent)}, or leave it out of --against",
        )
    conditions = progress.conditions
    progress.host, progress.stolen = this_host(), StolenTime()
    if conditions.probe == "gap":
        progress.total = sum(prober.gap_keys(conditions.keys, rate) for rate in injector.RATES)
    else:
        progress.total = conditions.keys * len(names)
    plan = prober.Plan(
        probe=conditions.probe,
        targets=list(names),
        keys=conditions.keys,
        rate=conditions.rate,
        seed=conditions.seed,
        columns=conditions.columns,
        rows=conditions.rows,
        inner=list(inner),
        machine=conditions.machine,
        floods=conditions.floods,
    )
    root = str(Path(app.__file__).resolve().parents[1])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        prober.__name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
        limit=_LONGEST_LINE,
        start_new_session=True,  # a Ctrl-C reaches it through us
    )
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    complaints = asyncio.ensure_future(process.stderr.read())
    reading = asyncio.ensure_future(_read(process.stdout, progress, on_progress))
    try:
        process.stdin.write(prober.document(plan).encode())
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await process.stdin.drain()
        process.stdin.close()
        failed = await asyncio.shield(reading)
    finally:
        await _end(process, reading)
        said = (await complaints).decode(errors="replace").strip()
    if failed is not None:
        first, _, rest = failed.partition("\n")
        raise LatencyError(first, detail=rest, remedy="see that it works by hand, or leave it out")
    if process.returncode:
        raise LatencyError(f"the prober ended with exit code {process.returncode}", detail=said[-2000:])


async def _read(lines: asyncio.StreamReader, progress: Progress, on_progress: OnProgress) -> str | None:
    """Collect what the prober prints; return why it failed, if it did."""
    while line := await lines.readline():
        said = json.loads(line)
        if "sample" in said:
            sample = Sample(at=said["at"], ms=said["ms"], busy=said["busy"])
            progress.series.setdefault(said["sample"], []).append(sample)
        elif "flood" in said:
            before = progress.advanced.get(said["flood"], [0] * len(said["advanced"]))
            progress.advanced[said["flood"]] = [a + b for a, b in zip(before, said["advanced"], strict=True)]
        elif "failed" in said:
            return str(said["failed"])
        elif "sent" in said:
            progress.sent = said["sent"]
        elif "end" in said:
            progress.whole = True
        elif "note" in said:
            progress.note = said["note"]
        on_progress(progress)
    return None


async def _end(process: asyncio.subprocess.Process, reading: asyncio.Future[str | None]) -> None:
    """End the prober and hear it out, also when this is cancelled once more."""
    from app.engine.offload import unbroken

    async def whole() -> None:
        if process.returncode is None and not reading.done():
            process.terminate()
        try:
            async with asyncio.timeout(_PATIENCE):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await asyncio.gather(reading, return_exceptions=True)

    await unbroken(whole())
