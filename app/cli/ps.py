"""``vmbench ps``: the machines there are."""

from __future__ import annotations

import json
import time

import click

from app.cli import options
from app.cli.text import duration, harmless, table

EPILOG = """\b
Examples:
  vmbench ps
  vmbench ps --json | jq -r '.[] | select(.keep) | .id'
"""


@click.command("ps", epilog=EPILOG)
@options.json_output
def command(as_json: bool) -> int:
    """List the machines there are: running, kept and left behind."""
    from app.paths import user_paths
    from app.wiring import machine_store

    store = machine_store(user_paths())
    records = store.records()
    if as_json:
        rows = [
            {
                "id": r.id,
                "state": r.state.value,
                "label": r.label,
                "run": r.run,
                "backend": r.backend,
                "accel": r.accel,
                "image": r.image,
                "cpus": r.cpus,
                "memory": r.memory,
                "disk": r.disk,
                "created": r.created,
                "keep": r.keep,
                "keep_reason": r.keep_reason,
                "pid": r.pid,
                "folder": str(store.root / r.id),
                "ssh_port": r.ssh_port,
            }
            for r in records
        ]
        print(json.dumps(rows, indent=1))
        return 0
    if not records:
        print("no machines; a run with --keep on-failure leaves those whose test failed")
        return 0
    now = time.time()
    print(
        table(
            ("MACHINE", "STATE", "KEPT", "BACKEND", "CPUS", "MEMORY", "AGE", "FOR"),
            [
                (
                    r.id,
                    r.state.value,
                    "yes" if r.keep else "no",
                    f"{r.backend}/{r.accel}" if r.accel else r.backend,
                    str(r.cpus),
                    f"{r.memory} MiB",
                    duration(max(0.0, now - r.created)),
                    harmless(r.keep_reason or r.label).replace("\n", " "),
                )
                for r in records
            ],
        )
    )
    return 0
