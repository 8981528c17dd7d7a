"""``vmbench watch``: a run of another terminal or process, followed read-only."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.errors import FAILURES, INTERRUPTED, report
from app.cli.params import RunName
from app.cli.plain import plain

if TYPE_CHECKING:
    from app.engine.past import LoggedRun
    from app.engine.state import RunState

EPILOG = """\b
Examples:
  vmbench watch last            # the run screen, over the log of that run
  vmbench watch last --plain    # a line for each test that is over
  vmbench watch last --json | jq 'select(.type == "TestFinished")'

\b
Exit codes: those of the run (0 all passed, 1 failures or errors, or it was cut off), 130 interrupted.
Leaving does not touch the run.
"""


@click.command("watch", epilog=EPILOG)
@click.argument("run", type=RunName(), default="last")
@options.plain
@options.json_output
def command(run: str, as_json: bool) -> int:
    """Follow RUN (an id, a part of one, or last) to its end, or show how it ended."""
    from app.paths import user_paths
    from app.wiring import past_runs

    found = past_runs(user_paths()).find(run)
    if as_json or plain() or not options.on_terminal():
        return asyncio.run(_print(found, as_json))
    return _show(found)


def _show(run: LoggedRun) -> int:
    """Open the run screen and return the run's exit code, or 130 if it was left before its end."""
    from app.cli.workbench import watch_run

    return watch_run(run)


async def _print(run: LoggedRun, as_json: bool) -> int:
    from app.cli.faces import JsonFace, LineFace, plain_console
    from app.engine.state import RunState

    face = JsonFace() if as_json else LineFace(plain_console())
    state = RunState()
    async for stamped in run.follow():
        state.apply(stamped)
        await asyncio.to_thread(face.take, [stamped])
    await asyncio.to_thread(face.close)
    if state.finished is None:
        report(
            f"run {run.id} was cut off: the vmbench that executed it is gone",
            "vmbench gc reclaims what it left",
        )
    return exit_code(state)


def exit_code(state: RunState) -> int:
    """Return the exit code of a run."""
    finished = state.finished
    if finished is None or finished.failed or finished.errors:
        return FAILURES
    return INTERRUPTED if finished.cancelled else 0
