"""``vmbench edit``: a test in the person's editor, and what the change means."""

from __future__ import annotations

import click

from app.cli import options
from app.cli.errors import FAILURES, UsageProblem

EPILOG = """\b
Examples:
  vmbench edit web-login
  vmbench edit web-login --step 4
  vmbench edit registry/web/test.toml        # a file that cannot be read
  EDITOR="code --wait" vmbench edit login    # a part of the name that only one has

The editor is $VISUAL, $EDITOR, or the first of nano, vim and vi that is there.

\b
Exit codes: 0 the test can run, 1 something in the file is wrong now.
"""


@click.command("edit", epilog=EPILOG)
@click.argument("test")
@click.option("--step", type=click.IntRange(1), metavar="N", help="Go to step N.")
@options.where
def command(test: str, step: int | None, registry: str | None, project: str | None) -> int:
    """Open TEST in your editor at its line, then say what changed and what is wrong.

    Where something is wrong it asks whether to open it again, at that line.
    """
    from app import editing, editor
    from app.cli.check import describe
    from app.wiring import find_workplace

    if not options.on_terminal():
        raise UsageProblem("an editor needs a terminal at both ends", "vmbench list --json tells the file")
    place = find_workplace(registry=registry, project=project)
    before = place.load()
    spot = editing.find(before, test, None if step is None else step - 1)
    at = spot.line
    while True:
        text = spot.file.read_bytes()
        editor.edit(spot.file, at)
        changed = not spot.file.is_file() or spot.file.read_bytes() != text
        edited = editing.outcome(before, place.load(), spot.file)
        same = "no test is different" if changed else f"nothing changed in {spot.file}"
        for change in edited.changes or ([] if edited.problems else [same]):
            print(change)
        if not edited.problems:
            return 0
        for problem in edited.problems:
            print(describe(problem))
        if not click.confirm("It cannot run like this. Edit again?", default=True, err=True):
            return FAILURES
        at = edited.problems[0].line or at
