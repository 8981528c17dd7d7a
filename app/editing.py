"""What becomes of a test that is opened in an editor: where it stands, and what was changed or broken."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app import editor
from backends.base import BackendError
from registry.model import Problem, Registry, Test

_PLACE = ("name", "file", "key", "group", "steps")
"""Attributes of a test that say where it is, or are told apart."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a test stands."""

    test: str
    file: Path
    line: int


@dataclass(frozen=True, slots=True)
class Edited:
    """What editing a file did."""

    changes: Sequence[str]
    """Lines for people; empty when nothing that counts is different."""
    problems: Sequence[Problem]
    """What keeps its tests from running now."""


def find(registry: Registry, name: str, step: int | None = None) -> Spot:
    """Return where a test stands, also one that cannot be read. Blocking, shortly.

    Args:
        registry: The registry.
        name: The test's name, a part that only one name has, or a file with something wrong in it.
        step: Index of the step to go to.

    Raises:
        BackendError: there is no such test or step, or more than one.
    """
    broken = {p.test: p for p in registry.problems if p.test is not None}
    tests = {test.name: test for test in registry.tests}
    for problem in registry.errors():
        if Path(name).suffix and problem.file == Path(name).absolute():
            return Spot(name, problem.file, problem.line or 1)
    chosen = _chosen({*tests, *broken}, name)
    if chosen not in tests:
        problem = broken[chosen]
        line = problem.line or editor.line_of(_text(problem.file), problem.key.partition(".")[0])
        return Spot(chosen, problem.file, line)
    test = tests[chosen]
    if step is not None and not 0 <= step < len(test.steps):
        raise BackendError(f"{chosen} has {len(test.steps)} steps", remedy=f"vmbench list {chosen} shows it")
    return Spot(chosen, test.file, editor.line_of(_text(test.file), test.key, step))


def _chosen(names: set[str], name: str) -> str:
    if name in names:
        return name
    fitting = sorted(known for known in names if name and name in known)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        listed = ", ".join(fitting[:5]) + (" …" if len(fitting) > 5 else "")
        raise BackendError(f"{name!r} fits {len(fitting)} tests: {listed}", remedy="type more of the name")
    near = difflib.get_close_matches(name, names, 1)
    remedy = f"did you mean {near[0]}?" if near else "vmbench list lists the tests"
    raise BackendError(f"no test is called {name!r}", remedy=remedy)


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError as error:
        raise BackendError(f"{file} cannot be read: {error.strerror or error}") from error


def outcome(before: Registry, after: Registry, file: Path) -> Edited:
    """Return what is different, and what is wrong, in a file that was edited."""
    old = {test.name: test for test in before.tests if test.file == file}
    new = {test.name: test for test in after.tests if test.file == file}
    problems = [problem for problem in after.errors() if problem.file == file]
    broken = {problem.test for problem in problems}
    gone = [name for name in old if name not in new and name not in broken]
    fresh = [name for name in new if name not in old]
    renamed = {
        name: other
        for name in gone
        if (other := next((n for n in fresh if old[name].key == new[n].key), None)) is not None
    }
    changes = [f"{name} is called {other} now" for name, other in renamed.items()]
    changes += [f"{name} is gone" for name in gone if name not in renamed]
    changes += [f"{name} is new" for name in fresh if name not in renamed.values()]
    for name, test in old.items():
        now = new.get(renamed.get(name, name))
        if now is not None and (different := _differences(test, now)):
            changes.append(f"{now.name}: {', '.join(different)}")
    return Edited(changes, problems)


def _differences(old: Test, new: Test) -> list[str]:
    found = [
        field.name.replace("_", " ")
        for field in dataclasses.fields(old)
        if field.name not in _PLACE and getattr(old, field.name) != getattr(new, field.name)
    ]
    matcher = difflib.SequenceMatcher(None, [repr(s) for s in old.steps], [repr(s) for s in new.steps])
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "delete":
            found.append(f"{_steps(a, b)} removed")
        elif kind != "equal":
            found.append(f"{_steps(c, d)} {'added' if kind == 'insert' else 'changed'}")
    return found


def _steps(begin: int, end: int) -> str:
    return f"step {begin + 1}" if end - begin == 1 else f"steps {begin + 1} to {end}"
