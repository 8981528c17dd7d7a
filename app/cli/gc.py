"""``vmbench gc``: what nobody needs any more, listed and given back."""

from __future__ import annotations

import json
import sys

import click

from app.cli import options
from app.cli.errors import FAILURES, report
from app.cli.params import Age
from app.cli.text import count, duration, size, table

EPILOG = """\b
Examples:
  vmbench gc --dry-run              # only list
  vmbench gc                        # list, then ask
  vmbench gc -y --older-than 30d

\b
Reclaimed at any age:  machines and processes that a vmbench which died left, unfinished snapshots.
Older than the limit:  checkpoints of runs, templates nobody forked, replaced builds of images, runs.
Never:                 kept machines, and snapshots that you saved.
"""


@click.command("gc", epilog=EPILOG)
@click.option("--dry-run", is_flag=True, help="Only list what would go.")
@click.option(
    "--older-than",
    type=Age(),
    default="7d",
    show_default=True,
    help="Age from which what can be remade goes.",
)
@options.yes
@options.plain
@options.json_output
def command(dry_run: bool, older_than: float, yes: bool, as_json: bool) -> int:
    """Reclaim what nobody needs any more, after asking."""
    from app.engine.garbage import find_garbage
    from app.paths import user_paths
    from backends.base import BackendError

    found = find_garbage(user_paths(), older_than)
    total = sum(item.size for item in found)
    if not as_json:
        if not found:
            print("nothing to reclaim")
            return 0
        rows = [(i.kind, i.name, duration(i.age), size(i.size), i.why) for i in found]
        print(table(("WHAT", "NAME", "AGE", "SIZE", "WHY"), rows))
        print(f"{count(len(found), 'thing')}, {size(total)}", flush=True)
    doomed = found and not dry_run
    if doomed and not options.confirmed(f"{count(len(found), 'thing')} will be lost. Reclaim?", yes):
        return 0
    failed = 0
    for item in found if doomed else ():
        try:
            item.reclaim()
        except (BackendError, OSError) as error:
            report(f"could not reclaim {item.name}: {error}", getattr(error, "remedy", ""))
            failed += 1
    if as_json:
        rows_ = [{"kind": i.kind, "name": i.name, "age": i.age, "size": i.size, "why": i.why} for i in found]
        print(json.dumps({"dry_run": dry_run, "size": total, "failed": failed, "garbage": rows_}, indent=1))
    elif doomed:
        print(f"reclaimed {count(len(found) - failed, 'thing')}", file=sys.stderr)
    return FAILURES if failed else 0
