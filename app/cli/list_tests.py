"""``vmbench list``: the tests of the registry."""

from __future__ import annotations

import json
import sys

import click

from app.cli import options
from app.cli.errors import UsageProblem, warn
from app.cli.plain import plain
from app.cli.text import count, facts, table
from registry.discovery import disk_for, memory_for
from registry.filters import Filter
from registry.model import Problem, Registry, Test

BROKEN_SHOWN = 20

EPILOG = """\b
A filter is a part of a test's name, tag:NAME, group:NAME, or any of them after - to exclude. All of
them must hold.

\b
Examples:
  vmbench list
  vmbench list tag:http -v
  vmbench list -- web -slow
  vmbench list --json | jq -r '.tests[].name'
"""


@click.command("list", cls=options.FilterCommand, epilog=EPILOG)
@click.argument("filters", nargs=-1, metavar="[FILTER]...", type=click.UNPROCESSED)
@click.option("-v", "--verbose", is_flag=True, help="Also show steps, machine, tags and file.")
@options.plain
@options.json_output
@options.where
def command(
    filters: tuple[str, ...], verbose: bool, as_json: bool, registry: str | None, project: str | None
) -> int:
    """List the tests of the registry."""
    from app.wiring import find_workplace

    place = find_workplace(registry=registry, project=project)
    found = place.load()
    tests = Filter.of(filters).select(found.tests)
    if as_json:
        print(json.dumps(as_document(found, tests), indent=1))
        return 0
    for problem in place.settings.problems:
        warn(str(problem))
    if tests:
        print("\n\n".join(map(_details, _with_needs(found, tests))) if verbose else _lines(tests))
    elif filters and found.tests:
        raise UsageProblem(
            f"no test matches {' '.join(filters)!r}", f"vmbench list shows all {len(found.tests)} tests"
        )
    sys.stdout.flush()
    summary = count(len(tests), "test") + (f" of {len(found.tests)}" if filters else "")
    print(f"{summary} in {found.root}", file=sys.stderr)
    broken = found.errors()
    for problem in broken[:BROKEN_SHOWN]:
        warn(f"broken: {problem}")
    if found.problems:
        hint = "" if registry is None and project is None else " with the same folder"
        warn(f"{count(len(found.problems), 'problem')} in the registry", f"vmbench check{hint} shows all")
    return 0


def _lines(tests: tuple[Test, ...]) -> str:
    return table(("TEST", "SUMMARY"), [(t.name, t.summary) for t in tests])


def _with_needs(registry: Registry, tests: tuple[Test, ...]) -> list[dict[str, object]]:
    return [_test(t, registry) for t in tests]


def _details(test: dict[str, object]) -> str:
    machine = test["machine"]
    steps = test["steps"]
    tags = test["tags"]
    depends_on = test["depends_on"]
    assert isinstance(machine, dict) and isinstance(steps, list)
    assert isinstance(tags, list) and isinstance(depends_on, list)
    disk = f", {machine['disk']} MiB disk" if machine["disk"] else ""
    rows = [
        ("", str(test["summary"])),
        ("steps", ", ".join(_run_lengths([s["action"] for s in steps]))),
        (
            "machine",
            f"{machine['backend'] or 'any backend'}, {machine['image'] or 'tiny'}, "
            f"{machine['cpus'] or 1} CPU, {machine['memory']} MiB{disk}",
        ),
        ("tags", " ".join(tags)),
        ("after", ", ".join(depends_on)),
        ("file", f"{test['file']} ({test['key']})"),
    ]
    return f"{facts([('test' if plain() else '', str(test['name']))])}\n{facts(rows, '  ')}"


def _run_lengths(words: list[str]) -> list[str]:
    """Return ``shell x3`` for three in a row."""
    found: list[tuple[str, int]] = []
    for word in words:
        if found and found[-1][0] == word:
            found[-1] = (word, found[-1][1] + 1)
        else:
            found.append((word, 1))
    return [word if times == 1 else f"{word} x{times}" for word, times in found]


def as_document(registry: Registry, tests: tuple[Test, ...]) -> dict[str, object]:
    """Return what ``--json`` prints; sizes are MiB, durations seconds."""
    return {
        "registry": str(registry.root),
        "tests": [_test(t, registry) for t in tests],
        "problems": [problem_document(p) for p in registry.problems],
    }


def problem_document(problem: Problem) -> dict[str, object]:
    """Return a problem as JSON has it."""
    return {
        "severity": problem.severity.value,
        "file": str(problem.file),
        "line": problem.line,
        "key": problem.key,
        "message": problem.message,
        "remedy": problem.remedy,
        "test": problem.test,
    }


def _test(test: Test, registry: Registry) -> dict[str, object]:
    return {
        "name": test.name,
        "group": test.group,
        "summary": test.summary,
        "tags": list(test.tags),
        "file": str(test.file),
        "key": test.key,
        "steps": [{"action": s.action, "name": s.name} for s in test.steps],
        "machine": {
            "backend": test.machine.backend,
            "image": test.machine.image,
            "cpus": test.machine.cpus,
            "memory": memory_for(test, registry.services),
            "disk": disk_for(test, registry.services),
        },
        "services": list(test.services),
        "depends_on": list(test.depends_on),
        "keep": test.keep.value if test.keep else None,
        "retries": test.retries,
        "timeout": test.timeout,
        "browser": test.browser,
        "requires_sudo": test.requires_sudo,
    }
