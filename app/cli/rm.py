"""``vmbench rm``: remove machines."""

from __future__ import annotations

import sys

import click

from app.cli import options
from app.cli.errors import FAILURES, UsageProblem, report
from app.cli.params import MachineName
from backends.base import BackendError

EPILOG = """\b
Examples:
  vmbench rm calm-otter
  vmbench rm calm        # an unambiguous beginning is enough
  vmbench rm --all -y    # all but those of a run that goes on
"""


@click.command("rm", epilog=EPILOG)
@click.argument("machines", nargs=-1, metavar="[MACHINE]...", type=MachineName())
@click.option("--all", "remove_all", is_flag=True, help="Every machine that no running test needs.")
@click.option("-y", "--yes", "--force", "yes", is_flag=True, help="Do not ask about kept machines.")
def command(machines: tuple[str, ...], remove_all: bool, yes: bool) -> int:
    """Stop machines and delete their folders."""
    from app.paths import user_paths
    from app.wiring import machine_store

    if bool(machines) == remove_all:
        raise UsageProblem(
            "name machines or give --all, not both" if machines else "no machine is named",
            "vmbench ps lists them; vmbench rm --all removes every one",
        )
    store = machine_store(user_paths())
    chosen = store.records() if remove_all else [store.find(name) for name in dict.fromkeys(machines)]
    if remove_all:
        chosen = [r for r in chosen if r.keep or r.owner is None or not r.owner.alive()]
    kept = [r for r in chosen if r.keep]
    if kept and not yes:
        names = ", ".join(r.id for r in kept)
        if not options.on_terminal():
            raise UsageProblem(f"kept on purpose: {names}", "add -y to remove them all the same")
        if not click.confirm(
            f"{names} {'was' if len(kept) == 1 else 'were'} kept on purpose. Remove?", err=True
        ):
            return 0
    failed = 0
    for record in {r.id: r for r in chosen}.values():
        try:
            store.remove(record.id)
        except BackendError as error:
            report(error.message, error.remedy, error.detail)
            failed += 1
        else:
            print(f"removed {record.id}" + (f" ({record.label})" if record.label else ""))
    if remove_all and not chosen:
        print("nothing to remove", file=sys.stderr)
    return FAILURES if failed else 0
