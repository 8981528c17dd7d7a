"""``vmbench`` alone: the workbench on a terminal, a headless run elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from app.cli import options
from app.cli.errors import INTERRUPTED, warn
from app.engine.api import RunOptions

if TYPE_CHECKING:
    from app.engine.past import LoggedRun


def open_workbench(*, registry: str | None = None, project: str | None = None) -> int:
    """Open the workbench and return the exit code; without a terminal, run everything headless."""
    if not options.on_terminal():
        from app.cli.run import run_tests

        return run_tests(RunOptions(), registry=registry, project=project)
    return _open(registry, project, None)


def watch_run(run: LoggedRun) -> int:
    """Open the workbench on a run that another process executes, or that is over; return its exit code."""
    from app.cli.watch import exit_code
    from app.engine.log import log_is_live, replay
    from app.engine.state import RunState

    code = _open(None, None, run)
    if code:
        return code
    state = RunState()
    state.apply_all(replay(run.log))
    if state.finished is None and log_is_live(run.log):
        return INTERRUPTED  # left before its end
    return exit_code(state)


def _open(registry: str | None, project: str | None, watching: LoggedRun | None) -> int:
    from app.engine.lazy import LazyEngine
    from app.tui.app import Workbench, run_app
    from app.tui.terminals import TerminalOptions
    from app.wiring import find_workplace, make_engine, make_house, reclaim

    place = find_workplace(registry=registry, project=project)
    for problem in place.settings.problems:
        warn(str(problem))
    for message in reclaim(place.paths):
        print(message, file=sys.stderr)
    terminals = TerminalOptions.of(place.settings, place.paths.recordings, place.location)
    return run_app(
        Workbench(
            LazyEngine(place.load, lambda: make_engine(place), place.paths.state),
            theme_name=place.settings.ui.theme,
            terminals=terminals,
            house=make_house(place),
            recall=place.paths.state / "recall.json",
            memory=place.paths.state / "workbench.json",
            settings=place.settings,
            watching=watching,
        )
    )
