"""``vmbench forward``: a port of this host that leads into a machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from app.cli.params import MachineName

if TYPE_CHECKING:
    from app.engine.forwards import Ports

EPILOG = """\b
Examples:
  vmbench forward calm-otter 80          # a free port of the host; printed
  vmbench forward calm 8080:80
  vmbench forward calm 5432:db:5432      # a host that the machine reaches

It listens on 127.0.0.1 alone, until Ctrl-C or until the machine ends.
"""


class PortsType(click.ParamType["Ports"]):
    """``[HOSTPORT:][HOST:]GUESTPORT``."""

    name = "[HOSTPORT:]GUESTPORT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Ports:
        """Return which port is to lead where."""
        from app.engine.forwards import Ports, parse_ports

        if isinstance(value, Ports):
            return value
        try:
            return parse_ports(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("forward", epilog=EPILOG)
@click.argument("machine", type=MachineName())
@click.argument("ports", type=PortsType())
def command(machine: str, ports: Ports) -> int:
    """Lead a port of this host into a machine, until Ctrl-C."""
    from app.cli.bench import Bench, act
    from app.engine.forwards import forwarding
    from backends.base import BackendError

    async def work(bench: Bench) -> int:
        async with bench.machine(machine) as found, forwarding(found, ports) as forward:
            print(forward, flush=True)
            print("Ctrl-C ends it", file=sys.stderr, flush=True)
            why = await found.died()
            raise BackendError(f"{found.id} ended: {why}", remedy=f"vmbench start {found.id}")

    return act(work, endless=True)
