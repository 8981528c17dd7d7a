"""``vmbench start``, ``stop``, ``kill``, ``pause``, ``resume`` and ``reboot``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.params import Duration, MachineName
from app.cli.progress import Progress

if TYPE_CHECKING:
    from backends.base import Machine

machines = click.argument("machines", nargs=-1, required=True, metavar="MACHINE...", type=MachineName())


@click.command("start", epilog="\b\nExamples:\n  vmbench start calm-otter\n  vmbench start calm tidy\n")
@machines
def start(machines: tuple[str, ...]) -> int:
    """Start machines that are stopped or died, with the disk they had."""
    from app.cli.bench import act
    from app.engine.raising import bring_up

    async def one(machine: Machine) -> str:
        with Progress(f"start {machine.id}") as progress:
            await bring_up(machine, progress.phase)
        return f"started {machine.id}"

    return act(lambda bench: bench.each(machines, one))


@click.command(
    "stop",
    epilog="\b\nExamples:\n  vmbench stop calm-otter\n  vmbench stop calm-otter --timeout 1m\n",
)
@machines
@click.option(
    "--timeout", type=Duration(), default="10s", show_default=True, help="How long to ask before forcing."
)
def stop(machines: tuple[str, ...], timeout: float) -> int:
    """Stop machines: politely, then by force. Their disks stay; what was only in memory goes."""
    from app.cli.bench import act

    async def one(machine: Machine) -> str:
        with Progress(f"stop {machine.id}"):
            await machine.stop(timeout=timeout)
        return f"stopped {machine.id}"

    return act(lambda bench: bench.each(machines, one))


@click.command("kill", epilog="\b\nExamples:\n  vmbench kill calm-otter\n")
@machines
def kill(machines: tuple[str, ...]) -> int:
    """Stop machines by force and at once, as if their power was cut."""
    from app.cli.bench import act

    async def one(machine: Machine) -> str:
        await machine.kill()
        return f"killed {machine.id}"

    return act(lambda bench: bench.each(machines, one))


@click.command("pause", epilog="\b\nExamples:\n  vmbench pause calm-otter\n")
@machines
def pause(machines: tuple[str, ...]) -> int:
    """Halt machines' processors; their memory stays."""
    from app.cli.bench import act

    async def one(machine: Machine) -> str:
        await machine.pause()
        return f"paused {machine.id}"

    return act(lambda bench: bench.each(machines, one))


@click.command("resume", epilog="\b\nExamples:\n  vmbench resume calm-otter\n")
@machines
def resume(machines: tuple[str, ...]) -> int:
    """Let paused machines go on, with their clocks set right."""
    from app.cli.bench import act

    async def one(machine: Machine) -> str:
        await machine.resume()
        return f"resumed {machine.id}"

    return act(lambda bench: bench.each(machines, one))


@click.command(
    "reboot",
    epilog="\b\nExamples:\n  vmbench reboot calm-otter\n  vmbench reboot --discard -y calm-otter\n",
)
@machines
@click.option("--discard", is_flag=True, help="Throw away what was written to the disk.")
@click.option(
    "--timeout", type=Duration(), default="60s", show_default=True, help="How long it may take at most."
)
@options.yes
def reboot(machines: tuple[str, ...], discard: bool, timeout: float, yes: bool) -> int:
    """Reboot machines; their disks are kept unless --discard is given."""
    from app.cli.bench import Bench, act

    async def one(machine: Machine) -> str:
        with Progress(f"reboot {machine.id}"):
            await machine.reboot(discard=discard, timeout=timeout)
        return f"rebooted {machine.id}" + (", its changes are gone" if discard else "")

    async def work(bench: Bench) -> int:
        if discard:
            names = ", ".join(r.id for r in await bench.find_all(machines))
            if not options.confirmed(f"What was written to the disk of {names} will be lost. Reboot?", yes):
                return 0
        return await bench.each(machines, one)

    return act(work)
