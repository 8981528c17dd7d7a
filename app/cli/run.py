"""``vmbench run``: tests in throwaway machines, without the workbench."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.errors import UsageProblem, warn
from app.cli.plain import plain
from app.engine.api import RunOptions
from app.settings import ACCELERATORS
from registry.model import Keep

if TYPE_CHECKING:
    from app.cli.faces import Face
    from app.engine.state import RunState
    from app.settings import UiSettings

EPILOG = """\b
A filter is a part of a test's name, tag:NAME, group:NAME, or any of them after - to exclude. All of
them must hold.

\b
Examples:
  vmbench run
  vmbench run tag:http --parallel 4
  vmbench run web -slow --keep on-failure
  vmbench run --json --retry-errors 1 > events.jsonl
  vmbench run --shuffle --fail-fast
  vmbench run --checkpoints web-login && echo fine || vmbench rewind web-login
  vmbench run --shake 20 web-login     # how often does it fail?
  vmbench run --retest web-login       # edit, run again without the set-up, edit, …
  vmbench run --from-step 4 web-login
  vmbench run --report result.xml --report result.html
  vmbench run --failed-of last         # only what failed the last time
  vmbench run --notify                 # a notice or a bell at its end (settings ui.notify, ui.notify_after)

\b
Exit codes: 0 all passed, 1 failures or errors, 2 usage, 3 this host is not able,
130 interrupted (every machine is removed first).
"""


@click.command("run", cls=options.FilterCommand, epilog=EPILOG)
@click.argument("filters", nargs=-1, metavar="[FILTER]...", type=click.UNPROCESSED)
@click.option("--parallel", type=options.Parallel(), help="Machines at once, at most.")
@click.option("--keep", type=click.Choice([k.value for k in Keep]), help="When to leave a test's machine.")
@click.option(
    "--retry-errors", type=click.IntRange(0, 100), metavar="N", help="Retries after errors of the host."
)
@click.option("--backend", metavar="NAME", help="Run every test on this backend.")
@click.option("--accel", type=click.Choice(ACCELERATORS), help="How QEMU runs guests.")
@click.option("--fail-fast", is_flag=True, help="Start nothing more after the first failure.")
@click.option(
    "--shuffle",
    type=int,
    is_flag=False,
    flag_value=-1,
    metavar="[SEED]",
    help="In a random order; prints its seed.",
)
@click.option("--cold", is_flag=True, help="Boot every machine, even if there is a template to fork.")
@click.option(
    "--checkpoints",
    is_flag=True,
    help="Save each machine before each step, to rewind failures.",
)
@click.option(
    "--shake",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Run each test up to a step once, and the rest N times in forks of that moment.",
)
@click.option(
    "--step", type=click.IntRange(1), metavar="K", help="The step to shake from; else the first after set-up."
)
@click.option(
    "--from-step",
    type=click.IntRange(1),
    metavar="N",
    help="Begin at step N, in a fork of the checkpoint before it; of one test.",
)
@click.option(
    "--retest",
    is_flag=True,
    help="Leave out the set-up where an earlier run left a checkpoint of its end; else leave one.",
)
@click.option("--log-commands", is_flag=True, help="Print every command that is run on your behalf.")
@click.option("--failed-of", metavar="RUN", help="Only what failed in that run (an id, or last).")
@click.option(
    "--report",
    "reports",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write a report: .xml (JUnit), .json, .md or .html. May be repeated.",
)
@click.option("--force", is_flag=True, help="Replace report files that are there already.")
@click.option("--notify", is_flag=True, help="Tell this terminal's desktop when a long run is over.")
@options.isolation
@options.plain
@options.json_output
@options.where
def command(
    filters: tuple[str, ...],
    parallel: int | str | None,
    keep: str | None,
    retry_errors: int | None,
    backend: str | None,
    accel: str | None,
    fail_fast: bool,
    shuffle: int | None,
    cold: bool,
    checkpoints: bool,
    shake: int | None,
    step: int | None,
    from_step: int | None,
    retest: bool,
    log_commands: bool,
    failed_of: str | None,
    reports: tuple[Path, ...],
    force: bool,
    notify: bool,
    isolation: str | None,
    as_json: bool,
    registry: str | None,
    project: str | None,
) -> int:
    """Run tests in throwaway machines and print the results."""
    if step is not None and shake is None:
        raise click.UsageError("--step goes with --shake", click.get_current_context())
    if from_step is not None and (retest or shake is not None):
        other = "--retest" if retest else "--shake"
        raise click.UsageError(f"--from-step does not go with {other}", click.get_current_context())
    flags: dict[str, object] = options.isolation_flags(isolation)
    if parallel is not None:
        flags["run.parallel"] = None if parallel == "auto" else parallel
    if retry_errors is not None:
        flags["run.retry_errors"] = retry_errors
    if accel is not None:
        flags["run.accel"] = accel
    if shuffle == -1:
        shuffle = random.SystemRandom().randrange(1_000_000)
        print(
            f"shuffled with the seed {shuffle}; --shuffle {shuffle} gives this order again", file=sys.stderr
        )
    return run_tests(
        RunOptions(
            filters=filters,
            names=_failed_names(failed_of),
            keep=Keep(keep) if keep else None,
            backend=backend,
            fail_fast=fail_fast,
            shuffle=shuffle,
            cold=cold,
            checkpoints=checkpoints,
            shake=shake,
            shake_step=step,
            from_step=from_step,
            retest=retest,
        ),
        flags=flags,
        as_json=as_json,
        log_commands=log_commands,
        registry=registry,
        project=project,
        reports=reports,
        force=force,
        notify=notify,
    )


def _failed_names(run: str | None) -> tuple[str, ...] | None:
    """Return the tests that failed in a run; ``None`` where none is asked for."""
    if run is None:
        return None
    from app.paths import user_paths
    from app.wiring import past_runs

    names = past_runs(user_paths()).failed(run)
    if not names:
        raise UsageProblem(f"nothing failed in run {run}", "vmbench runs lists the runs")
    return names


def run_tests(
    wanted: RunOptions,
    *,
    flags: dict[str, object] | None = None,
    as_json: bool = False,
    log_commands: bool = False,
    registry: str | None = None,
    project: str | None = None,
    reports: Sequence[Path] = (),
    force: bool = False,
    notify: bool = False,
) -> int:
    """Run what ``wanted`` selects, with the settings filled in, and return the exit code."""
    import dataclasses

    from app.cli.faces import KeepingFace
    from app.cli.headless import run_headless
    from app.engine.offload import off_loop
    from app.wiring import find_workplace, make_engine, reclaim

    _check_reports(reports, force)
    place = find_workplace(registry=registry, project=project, flags=flags)
    if not options.on_terminal() and "run.isolation" not in place.settings.sources:
        # Nobody types where there is no terminal, so no core has to be left to them.
        unbound = dataclasses.replace(place.settings.run, isolation="off")
        place = dataclasses.replace(place, settings=dataclasses.replace(place.settings, run=unbound))
    for problem in place.settings.problems:
        warn(str(problem))
    for message in reclaim(place.paths):
        print(message, file=sys.stderr)
    settings = place.settings.run
    wanted = dataclasses.replace(wanted, parallel=settings.parallel, retry_errors=settings.retry_errors)

    async def work() -> int:
        engine = make_engine(place)
        found = await off_loop(engine.load)
        face = _face(as_json, still=log_commands or plain())
        if not reports and not notify:
            return await run_headless(engine, found, wanted, face)
        keeping = KeepingFace(face)
        try:
            return await run_headless(engine, found, wanted, keeping)
        finally:
            if notify:
                await off_loop(_notify, keeping.state, place.settings.ui)
            await off_loop(_write_reports, keeping.state, reports, force)

    with _commands_on_stderr() if log_commands else contextlib.nullcontext():
        return asyncio.run(work())


def _check_reports(reports: Sequence[Path], force: bool) -> None:
    """Say before anything runs what would keep a report from being written."""
    if not reports:
        return
    from app.engine.reports import check_target, format_of

    for file in reports:
        format_of(file)
        check_target(file, force=force)


def _write_reports(state: RunState, reports: Sequence[Path], force: bool) -> None:
    """Write the reports of a run that began, whichever way it ended."""
    if state.started is None:
        return
    from app.engine.reports import format_of, make_report, write_report

    for file in reports:
        write_report(make_report(state, format_of(file), cut_off=state.finished is None), file, force=force)
        print(f"report: {file}", file=sys.stderr)


def _notify(state: RunState, settings: UiSettings) -> None:
    """Tell the terminal that a long run is over, if one of our streams is a terminal."""
    from app.cli.text import duration
    from app.notices import run_ended, sequence, way_of, worth_telling

    finished = state.finished
    if finished is None or not worth_telling(finished, settings.notify_after):
        return
    title, words = run_ended(finished, duration(finished.duration), state.shaken.values())
    for stream in (sys.stderr, sys.stdout):
        if stream.isatty():
            stream.write(sequence(way_of(settings.notify, os.environ), f"vmbench: {title}", words))
            stream.flush()
            return


@contextlib.contextmanager
def _commands_on_stderr() -> Iterator[None]:
    """Print every command when it has ended; never blocks whoever runs it."""
    from concurrent.futures import ThreadPoolExecutor

    from app.cli.commands import line_of
    from backends import commands

    thread = ThreadPoolExecutor(1, thread_name_prefix="vmbench-commands")

    def show(command: commands.Command) -> None:
        # QEMU ends last, so its beginning is what helps.
        if (command.duration is None) == (command.kind == "qemu"):
            thread.submit(print, line_of(command), file=sys.stderr)

    commands.listeners.append(show)
    try:
        yield
    finally:
        commands.listeners.remove(show)
        thread.shutdown()


def _face(as_json: bool, *, still: bool = False) -> Face:
    from app.cli.faces import JsonFace, LineFace, LiveFace, plain_console

    if as_json:
        return JsonFace()
    console = plain_console()
    live = console.is_terminal and not still
    return LiveFace(console) if live and not console.is_dumb_terminal else LineFace(console)
