"""``vmbench shell``: walk into a machine."""

from __future__ import annotations

import click

from app.cli import options
from app.cli.errors import UsageProblem
from app.cli.exec import DashedCommand, script_of
from app.cli.params import MachineName

EPILOG = """\b
Examples:
  vmbench shell calm-otter
  vmbench shell calm -- top
  vmbench exec calm -- uname -a     # without a terminal, as in scripts

Leave it as any shell: exit, or Ctrl-D.
"""


@click.command("shell", cls=DashedCommand, epilog=EPILOG)
@click.argument("machine", type=MachineName())
@click.argument("words", nargs=-1, metavar="[-- CMD...]", type=click.UNPROCESSED)
def command(machine: str, words: tuple[str, ...]) -> int:
    """Open a shell, or CMD, in a machine on this terminal."""
    from app.attach import attach
    from app.cli.bench import Bench, act

    if not options.on_terminal():
        raise UsageProblem(
            "a shell needs a terminal at both ends", f"vmbench exec {machine} -- CMD runs one command without"
        )

    async def work(bench: Bench) -> int:
        async with bench.machine(machine) as found:
            return await attach(found, script_of(words) if words else None)

    return act(work)
