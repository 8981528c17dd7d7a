"""``vmbench stats``: what machines use."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.params import MachineName
from app.cli.plain import plain
from app.cli.text import duration, size, table

if TYPE_CHECKING:
    from app.cli.bench import Bench
    from app.engine.measuring import Measuring
    from backends.base import MachineStats

PERIOD = 2.0
"""Seconds between two samples of ``-f``."""

EPILOG = """\b
Examples:
  vmbench stats                   # every machine that runs
  vmbench stats -f calm-otter     # again and again, until Ctrl-C
  vmbench stats --json | jq '.[] | {id, pss}'

CPU is of one core. MEMORY is what the machine takes of the host when what it shares with forks is
divided among them (PSS), GUEST what its programs use of what it has.
"""

HEAD = ("MACHINE", "CPU", "MEMORY", "GUEST", "DISK", "WRITTEN", "NET IN", "NET OUT", "UP")


@click.command("stats", epilog=EPILOG)
@click.argument("machines", nargs=-1, metavar="[MACHINE]...", type=MachineName())
@click.option("-f", "--follow", is_flag=True, help="Show it anew every two seconds, until Ctrl-C.")
@options.plain
@options.json_output
def command(machines: tuple[str, ...], follow: bool, as_json: bool) -> int:
    """Show what machines use: processor, memory, disk, network.

    With --json: a list; with -f one list a line.
    """
    import asyncio

    from app.cli.bench import act

    async def work(bench: Bench) -> int:
        from app.engine.measuring import Measuring

        measuring = Measuring(bench.backend)
        try:
            while True:
                rows = await _sample(bench, measuring, machines)
                if as_json:
                    text = json.dumps(
                        [{"id": i} | dataclasses.asdict(s) for i, s in rows], indent=None if follow else 1
                    )
                else:
                    text = _table(rows)
                if follow and not as_json and sys.stdout.isatty() and not plain():
                    text = f"\x1b[H\x1b[J{text}"
                print(text, flush=True)
                if not follow:
                    return 0
                await asyncio.sleep(PERIOD)
        finally:
            await measuring.close()

    return act(work, endless=follow)


async def _sample(
    bench: Bench, measuring: Measuring, names: tuple[str, ...]
) -> list[tuple[str, MachineStats]]:
    from app.engine.offload import off_loop
    from backends.base import BackendError, MachineState

    if names:
        chosen = await bench.find_all(names)
    else:
        states = (MachineState.RUNNING, MachineState.PAUSED)
        chosen = [r for r in await off_loop(bench.machines.records) if r.state in states]
    rows: list[tuple[str, MachineStats]] = []
    for record, found in zip(chosen, await measuring.stats(chosen), strict=True):
        if not isinstance(found, BackendError):
            rows.append((record.id, found))
        elif names:
            raise found
        # else it ended just now
    return rows


def _table(rows: list[tuple[str, MachineStats]]) -> str:
    if not rows:
        return "no machine runs; vmbench up starts one"
    return table(
        HEAD,
        [
            (
                machine,
                f"{s.cpu_percent:.0f}%",
                size(s.pss or s.rss),
                f"{size(s.guest_memory_used)} of {size(s.guest_memory_total)}",
                size(s.disk_size),
                size(s.disk_written),
                size(s.network_received),
                size(s.network_sent),
                duration(s.uptime),
            )
            for machine, s in rows
        ],
    )
