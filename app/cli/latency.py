"""``vmbench latency``: what a key costs the person who presses it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.errors import FAILURES, INTERRUPTED, UsageProblem
from app.cli.params import MachineName
from app.cli.plain import plain

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
  vmbench latency --floods 8 --against tmux         # beside eight panes that flood
  vmbench latency --probe gap --load burn --guests 2 --isolation off
  vmbench latency --probe paint --gate              # exit code 1 when a limit is missed, for CI
  vmbench latency --json > before.json; vmbench latency --compare before.json
  vmbench latency --list; vmbench latency --show 20261120-174211-echo

\b
Probes:
  echo   a key at the outer terminal to its echo there, through pane, SSH and guest
  paint  a key event to the bytes that show it, inside the workbench
  gap    keys injected at 100 and 1000 bytes a second: gaps between their arrivals

\b
Keys are sent at random moments, and each one's clock starts when it was to be sent. Percentiles are by
nearest rank: a sample that was taken, never a value between two. The limits are settings: [latency].
Guests of --load are made for the measurement and removed after it.
"""

DEFAULT_KEYS = {"echo": 200, "paint": 200, "gap": 1000}


class TerminalSize(click.ParamType[tuple[int, int]]):
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
@click.option(
    "--probe", type=click.Choice(tuple(DEFAULT_KEYS)), default="echo", help="What to measure: echo."
)
@click.option("--local", is_flag=True, help="Type into a shell of this host; so it is without MACHINE.")
@click.option(
    "--against", metavar="NAMES", default="", help="Others to measure in turn: tmux,ssh,screen,bash."
)
@click.option("--keys", type=click.IntRange(1, 100_000), metavar="N", help="Keys of each; 200, for gap 1000.")
@click.option(
    "--rate", type=click.FloatRange(0.1, 200), metavar="X", default=20.0, help="Keys a second on average: 20."
)
@click.option("--size", type=TerminalSize(), default="200x50", show_default=True, help="The terminal's size.")
@click.option("--seed", type=int, metavar="N", help="Of the moments; told in the result.")
@click.option(
    "--floods", type=click.IntRange(0, 32), metavar="N", default=0, help="Flooding panes beside it."
)
@click.option(
    "--load",
    type=click.Choice(("none", "burn", "flood", "both")),
    default="none",
    help="What guests do meanwhile: burn their vCPUs, flood their consoles, both.",
)
@click.option("--guests", type=click.IntRange(1, 64), metavar="N", default=1, help="Guests of --load: 1.")
@click.option(
    "--vcpus", type=click.IntRange(1, 64), metavar="N", default=1, help="Processors of each of them: 1."
)
@click.option(
    "--burners",
    type=click.IntRange(0, 64),
    metavar="N",
    default=0,
    help="Programs that burn this host's cores.",
)
@options.isolation
@click.option(
    "--compare", "others", multiple=True, metavar="FILE", help="Say whether it differs; two: measure none."
)
@click.option("--show", metavar="FILE", help="Show a measurement that was taken, and measure none.")
@click.option("--list", "listing", is_flag=True, help="List the measurements that were taken.")
@click.option("--gate", is_flag=True, help="Exit with 1 when a limit is missed.")
@options.plain
@options.json_output
def command(
    machine: str | None,
    probe: str,
    local: bool,
    against: str,
    keys: int | None,
    rate: float,
    size: tuple[int, int],
    seed: int | None,
    floods: int,
    load: str,
    guests: int,
    vcpus: int,
    burners: int,
    isolation: str | None,
    others: tuple[str, ...],
    show: str | None,
    listing: bool,
    gate: bool,
    as_json: bool,
) -> int:
    """Measure what a key costs: in the workbench, idle or under load, beside others.

    With --json: the samples by name in milliseconds, and all conditions.
    """
    from app.engine.latency.lab import Request
    from app.engine.latency.measure import fresh_seed
    from app.engine.latency.measurement import Conditions

    if listing:
        return _list(as_json=as_json)
    if show is not None:
        return _show(show, others, gate=gate, as_json=as_json)
    if len(others) > 2:
        raise UsageProblem(f"{len(others)} measurements cannot be compared", "give one or two to --compare")
    if len(others) == 2:
        return _show(others[1], others[:1], gate=gate, as_json=as_json)
    if local and machine:
        raise UsageProblem("--local and a machine exclude each other", "give one of them")
    conditions = Conditions(
        probe=probe,
        machine=machine or "",
        keys=keys or DEFAULT_KEYS[probe],
        rate=rate,
        seed=fresh_seed() if seed is None else seed,
        columns=size[0],
        rows=size[1],
        floods=floods,
        load=load,
        guests=guests if load != "none" else 0,
        vcpus=vcpus if load != "none" else 0,
        burners=burners,
        isolation=isolation or "auto",
    )
    names = tuple(name.strip() for name in against.split(",") if name.strip())
    request = Request(conditions=conditions, against=names)
    return _measure(request, others, gate=gate, as_json=as_json)


