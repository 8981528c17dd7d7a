"""``vmbench play``: a recorded terminal, as it was."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.errors import UsageProblem, warn
from app.cli.text import harmless

if TYPE_CHECKING:
    from app.tui.terminal.cast_file import Cast
    from app.tui.terminal.playing import Player

MOST_LINES = 100_000
"""Lines that are printed of a recording where there is no terminal."""

EPILOG = """\b
Examples:
  vmbench play session.cast
  vmbench play session.cast --speed 4 --idle-limit 1
  vmbench play session.cast --markers        # where to jump to
  vmbench play session.cast | less           # what was printed, as text
  vmbench play --list                        # the recordings there are

\b
Keys: space pauses, ← → leap 5 seconds, ↑ ↓ change the speed, . steps,
[ ] go to markers, home and end, q leaves.
"""


@click.command("play", epilog=EPILOG)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--speed", type=click.FloatRange(0.01, 1000), metavar="X", default=1.0, help="How fast time goes."
)
@click.option("--idle-limit", type=click.FloatRange(0), metavar="SECONDS", help="Cut longer pauses to this.")
@click.option("--start", type=click.FloatRange(0), metavar="SECONDS", default=0.0, help="Begin later.")
@click.option("--markers", is_flag=True, help="Only list the markers.")
@click.option("--list", "list_all", is_flag=True, help="List the recordings in vmbench's state folder.")
@options.json_output
def command(
    file: Path | None,
    speed: float,
    idle_limit: float | None,
    start: float,
    markers: bool,
    list_all: bool,
    as_json: bool,
) -> int:
    """Play an asciicast recording (version 2 or 3) on this terminal.

    What the recording holds is drawn, never passed on: it can neither set your clipboard nor ask your
    terminal anything.
    """
    from app.tui.terminal.cast_file import read_cast

    if list_all:
        return _list(as_json)
    if file is None:
        raise UsageProblem("a recording is missing", "vmbench play FILE, or vmbench play --list")
    cast = read_cast(file).faster(idle_limit)
    for problem in cast.problems:
        warn(f"{file}: {problem}")
    if as_json:
        print(json.dumps(_told(cast), indent=2))
    elif markers:
        for marker in cast.markers:
            print(f"{marker.time:10.3f}  {marker.label}")
    elif options.on_terminal():
        from app.tui.terminal.plain_player import PlainPlayer
        from app.tui.terminal.playing import Player as Playing

        player = Playing(cast)
        player.seek(start)
        PlainPlayer(player, speed=speed).run()
        _print_screen(player)
    else:
        _print_text(cast)
    return 0


def _told(cast: Cast) -> dict[str, object]:
    codes = [event.code for event in cast.events]
    return {
        "file": str(cast.path),
        "version": cast.version,
        "columns": cast.columns,
        "rows": cast.rows,
        "title": cast.title,
        "timestamp": cast.timestamp,
        "duration": round(cast.duration, 6),
        "events": len(codes),
        "input": "i" in codes,
        "exit_code": cast.exit_code,
        "markers": [{"time": round(m.time, 6), "label": m.label} for m in cast.markers],
        "problems": list(cast.problems),
    }


def _list(as_json: bool) -> int:
    from app.paths import user_paths
    from app.tui.terminal.cast_file import list_casts

    paths = user_paths()
    found = list_casts([paths.recordings, paths.runs])
    if as_json:
        rows = [
            {"file": str(path), "time": path.stat().st_mtime, "size": path.stat().st_size} for path in found
        ]
        print(json.dumps(rows, indent=2))
        return 0
    for path in found:
        stamp = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
        print(f"{stamp}  {path.stat().st_size / 1000:8.0f} kB  {shlex.quote(str(path))}")
    if not found:
        print("nothing was recorded yet: vmbench shell MACHINE --record FILE", file=sys.stderr)
    return 0


def _print_screen(player: Player) -> None:
    """Leave the last screen on the terminal, as a program that ended does."""
    from app.tui.terminal.ansi_rows import row_text

    model = player.model
    rows = [row_text(model.line(model.top + y), model.columns) for y in range(model.lines)]
    while rows and rows[-1] == "\x1b[0m":
        rows.pop()
    print("\n".join(rows))


def _print_text(cast: Cast) -> None:
    """Print what was printed as plain text: the scrollback and the last screen."""
    from app.tui.terminal.cast_file import size_of
    from app.tui.terminal.emulator import PyteEmulator
    from app.tui.terminal.model import TerminalModel

    model = TerminalModel(emulator=PyteEmulator(cast.columns, cast.rows, history=MOST_LINES))
    for event in cast.events:
        if event.code == "o":
            model.feed(event.data.encode("utf-8", "replace"))
        elif event.code == "r" and (size := size_of(event.data)) is not None:
            model.resize(*size)
    lines = [model.line(number).text() for number in range(model.first, model.end)]
    while lines and not lines[-1]:
        lines.pop()
    for line in lines:
        sys.stdout.write(harmless(line) + "\n")
