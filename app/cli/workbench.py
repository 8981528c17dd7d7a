"""``vmbench`` alone: the workbench on a terminal, a headless run elsewhere."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from app.cli.terminal import on_terminal

if TYPE_CHECKING:
    from app.engine.past import LoggedRun
    from app.tui.app import Workbench


def open_workbench(*, registry: str | None = None, project: str | None = None) -> int:
    """Open the workbench and return the exit code; without a terminal, run everything headless."""
    if not on_terminal():
        from app.cli.run import run_tests
        from app.engine.api import RunOptions

        return run_tests(RunOptions(), registry=registry, project=project)
    gc.disable()  # until the first paint: nearly all that is made by then stays
    from app.tui.process import run_app

    return run_app(build_workbench(registry=registry, project=project))


def watch_run(run: LoggedRun) -> int:
    """Open the workbench on a run that another process executes, or that is over; return its exit code."""
    from app.cli.errors import INTERRUPTED
    from app.cli.watch import exit_code
    from app.engine.log import log_is_live, replay
    from app.engine.state import RunState
    from app.tui.process import run_app

    code = run_app(build_workbench(watching=run))
    if code:
        return code
    state = RunState()
    state.apply_all(replay(run.log))
    if state.finished is None and log_is_live(run.log):
        return INTERRUPTED  # left before its end
    return exit_code(state)


def build_workbench(
    *, registry: str | None = None, project: str | None = None, watching: LoggedRun | None = None
) -> Workbench:
    """Return the workbench on a registry; what is wrong with the settings is told before it opens.

    Args:
        registry: The registry's folder, as a flag named it.
        project: A project's folder, as a flag named it.
        watching: A run that is shown, and nothing else.

    Raises:
        RegistryError: the registry that was asked for is not there.
    """
    from app.engine.lazy import LazyEngine
    from app.tui.app import Workbench
    from app.tui.terminals import TerminalOptions
    from app.wiring import find_workplace, make_engine, make_house

    place = find_workplace(registry=registry, project=project)
    if place.settings.problems:
        from app.cli.errors import warn

        for problem in place.settings.problems:
            warn(str(problem))
    terminals = TerminalOptions.of(place.settings, place.paths.recordings, place.location)
    return Workbench(
        LazyEngine(place.load, lambda: make_engine(place), place.paths.state),
        theme_name=place.settings.ui.theme,
        terminals=terminals,
        house=make_house(place),
        recall=place.paths.state / "recall.json",
        memory=place.paths.state / "workbench.json",
        guide=place.paths.state / "guide-seen",
        settings=place.settings,
        watching=watching,
    )
