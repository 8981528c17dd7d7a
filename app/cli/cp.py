"""``vmbench cp``: files into a machine and out of it."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from app.cli import options
from app.cli.errors import UsageProblem
from app.cli.params import Duration, MachineName

EPILOG = """\b
Examples:
  vmbench cp site.tar calm-otter:/srv/
  vmbench cp ./folder calm:/srv/folder
  vmbench cp calm:/var/log ./logs
  vmbench cp calm:/etc/hostname ./a:b     # ./ before a path of yours that holds a colon

Folders are copied whole. What exists on the host is only replaced when you say so.
"""


@dataclass(frozen=True, slots=True)
class Place:
    """One end of a copy; without a machine it is on the host."""

    machine: str
    path: str


class PlaceType(click.ParamType[Place]):
    """``PATH`` on the host, or ``MACHINE:PATH``."""

    name = "PLACE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Place:
        """Return the place."""
        if isinstance(value, Place):
            return value
        before, colon, after = str(value).partition(":")
        if not colon or not before or "/" in before:
            return Place("", str(value))
        if not after:
            self.fail(f"{value!r} names no path in the machine: give {before}:/PATH", param, ctx)
        return Place(before, after)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete machines, then leave the rest to the shell's files."""
        found = [CompletionItem(f"{i.value}:") for i in MachineName().shell_complete(ctx, param, incomplete)]
        return [*found, CompletionItem(incomplete, type="file")]


@click.command("cp", epilog=EPILOG)
@click.argument("source", type=PlaceType(), metavar="SRC")
@click.argument("target", type=PlaceType(), metavar="DST")
@click.option("--timeout", type=Duration(), default="1h", show_default=True, help="Give up after so long.")
@options.yes
def command(source: Place, target: Place, timeout: float, yes: bool) -> int:
    """Copy a file or folder between the host and a machine; one side is MACHINE:PATH."""
    from app.cli.bench import Bench, act
    from app.cli.progress import Progress

    if bool(source.machine) == bool(target.machine):
        raise UsageProblem(
            "cp copies between two machines" if source.machine else "cp needs a machine on one side",
            "write vmbench cp FILE MACHINE:PATH or vmbench cp MACHINE:PATH FILE"
            + ("; by way of the host" if source.machine else ""),
        )

    async def copy_in(bench: Bench) -> int:
        local = Path(source.path)
        path = target.path
        async with bench.machine(target.machine) as machine:
            if path.endswith("/"):
                # What exists is copied into; what does not is made.
                there = await machine.exec(f"test -d {shlex.quote(path)}", timeout=timeout)
                path = path.rstrip("/") or "/" if there.ok else f"{path}{_last(source.path)}"
            with Progress(f"cp {source.path} to {machine.id}:{path}"):
                await machine.copy_in(local, path, timeout=timeout)
        return 0

    async def copy_out(bench: Bench) -> int:
        local = Path(target.path)
        if local.is_dir() or target.path.endswith("/"):
            local = local / _last(source.path)
        async with bench.machine(source.machine) as machine:
            if os.path.lexists(local) and not options.confirmed(f"{local} exists. Replace it?", yes):
                return 0
            with Progress(f"cp {machine.id}:{source.path} to {local}"):
                # A folder that is there already, and so bears the source's name, is copied into.
                await machine.copy_out(
                    source.path, local.parent if local.is_dir() else local, timeout=timeout
                )
        return 0

    return act(copy_out if source.machine else copy_in)


def _last(path: str) -> str:
    name = os.path.basename(os.path.abspath(path))  # noqa: PTH100, PTH119 - a guest's path is no host's
    if not name:
        raise UsageProblem(f"{path!r} has no name of its own", "name the target in full")
    return name
