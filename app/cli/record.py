"""``vmbench record``: what is typed in a shell becomes a new test."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.errors import UsageProblem, warn
from app.cli.params import Duration, MachineName
from app.cli.text import harmless

if TYPE_CHECKING:
    from app.cli.bench import Bench
    from app.engine.recorded import RecordedCommand

EPILOG = """\b
Examples:
  vmbench record calm-otter --test serves-pages
  vmbench record session.cast --test serves-pages       # from a recording
  vmbench record calm --test another --into tests/web.toml
  vmbench record session.cast --test quick --steps 1-3,5 -y

A shell opens in the machine; when it ends, its commands are listed, you choose, see what would be
written, and say yes. Each command becomes a step; cd and variables go before the steps after them.
"""


@click.command("record", epilog=EPILOG)
@click.argument("source", metavar="MACHINE|CAST", type=MachineName())
@click.option("--test", "name", metavar="NAME", required=True, help="Name of the new test.")
@click.option("--into", metavar="FILE", type=click.Path(path_type=Path), help="Add it to this file of tests.")
@click.option("--steps", metavar="LIST", help="Commands to take, such as 1-3,5; otherwise you are asked.")
@click.option("--summary", metavar="TEXT", default="", help="One line for people.")
@click.option("--timeout", type=Duration(), help="Every step's; by default from how long it took.")
@options.where
@options.yes
def command(
    source: str,
    name: str,
    into: Path | None,
    steps: str | None,
    summary: str,
    timeout: float | None,
    registry: str | None,
    project: str | None,
    yes: bool,
) -> int:
    """Make a test of what is typed in a shell in MACHINE, or was typed in the recording CAST."""
    from app.engine.recorded import new_steps
    from app.wiring import find_workplace
    from registry.writer import NewStep, NewTest, draft

    place = find_workplace(registry=registry, project=project)
    # A name that cannot be is told before anything is typed.
    draft(place.location, NewTest(name=name, steps=[NewStep(run="true")]), into)
    if not yes and not options.on_terminal():
        raise UsageProblem(
            "nobody is there to look at the test", "add -y, and --steps for some of the commands"
        )
    file = Path(source)
    is_cast = file.suffix == ".cast" or file.is_file()
    commands = _read(file) if is_cast else _recorded(source)
    if not commands:
        raise UsageProblem(
            "no command was found in it",
            "record a shell by vmbench record MACHINE, or with --record-input, which tells what was typed",
        )
    _show(commands)
    chosen = _chosen(steps, commands, yes)
    made = new_steps(commands, chosen)
    if timeout is not None:
        from dataclasses import replace

        made = [replace(step, timeout=timeout) for step in made]
    draught = draft(place.location, NewTest(name=name, steps=made, summary=summary), into)
    print(f"\n{draught.file}:\n{harmless(draught.diff())}")
    if not options.confirmed(f"Save the test {draught.name}?", yes):
        print("nothing was written", file=sys.stderr)
        return 1
    draught.save()
    print(f"saved; vmbench run {draught.name} runs it")
    return 0


def _read(file: Path) -> Sequence[RecordedCommand]:
    from app.tui.terminal.cast_file import read_cast
    from app.tui.terminal.prompts import commands_of

    cast = read_cast(file)
    for problem in cast.problems:
        warn(f"{file}: {problem}")
    return commands_of(cast)


def _recorded(machine: str) -> Sequence[RecordedCommand]:
    """Open a recording shell on this terminal and return what was typed into it."""
    from app.cli.bench import act

    if not options.on_terminal():
        raise UsageProblem("a shell needs a terminal at both ends", "give a recording instead of a machine")
    with tempfile.TemporaryDirectory(prefix="vmbench-") as folder:
        file = Path(folder) / "typed.cast"

        async def work(bench: Bench) -> int:
            import asyncio

            from app.attach import hand_over
            from app.engine.recorded import RECORDING_SHELL
            from app.tui.terminal.recording import RecordedTerminal, Recording
            from app.tui.terminals import TerminalOptions

            async with bench.machine(machine) as found:
                columns, rows = os.get_terminal_size(1)
                options_ = TerminalOptions.of(bench.settings, bench.paths.recordings)
                masked = options_.recording()
                assert masked is not None
                recording = Recording(folder=file.parent, typed=True, masker=masked.masker)
                term = os.environ.get("TERM") or "xterm-256color"
                terminal = await found.terminal(RECORDING_SHELL, columns=columns, rows=rows, term=term)
                print("recording for a test; exit ends it", file=sys.stderr, flush=True)
                cast = recording.write(file, found.id, columns, rows)
                try:
                    await hand_over(RecordedTerminal(terminal, cast))
                finally:
                    await asyncio.to_thread(cast.close)
                return 0

        act(work)
        return _read(file)


def _show(commands: Sequence[RecordedCommand]) -> None:
    print("\nwhat was typed:")
    for number, one in enumerate(commands, 1):
        first, _, rest = one.text.partition("\n")
        told = "" if one.exit_code in (0, None) else f"  (ended with {one.exit_code})"
        kind = "  (goes before the steps after it)" if one.state else ""
        mark = "*" if one.wanted else " "
        print(f" {mark}{number:3}  {harmless(first)}{' …' if rest else ''}{told}{kind}")
        lines = one.output.splitlines()
        for line in lines[:3]:
            print(f"        {harmless(line)[:100]}")
        if len(lines) > 3:
            print(f"        … {len(lines) - 3} more lines")


def _chosen(steps: str | None, commands: Sequence[RecordedCommand], yes: bool) -> list[int]:
    default = [number for number, one in enumerate(commands) if one.wanted]
    if steps is not None:
        return parse_steps(steps, len(commands))
    if yes:
        return default
    told = ",".join(str(number + 1) for number in default)
    while True:
        given = click.prompt("which of them", default=told, err=True)
        try:
            return parse_steps(str(given), len(commands))
        except UsageProblem as problem:
            warn(f"{problem.message}: {problem.remedy}")


def parse_steps(text: str, count: int) -> list[int]:
    """Return the positions, from 0, that a list such as ``1-3,5`` names.

    Raises:
        UsageProblem: it is no such list, or names what is not there.
    """
    found: list[int] = []
    for part in filter(None, re.split(r"[,\s]+", text.strip())):
        ends = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part)
        if ends is None:
            raise UsageProblem(f"{part!r} is no number of a command", "give numbers, such as 1-3,5")
        first, last = int(ends[1]), int(ends[2] or ends[1])
        if not 1 <= first <= last <= count:
            raise UsageProblem(f"there is no command {part}", f"give numbers from 1 to {count}")
        found += range(first - 1, last)
    if not found:
        raise UsageProblem("no command is chosen", "give numbers, such as 1-3,5")
    return found
