"""``vmbench doctor``: what works on this host, what is missing, how to mend it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click

from app.cli import options
from app.cli.errors import HOST
from app.cli.plain import colours, plain

EPILOG = """\b
Examples:
  vmbench doctor
  vmbench doctor --json | jq '.checks[] | select(.status != "ok")'

\b
Exit codes: 0 tests can run here, 3 they cannot.
"""


@click.command("doctor", epilog=EPILOG)
@options.plain
@options.json_output
def command(as_json: bool) -> int:
    """Look at this host: what works, what is missing, how to fix it."""
    from app.engine.doctor import Host, Status, examine
    from app.paths import user_paths
    from app.settings import load_settings
    from registry.location import find_config

    paths = user_paths()
    settings = load_settings(project_file=find_config(Path.cwd()), user_file=paths.user_settings)
    host = Host(terminal=options.on_terminal(), columns=shutil.get_terminal_size().columns)
    checks = examine(paths, host, requested_accel=settings.run.accel, isolation=settings.run.isolation)
    able = all(c.status is not Status.FAIL for c in checks)
    if as_json:
        rows = [
            {"name": c.name, "status": c.status.value, "found": c.found, "remedy": c.remedy} for c in checks
        ]
        print(json.dumps({"able": able, "checks": rows}, indent=1))
        return 0 if able else HOST
    colour = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red"}
    coloured = colours()
    for check in checks:
        if plain():
            print(f"{check.name}: {check.status.value}, {check.found}")
            if check.remedy:
                print(f"try: {check.remedy}")
            continue
        word = f"{check.status.value:<4}"
        if coloured:
            word = click.style(word, fg=colour[check.status])
        print(f"{word}  {check.name:<13} {check.found}")
        if check.remedy:
            print(f"{'':<20}try: {check.remedy}")
    print("this host can run tests" if able else "this host cannot run tests yet: mend what says fail")
    return 0 if able else HOST
