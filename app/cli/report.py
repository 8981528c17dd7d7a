"""``vmbench report``: a run as JUnit XML, JSON, Markdown or HTML."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.params import RunName

EPILOG = """\b
Examples:
  vmbench report last                              # Markdown on this terminal
  vmbench report last --output result.xml          # JUnit XML: the name tells the format
  vmbench report 20261120-1742 --format html --output run.html --force
"""
FORMATS = ("junit", "json", "md", "html")


@click.command("report", epilog=EPILOG)
@click.argument("run", type=RunName())
@click.option("--format", "kind", type=click.Choice(FORMATS), help="Else told by the file's name, or md.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write it there; else print it."
)
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
def command(run: str, kind: str | None, output: Path | None, force: bool) -> int:
    """Write a report of RUN (an id, a part of one, or last)."""
    from app.engine.log import log_is_live
    from app.engine.reports import ReportFormat, check_target, format_of, make_report, write_report
    from app.paths import user_paths
    from app.wiring import past_runs

    if kind is not None:
        wanted = ReportFormat(kind)
    else:
        wanted = ReportFormat.MARKDOWN if output is None else format_of(output)
    if output is not None:
        check_target(output, force=force)
    runs = past_runs(user_paths())
    found = runs.find(run)
    live = log_is_live(found.log)
    text = make_report(runs.state(found.id), wanted, cut_off=not live)
    if output is None:
        print(text, end="")
    else:
        write_report(text, output, force=force)
        print(f"wrote {output}")
    return 0
