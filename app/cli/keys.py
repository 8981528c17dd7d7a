"""``vmbench keys``: every key of the workbench, with the id by which a keys file changes it."""

from __future__ import annotations

import json

import click

from app.cli import options
from app.cli.errors import warn
from app.cli.text import table

EPILOG = """\b
Examples:
  vmbench keys
  vmbench keys --json | jq '.keys[] | select(.changed)'
  echo '"tests.run" = "ctrl+r"' >> "$(vmbench keys --path)"

\b
The workbench changes keys too: 0 leads to its settings, and K there to the keys.
"""


@click.command("keys", epilog=EPILOG)
@options.plain
@options.json_output
@click.option("--path", "path_only", is_flag=True, help="Print where your keys file is, or would be.")
def command(as_json: bool, path_only: bool) -> int:
    """List every key of the workbench."""
    from app.keys_file import load_keys
    from app.paths import user_paths
    from app.tui import keymap
    from app.tui.keys.clashes import clashes

    file = user_paths().user_keys
    if path_only:
        print(file)
        return 0
    found = load_keys(file, {key.id for _, key in keymap.all_keys()})
    for problem in found.problems:
        warn(str(problem))
    for clash in clashes(found.changes):
        warn(f"{keymap.shown(clash.name)} is both {clash.first.id} and {clash.second.id}")
    if as_json:
        document = [
            {
                "id": key.id,
                "scope": scope,
                "keys": keymap.keys_of(key, found.changes).split(","),
                "default": key.keys.split(","),
                "changed": key.id in found.changes,
                "does": key.help or key.label,
            }
            for scope, key in keymap.all_keys()
        ]
        print(json.dumps({"file": str(file), "keys": document}, indent=1))
        return 0
    rows = [
        (key.id, keymap.shown(keymap.keys_of(key, found.changes)), key.help or key.label)
        for _, key in keymap.all_keys()
    ]
    print(table(("ACTION", "KEYS", "DOES"), rows))
    return 0
