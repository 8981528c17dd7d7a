"""``vmbench check``: everything wrong in the registry and the settings; warnings are errors here."""

from __future__ import annotations

import json

import click

from app.cli import options
from app.cli.list_tests import problem_document
from app.cli.text import count
from registry.model import Problem, Registry, Severity

EPILOG = """\b
Examples:
  vmbench check
  vmbench check --registry ./registry
  vmbench check --json | jq '.problems[].message'

\b
Exit codes: 0 nothing is wrong, 1 something is.
"""


@click.command("check", epilog=EPILOG)
@options.plain
@options.json_output
@options.where
def command(as_json: bool, registry: str | None, project: str | None) -> int:
    """Check the registry and the settings; warnings count as errors.

    Also finds tests that could not run here because of an unknown backend or a step no backend has.
    """
    from app.wiring import find_workplace

    place = find_workplace(registry=registry, project=project)
    found = place.load()
    problems = [*place.settings.problems, *found.problems, *_plan_problems(found, place.settings.run.backend)]
    if as_json:
        document = {
            "registry": str(found.root),
            "settings": str(place.location.config) if place.location.config else None,
            "tests": len(found.tests),
            "problems": [problem_document(p) for p in problems],
        }
        print(json.dumps(document, indent=1))
    else:
        for problem in problems:
            print(describe(problem))
        said = count(len(problems), "problem") if problems else "no problems"
        print(f"{count(len(found.tests), 'test')}, {count(len(found.services), 'service')}: {said}")
    return 1 if problems else 0


def describe(problem: Problem) -> str:
    """Return ``file:line: severity: key: message`` and the remedy on a line of its own."""
    where = f"{problem.file}:{problem.line}" if problem.line else str(problem.file)
    key = f"{problem.key}: " if problem.key else ""
    remedy = f"\n    try: {problem.remedy}" if problem.remedy else ""
    return f"{where}: {problem.severity.value}: {key}{problem.message}{remedy}"


def _plan_problems(registry: Registry, default_backend: str | None) -> list[Problem]:
    """Return what keeps loaded tests from running on any host like this one."""
    from app.engine.api import RunOptions
    from app.engine.plan import PlanError, make_plan
    from app.paths import user_paths
    from app.wiring import backends_for
    from backends.base import HostNotAble

    backends = backends_for(user_paths(), "auto")
    try:
        plan = make_plan(registry, RunOptions(), backends, default_backend or next(iter(backends)))
    except (PlanError, HostNotAble):
        return []  # what this host lacks is for the doctor to say
    return [
        Problem(
            severity=Severity.ERROR,
            file=item.test.file,
            key=item.test.key,
            message=item.error.message,
            remedy=item.error.remedy,
            test=item.name,
        )
        for item in plan.items
        if item.test is not None and item.error is not None and not isinstance(item.error, HostNotAble)
    ]
