"""``vmbench keep``, ``drop`` and ``label``: what is noted of a machine."""

from __future__ import annotations

import click

from app.cli import options
from app.cli.params import MachineName

machines = click.argument("machines", nargs=-1, required=True, metavar="MACHINE...", type=MachineName())


@click.command(
    "keep", epilog='\b\nExamples:\n  vmbench keep calm-otter\n  vmbench keep calm --reason "look at it"\n'
)
@machines
@click.option("--reason", default="kept by hand", show_default=True, help="Why, shown in lists.")
def keep(machines: tuple[str, ...], reason: str) -> int:
    """Let machines outlive the vmbench that made them, until vmbench rm removes them."""
    from app.cli.bench import Bench, act

    async def work(bench: Bench) -> int:
        for record in await bench.find_all(machines):
            await bench.room.keep(record.id, reason)
            print(f"keeps {record.id}")
        return 0

    return act(work)


@click.command("drop", epilog="\b\nExamples:\n  vmbench drop calm-otter\n  vmbench drop -y calm tidy\n")
@machines
@options.yes
def drop(machines: tuple[str, ...], yes: bool) -> int:
    """Keep machines no longer: they go with the vmbench that made them.

    Where that is over, the next workbench or run removes them. vmbench rm removes them now.
    """
    from app.cli.bench import Bench, act

    async def work(bench: Bench) -> int:
        records = await bench.find_all(machines)
        names = ", ".join(record.id for record in records)
        if not options.confirmed(f"{names} will be lost soon, with all in it. Drop?", yes):
            return 0
        for record in records:
            await bench.room.drop(record.id)
            print(f"keeps {record.id} no longer; vmbench keep {record.id} takes that back")
        return 0

    return act(work)


@click.command("label", epilog='\b\nExamples:\n  vmbench label calm-otter "build host"\n')
@click.argument("machine", type=MachineName())
@click.argument("text")
def label(machine: str, text: str) -> int:
    """Say what a machine is for, as lists show it."""
    from app.cli.bench import Bench, act

    async def work(bench: Bench) -> int:
        record = await bench.find(machine)
        await bench.room.relabel(record.id, text)
        print(f"{record.id} is {text}" if text else f"{record.id} has no label")
        return 0

    return act(work)
