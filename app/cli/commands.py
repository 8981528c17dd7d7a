"""``vmbench commands``: what was run on one's behalf."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.errors import FAILURES, report
from app.cli.text import duration, harmless
from backends.commands import KINDS

if TYPE_CHECKING:
    from backends.commands import Command

EPILOG = """\b
Examples:
  vmbench commands                       # of the last run
  vmbench commands 20261120-174211-k3f9
  vmbench commands --kind qemu --typed   # ready to paste into a shell
  vmbench commands --kind qmp            # what QEMU's monitor was told
  vmbench commands --json | jq .text

Secrets and keys are masked. vmbench run --log-commands prints them while a run goes on.
"""


@click.command("commands", epilog=EPILOG)
@click.argument("run", required=False, metavar="[RUN]")
@click.option("--kind", type=click.Choice(KINDS), help="Only commands of this kind.")
@click.option("--machine", metavar="ID", help="Only commands of this machine.")
@click.option("--typed", is_flag=True, help="Only what to type, one a line.")
@options.plain
@options.json_output
def command(run: str | None, kind: str | None, machine: str | None, typed: bool, as_json: bool) -> int:
    """List the commands that a run ran on your behalf.

    QEMU, what its monitor (QMP) and the guest's control channel are told, SSH logins, commands in guests,
    copies, and tools of this host.
    """
    from app.engine.commands import FILE, read_commands
    from app.paths import user_paths

    runs = user_paths().runs
    names = sorted((path.parent.name for path in runs.glob(f"*/{FILE}")), reverse=True)
    chosen = next((name for name in names if run is None or name.startswith(run)), None)
    if chosen is None:
        message = f"no run called {run!r} has a command log" if run else "no run has a command log yet"
        report(message, "vmbench run makes one", "")
        return FAILURES
    found = [
        c
        for c in read_commands(runs / chosen)
        if kind in (None, c.kind) and (machine is None or c.machine.startswith(machine))
    ]
    if as_json:
        for entry in found:
            print(json.dumps(asdict(entry)))
    elif typed:
        for entry in found:
            print(entry.typed)
    else:
        print(f"run {chosen}", file=sys.stderr)
        for entry in found:
            print(line_of(entry))
    return 0


def line_of(entry: Command) -> str:
    """Return a command as one line."""
    began = time.strftime("%H:%M:%S", time.localtime(entry.time))
    took = "runs" if entry.duration is None else duration(entry.duration)
    ended = "-" if entry.exit_code is None else str(entry.exit_code)
    text = harmless(" ⏎ ".join(entry.text.splitlines()))
    return f"{began}  {entry.kind:<8}  {ended:>3}  {took:>7}  {entry.machine or '-':<14}  {text}"
