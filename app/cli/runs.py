"""``vmbench runs``: what ran on this host, how it went, what changed between two runs."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.params import RunName
from app.cli.text import count, duration, harmless, table

if TYPE_CHECKING:
    from app.engine.history import RunSummary
    from app.engine.past import PastRuns

EPILOG = """\b
Examples:
  vmbench runs
  vmbench runs --limit 0 --json | jq -r '.[] | select(.state == "failed") | .run'
  vmbench runs compare 20261120-1742 last
  vmbench runs rm 20261120-174211-k3f9
"""
HEAD = ("RUN", "WHEN", "HOW", "PASSED", "FAILED", "ERROR", "SKIPPED", "TIME", "KEPT", "WHAT")


@click.group("runs", epilog=EPILOG, invoke_without_command=True)
@click.option(
    "--limit", type=click.IntRange(0), metavar="N", default=20, show_default=True, help="How many; 0 for all."
)
@options.plain
@options.json_output
@click.pass_context
def command(ctx: click.Context, limit: int, as_json: bool) -> int:
    """List past runs and those that go on, the newest first."""
    if ctx.invoked_subcommand is not None:
        return 0
    runs = _runs()
    ids = runs.ids()
    found: list[RunSummary] = []
    step = max(limit, 50)  # those begun in the same second are put right within a slice
    for begin in range(0, len(ids), step):
        found += runs.read(ids[begin : begin + step])
        if limit and len(found) >= limit:
            break
    found = found[: limit or None]
    if as_json:
        print(json.dumps([_document(run) for run in found], indent=1))
        return 0
    if not found:
        print("nothing has run here yet; vmbench run does")
        return 0
    print(table(HEAD, [_row(run) for run in found]))
    if len(ids) > len(found) and limit:
        print("older ones: vmbench runs --limit 0")
    return 0


@command.command("compare", epilog="\b\nExamples:\n  vmbench runs compare 20261120-1742 last\n")
@click.argument("before", type=RunName())
@click.argument("after", type=RunName())
@options.plain
@options.json_output
def compare_runs(before: str, after: str, as_json: bool) -> int:
    """Show what changed between two runs: outcomes, durations, new and missing tests."""
    from app.engine.compare import compare

    runs = _runs()
    found = compare(runs.state(before), runs.state(after))
    if as_json:
        pairs = [
            {
                "test": p.name,
                "change": p.change.value,
                "before": p.before.value if p.before else None,
                "after": p.after.value if p.after else None,
                "before_duration": p.before_duration,
                "after_duration": p.after_duration,
                "message": harmless(p.message),
            }
            for p in found.pairs
        ]
        print(json.dumps({"before": found.before, "after": found.after, "tests": pairs}, indent=1))
    else:
        print(found.text())
    return 0


@command.command("rm", epilog="\b\nExamples:\n  vmbench runs rm 20261120-174211-k3f9\n")
@click.argument("names", nargs=-1, required=True, metavar="RUN...", type=RunName())
@options.yes
def remove(names: tuple[str, ...], yes: bool) -> int:
    """Delete runs with their logs and artifacts; machines they kept stay."""
    runs = _runs()
    ids = list(dict.fromkeys(runs.find(name).id for name in names))
    question = f"The events, outputs and consoles of {', '.join(ids)} will be lost. Delete?"
    if not options.confirmed(question, yes):
        return 0
    for name in ids:
        runs.delete(name)
        print(f"deleted {name}")
    return 0


def _runs() -> PastRuns:
    from app.paths import user_paths
    from app.wiring import past_runs

    return past_runs(user_paths())


def _row(run: RunSummary) -> tuple[str, ...]:
    from app.engine.events import Outcome

    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.time))
    counts = [str(run.counts.get(outcome, 0) or "") for outcome in Outcome]
    what = harmless(run.selection).replace("\n", " ") or f"all {count(run.tests, 'test')}"
    return (run.id, when, run.word, *counts, duration(run.duration), str(len(run.kept) or ""), what)


def _document(run: RunSummary) -> dict[str, object]:
    from app.engine.events import Outcome

    return {
        "run": run.id,
        "state": run.word,
        "time": run.time,
        "duration": run.duration,
        "tests": run.tests,
        **{outcome.value: run.counts.get(outcome, 0) for outcome in Outcome},
        "kept": list(run.kept),
        "registry": run.registry,
        "selection": run.selection,
        "folder": str(run.folder),
    }
