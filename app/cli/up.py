"""``vmbench up``: a machine without a test."""

from __future__ import annotations

import click

from app.cli import options
from app.cli.params import Size

EPILOG = """\b
Examples:
  vmbench up                             # the tiny guest; prints the machine's id
  vmbench up --cpus 2 --memory 1G --disk 4G --label build
  vmbench shell $(vmbench up)
  vmbench up -n 3 --json | jq -r '.[].id'

The machine stays until vmbench rm removes it. Interrupted, up removes what it made.
"""


@click.command("up", epilog=EPILOG)
@click.argument("image", default="tiny", metavar="[IMAGE]")
@click.option("--backend", metavar="NAME", help="Backend to make it on.")
@click.option(
    "--cpus", type=click.IntRange(1, 256), metavar="N", default=1, show_default=True, help="Processors."
)
@click.option("--memory", type=Size(), default="256M", show_default=True, help="Memory.")
@click.option("--disk", type=Size(), help="Size of a scratch disk; without it there is none.")
@click.option("--label", "--name", metavar="TEXT", default="", help="What it is for, shown in lists.")
@click.option("--cold", is_flag=True, help="Boot, even if there is a template to fork.")
@click.option("-n", "number", type=click.IntRange(1, 100), metavar="N", default=1, help="How many, at once.")
@options.isolation
@options.json_output
def command(
    image: str,
    backend: str | None,
    cpus: int,
    memory: int,
    disk: int | None,
    label: str,
    cold: bool,
    number: int,
    isolation: str | None,
    as_json: bool,
) -> int:
    """Start a machine of an image (tiny unless named), keep it, and print its id.

    With --json: one object for one machine, a list for -n.
    """
    from app.cli.bench import Bench, act
    from app.cli.progress import Progress
    from app.cli.raising import document, tell_new
    from backends.base import MachineRequest

    async def work(bench: Bench) -> int:
        request = MachineRequest(image=image, cpus=cpus, memory=memory, disk=disk, label=label, cold=cold)
        with Progress("up") as progress:
            machines = await bench.room.up_many(request, backend, number, progress.phase)
        if as_json and number == 1:
            import json

            (machine,) = machines
            print(json.dumps(document(machine.id, machine.folder, machine.ssh_command), indent=1))
        else:
            tell_new(machines, as_json=as_json)
        return 0

    return act(work, flags=options.isolation_flags(isolation))
