"""``vmbench`` alone: the workbench on a terminal, a headless run elsewhere."""

from __future__ import annotations

import sys

from app.cli import options
from app.cli.errors import warn
from app.engine.api import RunOptions


def open_workbench(*, registry: str | None = None, project: str | None = None) -> int:
    """Open the workbench and return the exit code; without a terminal, run everything headless."""
    if not options.on_terminal():
        from app.cli.run import run_tests

        return run_tests(RunOptions(), registry=registry, project=project)
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
        )
    )
