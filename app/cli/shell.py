"""``vmbench shell``: walk into a machine."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.errors import UsageProblem, warn
from app.cli.exec import DashedCommand, script_of
from app.cli.params import MachineName

if TYPE_CHECKING:
    from app.cli.bench import Bench
    from backends.base import Machine

EPILOG = """\b
Examples:
  vmbench shell calm-otter
  vmbench shell calm -- top
  vmbench shell calm --record session.cast
  vmbench shell calm --record session.cast --cast-version 2    # for older players
  vmbench exec calm -- uname -a     # without a terminal, as in scripts

Leave it as any shell: exit, or Ctrl-D.
"""


@click.command("shell", cls=DashedCommand, epilog=EPILOG)
@click.argument("machine", type=MachineName())
@click.argument("words", nargs=-1, metavar="[-- CMD...]", type=click.UNPROCESSED)
@click.option("--record", metavar="FILE", type=click.Path(path_type=Path), help="Record it as asciicast.")
@click.option("--record-input", is_flag=True, help="Record what is typed, too.")
@click.option(
    "--cast-version",
    type=click.Choice(["3", "2"]),
    help="Version of asciicast; the setting terminal.cast_version unless given.",
)
def command(
    machine: str, words: tuple[str, ...], record: Path | None, record_input: bool, cast_version: str | None
) -> int:
    """Open a shell, or CMD, in a machine on this terminal."""
    from app.attach import attach
    from app.cli.bench import act

    if not options.on_terminal():
        raise UsageProblem(
            "a shell needs a terminal at both ends", f"vmbench exec {machine} -- CMD runs one command without"
        )

    async def work(bench: Bench) -> int:
        async with bench.inside(machine) as found:
            script = script_of(words) if words else None
            if record is None:
                return await attach(found, script)
            return await _recorded(bench, found, script, record, record_input, cast_version)

    return act(work)


async def _recorded(
    bench: Bench, machine: Machine, script: str | None, file: Path, typed: bool, version: str | None
) -> int:
    """Hand this terminal over and record what is shown on it."""
    import asyncio

    from app.attach import hand_over
    from app.tui.terminal.recording import RecordedTerminal
    from app.tui.terminals import TerminalOptions

    columns, rows = os.get_terminal_size(1)
    options = TerminalOptions.of(bench.settings, bench.paths.recordings)
    recording = options.recording()
    assert recording is not None
    recording = replace(recording, typed=typed or recording.typed)
    if version is not None:
        recording = replace(recording, version=2 if version == "2" else 3)
    try:
        cast = recording.write(file, f"{machine.id}: {script}" if script else machine.id, columns, rows)
    except FileExistsError as error:
        raise UsageProblem(f"{file} is there already", "give another name; nothing is overwritten") from error
    except OSError as error:
        raise UsageProblem(f"{file} cannot be written: {error.strerror}", "give another place") from error
    try:
        term = os.environ.get("TERM") or "xterm-256color"
        terminal = await machine.terminal(script, columns=columns, rows=rows, term=term)
        code = await hand_over(RecordedTerminal(terminal, cast))
    finally:
        await asyncio.to_thread(cast.close)
    if cast.failure is not None:
        warn(f"{file} is not complete: {cast.failure.strerror}")
    else:
        print(f"recorded: vmbench play {shlex.quote(str(file))}", file=sys.stderr)
    return code
