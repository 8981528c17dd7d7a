"""``vmbench latency``: what a key costs the person who presses it."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.errors import INTERRUPTED, UsageProblem
from app.cli.params import MachineName

if TYPE_CHECKING:
    from app.cli.bench import Bench
    from app.cli.progress import Progress
    from app.engine.latency.lab import Lab, Request
    from app.engine.latency.measure import Progress as Taken
    from app.engine.latency.measurement import Measurement

EPILOG = """\b
Examples:
  vmbench latency                                   # echo in a shell of this host, in the workbench
  vmbench latency --against bash,tmux,screen        # the others beside it, taking turns
  vmbench latency calm-otter --against ssh,tmux     # echo from a guest's shell
  vmbench latency --floods 8 --against tmux         # with eight panes that flood

\b
Keys are sent at random moments, and each one's clock starts when it was to be sent. Percentiles are by
nearest rank: a sample that was taken, never a value between two.
"""


class Size(click.ParamType[tuple[int, int]]):
    """A terminal's size, such as ``200x50``."""

    name = "WxH"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return columns and rows."""
        found = re.fullmatch(r"(\d{2,3})[xX](\d{1,3})", str(value))
        if found is None or int(found[1]) < 20 or int(found[2]) < 5:
            self.fail(f"{value!r}: give columns and rows such as 200x50, from 20x5 up", param, ctx)
        return int(found[1]), int(found[2])


@click.command("latency", epilog=EPILOG)
@click.argument("machine", required=False, type=MachineName())
@click.option("--local", is_flag=True, help="Type into a shell of this host; so it is without MACHINE.")
@click.option(
    "--against", metavar="NAMES", default="", help="Others to measure in turn: tmux,ssh,screen,bash."
)
@click.option(
    "--keys", type=click.IntRange(1, 1_000_000), default=200, show_default=True, help="Keys of each."
)
@click.option(
    "--rate", type=click.FloatRange(0.1, 200), default=20.0, show_default=True, help="Keys a second."
)
@click.option("--size", type=Size(), default="200x50", show_default=True, help="The terminal's size.")
@click.option("--seed", type=int, help="Of the moments; told in the result.")
@click.option("--floods", type=click.IntRange(0, 32), default=0, help="Flooding panes beside it.")
@options.json_output
def command(
    machine: str | None,
    local: bool,
    against: str,
    keys: int,
    rate: float,
    size: tuple[int, int],
    seed: int | None,
    floods: int,
    as_json: bool,
) -> int:
    """Measure how long a key takes from the terminal to its echo there.

    With --json: the samples by name in milliseconds, and all conditions.
    """
    from app.engine.latency.lab import Request
    from app.engine.latency.measure import fresh_seed
    from app.engine.latency.measurement import Conditions

    if local and machine:
        raise UsageProblem("--local and a machine exclude each other", "give one of them")
    conditions = Conditions(
        probe="echo",
        machine=machine or "",
        keys=keys,
        rate=rate,
        seed=fresh_seed() if seed is None else seed,
        columns=size[0],
        rows=size[1],
        floods=floods,
    )
    names = tuple(name.strip() for name in against.split(",") if name.strip())
    return _measure(Request(conditions=conditions, against=names), as_json=as_json)


def _measure(request: Request, *, as_json: bool) -> int:
    import asyncio
    from functools import partial

    from app.cli.bench import act
    from app.cli.progress import Progress
    from app.engine.latency.measure import Progress as Taken
    from app.engine.offload import off_loop

    async def work(bench: Bench) -> int:
        lab = _lab(bench)
        taken = Taken(conditions=request.conditions)
        interrupted = False
        with Progress("measuring") as shown:
            try:
                await lab.measure(request, taken, partial(_tell, shown))
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not taken.done or task is None:
                    raise
                task.uncancel()  # what was measured so far is told
                interrupted = True
        measurement = taken.measurement()
        file = await off_loop(lab.keep, measurement)
        if as_json:
            print(json.dumps(measurement.document()))
        else:
            print("\n".join(_report(measurement)))
            print(f"kept as {file.stem}")
        return INTERRUPTED if interrupted else 0

    return act(work)


def _tell(shown: Progress, taken: Taken) -> None:
    if taken.done:
        shown.phase("typing", f"{taken.done} of {taken.total} keys")
    else:
        shown.phase(taken.note)


def _lab(bench: Bench) -> Lab:
    from app.engine.latency.lab import Lab

    return Lab(bench.paths.latency, bench.machines)


def _report(measurement: Measurement) -> list[str]:
    from app.cli.text import table
    from app.engine.latency import words

    width = min(shutil.get_terminal_size().columns, 110)
    lines = [words.headline(measurement), "", table(words.HEAD, words.rows(measurement))]
    for name in measurement.series:
        lines += ["", f"{name}, ms", *words.charts(measurement, name, width)]
    c = measurement.conditions
    pace = f"{c.rate:g} keys a second on average, seed {c.seed}"
    host = measurement.host
    lines += ["", f"{pace}; host load average {host.load_before:.2f} before, {host.load_after:.2f} after"]
    return lines
