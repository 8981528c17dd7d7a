"""``vmbench forward``: a port of this host that leads into a machine."""

from __future__ import annotations

import sys

import click

from app.cli.params import MachineName

EPILOG = """\b
Examples:
  vmbench forward calm-otter 80          # a free port of the host; printed
  vmbench forward calm 8080:80
  vmbench forward calm 5432:db:5432      # a host that the machine reaches

It listens on 127.0.0.1 alone, until Ctrl-C or until the machine ends.
"""


class PortsType(click.ParamType[tuple[int, str, int]]):
    """``[HOSTPORT:][HOST:]GUESTPORT``."""

    name = "[HOSTPORT:]GUESTPORT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, str, int]:
        """Return the host's port (0 for a free one), the name the guest knows the target by, its port."""
        if isinstance(value, tuple):
            return value
        parts = str(value).split(":")
        host = parts.pop(-2) if len(parts) > 1 and not parts[-2].isdigit() else "127.0.0.1"
        if len(parts) > 2 or not host or not all(_is_port(p) for p in parts):
            self.fail(f"{value!r} names no ports: give 80, 8080:80 or 8080:HOST:80", param, ctx)
        return int(parts[0]) if len(parts) == 2 else 0, host, int(parts[-1])


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65536


@click.command("forward", epilog=EPILOG)
@click.argument("machine", type=MachineName())
@click.argument("ports", type=PortsType())
def command(machine: str, ports: tuple[int, str, int]) -> int:
    """Lead a port of this host into a machine, until Ctrl-C."""
    import asyncio

    from app.cli.bench import Bench, act
    from app.cli.relay import relay
    from backends.base import BackendError

    wanted, host, port = ports

    async def work(bench: Bench) -> int:
        async with bench.machine(machine) as found, found.forward(port, host) as inner:
            try:
                server = await asyncio.start_server(
                    lambda reader, writer: relay(reader, writer, inner), "127.0.0.1", wanted
                )
            except OSError as error:
                raise BackendError(
                    f"cannot listen on port {wanted}: {error.strerror or error}",
                    remedy=f"choose another, or any free one: vmbench forward {machine} {port}",
                ) from error
            number = server.sockets[0].getsockname()[1]
            where = (
                f"port {port} of {found.id}" if host == "127.0.0.1" else f"{host}:{port} through {found.id}"
            )
            print(f"127.0.0.1:{number} leads to {where}", flush=True)
            print("Ctrl-C ends it", file=sys.stderr, flush=True)
            try:
                why = await found.died()
                raise BackendError(f"{found.id} ended: {why}", remedy=f"vmbench start {found.id}")
            finally:
                server.close()

    return act(work, endless=True)
