"""``vmbench ssh-config``: machines as plain ssh, scp, rsync and editors know hosts."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.params import MachineName

if TYPE_CHECKING:
    from backends.store import MachineRecord

EPILOG = """\b
Examples:
  vmbench ssh-config > machines.conf
  ssh -F machines.conf calm-otter
  scp -F machines.conf site.tar calm-otter:/srv/

A machine's port may change when it is started again.
"""


@click.command("ssh-config", epilog=EPILOG)
@click.argument("machines", nargs=-1, metavar="[MACHINE]...", type=MachineName())
def command(machines: tuple[str, ...]) -> int:
    """Print an ssh_config for the machines that run, or for those named."""
    from app.paths import user_paths
    from app.wiring import machine_store
    from backends.states import require

    store = machine_store(user_paths())
    if machines:
        records = [store.find(name) for name in dict.fromkeys(machines)]
        for record in records:
            require("forward a port", record.id, record.state)
    else:
        records = store.records()
    text = config_of(store.root, records)
    print(text, end="")
    if not text:
        print("no machine runs; vmbench up starts one", file=sys.stderr)
    return 0


def config_of(root: Path, records: Iterable[MachineRecord]) -> str:
    """Return an ssh_config for the machines that run."""
    return "\n".join(_block(root / r.id, r) for r in records if r.ssh_port and r.pid)


def _block(folder: Path, record: MachineRecord) -> str:
    from backends.keys import CLIENT_KEY, KNOWN_HOSTS

    return (
        f"Host {record.id}\n"
        "  HostName 127.0.0.1\n"
        f"  Port {record.ssh_port}\n"
        "  User root\n"
        f'  IdentityFile "{folder / CLIENT_KEY}"\n'
        "  IdentitiesOnly yes\n"
        f"  HostKeyAlias {record.id}\n"
        f'  UserKnownHostsFile "{folder / KNOWN_HOSTS}"\n'
        "  StrictHostKeyChecking yes\n"
    )
