"""``vmbench share``: a folder of this host in a machine."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.errors import warn
from app.cli.params import MachineName
from app.cli.text import harmless

if TYPE_CHECKING:
    from backends.share import SyncReport

EPILOG = """\b
Examples:
  vmbench share calm-otter ./site:/srv/site        # both ways
  vmbench share calm-otter ./data:/data/in:ro      # the guest cannot write to it
  vmbench share sync calm-otter                    # what either side changed goes to the other
  vmbench share list calm-otter
  vmbench share detach calm-otter /srv/site

\b
Both sides have a copy each, so a machine with shares is saved, forked and restored like any other. What
both changed stays as it is here; the guest's version is put beside it as NAME.vmbench-conflict.
"""

machine = click.argument("machine", type=MachineName())


class ShareGroup(click.Group):
    """A group whose first word may be a machine, which then means ``attach``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command in front that is meant."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["attach", *args]
        return super().parse_args(ctx, args)


@click.group("share", cls=ShareGroup, epilog=EPILOG)
def command() -> None:
    """Show a folder of this host in a machine, and keep both copies the same."""


@command.command("attach", epilog="\b\nExamples:\n  vmbench share attach calm-otter ./site:/srv/site\n")
@machine
@click.argument("folders", metavar="HOST:GUEST[:ro]")
@click.option("--force", is_flag=True, help="Replace what the guest's folder holds.")
@options.json_output
def attach(machine: str, folders: str, force: bool, as_json: bool) -> int:
    """Copy a folder into a machine and remember it; share MACHINE HOST:GUEST is short for it."""
    from app.cli.bench import Bench, act
    from backends.share import Shares, parse

    share = parse(folders)

    async def work(bench: Bench) -> int:
        async with bench.machine(machine) as found:
            _tell({share.guest: await Shares(found).attach(share, force=force)}, as_json)
        return 0

    return act(work)


@command.command("sync", epilog="\b\nExamples:\n  vmbench share sync calm-otter\n")
@machine
@click.argument("guest", required=False, metavar="[GUEST]")
@options.json_output
def sync(machine: str, guest: str | None, as_json: bool) -> int:
    """Take what either side changed to the other; of one share, or of all."""
    from app.cli.bench import Bench, act
    from backends.share import Shares

    async def work(bench: Bench) -> int:
        async with bench.machine(machine) as found:
            _tell(await Shares(found).sync(guest), as_json)
        return 0

    return act(work)


@command.command("detach", epilog="\b\nExamples:\n  vmbench share detach calm-otter /srv/site\n")
@machine
@click.argument("guest", metavar="GUEST")
@options.json_output
def detach(machine: str, guest: str, as_json: bool) -> int:
    """Sync a last time and let go; the guest's copy stays and can be attached again."""
    from app.cli.bench import Bench, act
    from backends.share import Shares

    async def work(bench: Bench) -> int:
        async with bench.machine(machine) as found:
            _tell({guest: await Shares(found).detach(guest)}, as_json)
        return 0

    return act(work)


@command.command("list", epilog="\b\nExamples:\n  vmbench share list calm-otter --json\n")
@machine
@options.json_output
def list_shares(machine: str, as_json: bool) -> int:
    """List a machine's shares."""
    from app.cli.bench import Bench, act
    from backends.share import Shares

    async def work(bench: Bench) -> int:
        async with bench.machine(machine) as found:
            shares = Shares(found).attached()
        if as_json:
            rows = [{"host": str(s.host), "guest": s.guest, "read_only": s.read_only} for s in shares]
            print(json.dumps(rows, indent=1))
        else:
            print("\n".join(harmless(str(s)) for s in shares) or "no shares")
        return 0

    return act(work)


def _tell(reports: Mapping[str, SyncReport], as_json: bool) -> None:
    for guest, report in reports.items():
        for path, name in report.conflicts.items():
            warn(harmless(f"{path}: changed on both sides; the guest's version is {name}"))
        for path, why in report.left_out.items():
            warn(harmless(f"{path} is left out: {why}"))
        if not as_json:
            counts = {
                "sent": len(report.sent),
                "taken": len(report.taken),
                "deleted in the guest": len(report.deleted_in_guest),
                "deleted here": len(report.deleted_on_host),
            }
            said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
            print(f"{harmless(guest)}: {said or 'nothing had changed'}")
    if as_json:
        print(json.dumps({guest: dataclasses.asdict(r) for guest, r in reports.items()}, indent=1))
