"""Ports of this host that lead into machines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.engine.relay import relay
from backends.base import BackendError, Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Which port is to lead where."""

    wanted: int = 0
    """On this host; 0 for any free one."""
    host: str = "127.0.0.1"
    """As the guest knows it."""
    port: int

    def __str__(self) -> str:
        """Return it as it is typed."""
        parts = [str(self.wanted)] if self.wanted else []
        parts += [self.host] if self.host != "127.0.0.1" else []
        return ":".join([*parts, str(self.port)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """A port of this host that leads into a machine now."""

    machine: str
    listening: int
    """On 127.0.0.1 of this host."""
    ports: Ports

    def __str__(self) -> str:
        """Return it for people."""
        target = (
            f"port {self.ports.port} of {self.machine}"
            if self.ports.host == "127.0.0.1"
            else f"{self.ports.host}:{self.ports.port} through {self.machine}"
        )
        return f"127.0.0.1:{self.listening} leads to {target}"


def parse_ports(text: str) -> Ports:
    """Read ``[HOSTPORT:][HOST:]GUESTPORT``.

    Raises:
        ValueError: it is none; the message says what to give.
    """
    parts = text.strip().split(":")
    host = parts.pop(-2) if len(parts) > 1 and not parts[-2].isdigit() else "127.0.0.1"
    if len(parts) > 2 or not host or not all(_is_port(part) for part in parts):
        raise ValueError(f"{text!r} names no ports: give 80, 8080:80 or 8080:HOST:80")
    return Ports(wanted=int(parts[0]) if len(parts) == 2 else 0, host=host, port=int(parts[-1]))


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65536


@asynccontextmanager
async def forwarding(machine: Machine, ports: Ports) -> AsyncIterator[Forward]:
    """Lead a port of this host into a machine as long as the block lasts.

    Raises:
        BackendError: the port cannot be listened on, or the machine takes no connections.
    """
    async with machine.forward(ports.port, ports.host) as inner:
        try:
            server = await asyncio.start_server(
                lambda reader, writer: relay(reader, writer, inner), "127.0.0.1", ports.wanted
            )
        except OSError as error:
            raise BackendError(
                f"cannot listen on port {ports.wanted}: {error.strerror or error}",
                remedy=f"choose another, or any free one: vmbench forward {machine.id} {ports.port}",
            ) from error
        try:
            number = server.sockets[0].getsockname()[1]
            yield Forward(machine=machine.id, listening=number, ports=ports)
        finally:
            server.close()
