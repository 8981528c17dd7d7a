"""``vmbench ps``: the machines there are."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.text import count, duration, harmless, table

if TYPE_CHECKING:
    from backends.store import MachineRecord

EPILOG = """\b
Examples:
  vmbench ps
  vmbench ps -a                        # also what is stopped or died
  vmbench ps --json | jq -r '.[] | select(.keep) | .id'
  vmbench ps --ssh-config > machines.conf && ssh -F machines.conf calm-otter
"""
HEAD = ("MACHINE", "STATE", "KEPT", "BACKEND", "CPUS", "MEMORY", "FROM", "AGE", "FOR")


@click.command("ps", epilog=EPILOG)
@click.option("-a", "--all", "show_all", is_flag=True, help="Also those that are stopped or died.")
@click.option("--ssh-config", "as_config", is_flag=True, help="Print them as an ssh_config.")
@options.plain
@options.json_output
def command(show_all: bool, as_config: bool, as_json: bool) -> int:
    """List the machines there are, and how to walk into them."""
    from app.cli.ssh_config import config_of
    from app.paths import user_paths
    from app.wiring import machine_store
    from backends.base import MachineState

    store = machine_store(user_paths())
    found = store.records()
    down = (MachineState.STOPPED, MachineState.DIED)
    records = [r for r in found if show_all or r.state not in down]
    if as_config:
        print(config_of(store.root, records), end="")
    elif as_json:
        panics = _panics(store.root, records)
        print(json.dumps([_document(store.root, r, panics[r.id]) for r in records], indent=1))
    else:
        _print(store.root, records, len(found) - len(records))
    return 0


def _panics(root: Path, records: Sequence[MachineRecord]) -> dict[str, str]:
    """Return why kernels panicked, by the machines' ids; empty where they did not."""
    from backends.panics import Panics
    from backends.store import CONSOLE_LOG

    looked = Panics()
    return {r.id: looked.of(root / r.id / CONSOLE_LOG, r.console_start) if r.pid else "" for r in records}


def ssh_of(root: Path, record: MachineRecord) -> str:
    """Return the plain ``ssh`` command into a machine; empty where it does not run."""
    from backends.keys import ssh_command

    if not record.ssh_port or not record.pid:
        return ""
    return ssh_command(root / record.id, record.id, record.ssh_port)


def _document(root: Path, r: MachineRecord, panic: str) -> dict[str, object]:
    return {
        "id": r.id,
        "state": r.state.value,
        "panic": panic,
        "label": r.label,
        "run": r.run,
        "backend": r.backend,
        "accel": r.accel,
        "image": r.image,
        "parent": r.parent,
        "cpus": r.cpus,
        "memory": r.memory,
        "disk": r.disk,
        "created": r.created,
        "keep": r.keep,
        "keep_reason": r.keep_reason,
        "pid": r.pid,
        "folder": str(root / r.id),
        "ssh_port": r.ssh_port,
        "ssh": ssh_of(root, r),
    }


def _print(root: Path, records: Sequence[MachineRecord], hidden: int) -> None:
    more = f"{count(hidden, 'machine')} stopped or died; vmbench ps -a lists them too"
    if not records:
        print(
            more if hidden else "no machines; vmbench up starts one, a run with --keep on-failure leaves some"
        )
        return
    from backends.base import MachineState

    now = time.time()
    panics = _panics(root, records)
    rows = [
        (
            r.id,
            "panicked" if panics[r.id] and r.state is MachineState.RUNNING else r.state.value,
            "yes" if r.keep else "no",
            f"{r.backend}/{r.accel}" if r.accel else r.backend,
            str(r.cpus),
            f"{r.memory} MiB",
            r.parent or r.image,
            duration(max(0.0, now - r.created)),
            harmless(r.keep_reason or r.label).replace("\n", " "),
        )
        for r in records
    ]
    print(table(HEAD, rows))
    if hidden:
        print(more)
    for name in (r.id for r in records if panics[r.id]):
        print(f"{name}'s kernel panicked and starts anew, what was in its memory is lost: {panics[name]}")
        print(f"  vmbench console {name} tells more")
    walks = [ssh for r in records if (ssh := ssh_of(root, r))]
    if walks:
        print("\nvmbench shell MACHINE walks in; so does plain ssh:")
        for ssh in walks:
            print(f"  {ssh}")