def _measure(request: Request, others: Sequence[str], *, gate: bool, as_json: bool) -> int:
    import asyncio
    from functools import partial

    from app.cli.bench import act
    from app.cli.progress import Progress
    from app.engine.latency.measure import Progress as Taken
    from app.engine.offload import off_loop

    async def work(bench: Bench) -> int:
        lab = _lab(bench)
        before = await off_loop(_read, lab, others)
        taken = Taken(conditions=request.conditions)
        interrupted = False
        with Progress("measuring") as shown:
            try:
                await lab.measure(request, taken, partial(_tell, shown))
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not taken.series or task is None:
                    raise
                task.uncancel()  # what was measured so far is told
                interrupted = True
        measurement = taken.measurement()
        file = await off_loop(lab.keep, measurement)
        code = _print(lab, measurement, before, gate=gate, as_json=as_json)
        if not as_json:
            print(f"kept as {file.stem}")
        return INTERRUPTED if interrupted else code

    return act(work)


def _show(name: str, others: Sequence[str], *, gate: bool, as_json: bool) -> int:
    from app.cli.bench import make_bench

    lab = _lab(make_bench())
    (measurement,) = _read(lab, (name,))
    return _print(lab, measurement, _read(lab, others), gate=gate, as_json=as_json)


def _list(*, as_json: bool) -> int:
    from app.cli.bench import make_bench
    from app.cli.text import table

    lab = _lab(make_bench())
    entries = lab.entries()
    rows = [(e.name, e.measurement.conditions.probe, *e.words()) for e in entries]
    if as_json:
        print(json.dumps([{"name": e.name, "file": str(e.file)} for e in entries], indent=1))
    elif rows:
        print(table(("NAME", "PROBE", "WHERE", "LOAD", "WORKBENCH"), rows))
    else:
        print("nothing was measured yet; vmbench latency does")
    return 0


def _tell(shown: Progress, taken: Taken) -> None:
    if taken.done:
        shown.phase("typing", f"{taken.done} of {taken.total} keys")
    else:
        shown.phase(taken.note)


def _lab(bench: Bench) -> Lab:
    from app.wiring import make_lab

    return make_lab(bench.paths, bench.settings)


def _read(lab: Lab, names: Sequence[str]) -> list[Measurement]:
    from app.engine.latency.measurement import read

    return [read(Path(lab.find(name))) for name in names]


def _print(
    lab: Lab, measurement: Measurement, before: Sequence[Measurement], *, gate: bool, as_json: bool
) -> int:
    """Print a measurement, the verdicts and the comparison; return the exit code."""
    from app.engine.latency.compare import compare, unlike
    from app.engine.latency.verdicts import judge

    verdicts = judge(measurement, lab.limits)
    differences = [d for other in before for d in compare(other, measurement)]
    if as_json:
        document = measurement.document()
        document["verdicts"] = [v.document() for v in verdicts]
        if before:
            document["compared"] = [d.document() for d in differences]
        print(json.dumps(document))
    else:
        lines = _report(measurement)
        signs = ("missed:", "kept:") if plain() else ("✗", "✓")
        lines += ["", "limits", *(f"  {signs[v.kept]} {v.words()}" for v in verdicts)]
        if before:
            lines += ["", "compared", *(f"  {d.words()}" for d in differences)]
            if not differences:
                lines.append("  nothing that both measured")
            lines += [f"  ! {words}" for other in before for words in unlike(other, measurement)]
        print("\n".join(lines))
    missed = [v for v in verdicts if not v.kept]
    if gate and missed:
        from app.cli.errors import report

        worst = "; ".join(v.words() for v in missed)
        report(worst, "vmbench latency --help tells what --load and --compare can find out")
        return FAILURES
    return 0


def _report(measurement: Measurement) -> list[str]:
    from app.cli.text import table
    from app.engine.latency import words

    width = min(shutil.get_terminal_size().columns, 110)
    lines = [words.headline(measurement), "", table(words.HEAD, words.rows(measurement))]
    for name in () if plain() else measurement.series:
        lines += ["", f"{name}, ms", *words.charts(measurement, name, width)]
    return [*lines, "", words.footnote(measurement)]
