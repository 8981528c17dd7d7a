"""The rows of the tests screen: groups, tests and problems, filtered and folded. Pure data, no widget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from rich.cells import cell_len

from app.engine.api import LastResult
from app.engine.events import Outcome
from registry.filters import Filter
from registry.model import Problem, Registry, Severity, Test

PROBLEMS = "\0problems"
"""Key of the group that holds what could not be read; no service can bear this name."""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A service's tests, or the problems."""

    key: str
    tests: tuple[Test, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class TestRow:
    """One test."""

    __test__ = False  # keeps pytest from collecting it

    test: Test


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """Something in the registry that cannot be used."""

    problem: Problem


Row = GroupRow | TestRow | ProblemRow


_UNFINISHED = ("tag:", "group:")


def words(text: str) -> list[str]:
    """Return the words of a filter as it is typed; one that only begins narrows nothing yet."""
    return [word for word in text.split() if word.removeprefix("-").lower() not in _UNFINISHED]


@dataclass(slots=True)
class TestRows:
    """What the tests screen lists, and what is marked.

    Marks outlive filtering, folding and reloading; those of tests that are gone are dropped.
    """

    __test__ = False  # keeps pytest from collecting it

    registry: Registry | None = None
    results: Mapping[str, LastResult] = field(default_factory=dict)
    filter: str = ""
    folded: set[str] = field(default_factory=set)
    marked: set[str] = field(default_factory=set)
    rows: list[Row] = field(default_factory=list)
    shown: list[Test] = field(default_factory=list)
    """Tests that the filter leaves, folded ones too."""
    longest_name: int = 0
    """Cells of the longest name among those shown."""
    broken: dict[str, tuple[Problem, ...]] = field(default_factory=dict)
    """Errors by the name of the test they keep from running."""

    def load(self, registry: Registry) -> None:
        """Take another reading of the registry."""
        self.registry = registry
        broken: dict[str, list[Problem]] = {}
        for problem in registry.errors():
            if problem.test is not None:
                broken.setdefault(problem.test, []).append(problem)
        self.broken = {name: tuple(problems) for name, problems in broken.items()}
        self.marked &= {test.name for test in registry.tests}
        self.build()

    def set_filter(self, text: str) -> None:
        """Show only what ``text`` leaves."""
        self.filter = text
        self.build()

    def build(self) -> None:
        """Make the rows again."""
        self.rows = []
        self.shown = []
        if self.registry is None:
            return
        terms = words(self.filter)
        keeps = Filter.of(terms)
        groups: dict[str, list[Test]] = {}
        for test in self.registry.tests:
            if keeps(test):
                groups.setdefault(test.group, []).append(test)
                self.shown.append(test)
        self.longest_name = max((cell_len(test.name) for test in self.shown), default=0)
        errors = self.registry.errors()
        if terms:
            plain = [t.lower() for t in terms if not t.startswith(("-", "tag:", "group:"))]
            errors = tuple(p for p in errors if all(t in _haystack(p) for t in plain))
        if errors:
            self.rows.append(GroupRow(PROBLEMS, problems=errors))
            if PROBLEMS not in self.folded:
                self.rows += [ProblemRow(problem) for problem in errors]
        for name, tests in groups.items():
            self.rows.append(GroupRow(name, tests=tuple(tests)))
            if name not in self.folded or terms:
                self.rows += [TestRow(test) for test in tests]

    def index_of(self, name: str) -> int | None:
        """Return the row of the test ``name``, if it is listed."""
        for index, row in enumerate(self.rows):
            if isinstance(row, TestRow) and row.test.name == name:
                return index
        return None

    def fold(self, key: str) -> None:
        """Fold an open group, open a folded one."""
        self.folded ^= {key}
        self.build()

    def fold_all(self, folded: bool) -> None:
        """Fold or open every group."""
        keys = {row.key for row in self.rows if isinstance(row, GroupRow)}
        self.folded = self.folded | keys if folded else self.folded - keys
        self.build()

    def can_run(self, test: Test) -> bool:
        """Return whether nothing keeps the test from running."""
        return test.name not in self.broken

    def toggle(self, tests: Collection[Test]) -> None:
        """Mark tests, or take the marks away if all of them bear one; broken ones never bear one."""
        names = {test.name for test in tests if self.can_run(test)}
        if names <= self.marked:
            self.marked -= names
        else:
            self.marked |= names

    def mark_shown(self) -> None:
        """Mark everything the filter leaves."""
        self.marked |= {test.name for test in self.shown if self.can_run(test)}

    def selection(self, names: Collection[str]) -> tuple[str, ...]:
        """Return those of ``names`` that can run, in the registry's order."""
        if self.registry is None:
            return ()
        wanted = set(names)
        return tuple(t.name for t in self.registry.tests if t.name in wanted and self.can_run(t))

    def failed(self) -> tuple[str, ...]:
        """Return the shown tests whose last result is a failure or an error."""
        bad = (Outcome.FAILED, Outcome.ERROR)
        return self.selection(
            [t.name for t in self.shown if t.name in self.results and self.results[t.name].outcome in bad]
        )

    def counts(self, tests: Collection[Test]) -> Counter[Outcome]:
        """Return how many of ``tests`` ended how the last time."""
        return Counter(self.results[t.name].outcome for t in tests if t.name in self.results)

    def warnings(self, test: Test) -> tuple[Problem, ...]:
        """Return what is said about a test without keeping it from running."""
        if self.registry is None:
            return ()
        return tuple(
            p
            for p in self.registry.problems
            if p.severity is Severity.WARNING
            and (p.test == test.name or (p.test is None and p.file == test.file and _inside(p.key, test.key)))
        )


def _inside(key: str, table: str) -> bool:
    return key == table or key.startswith((f"{table}.", f"{table}["))


def _haystack(problem: Problem) -> str:
    return f"{problem.test or ''} {problem.file} {problem.key} {problem.message}".lower()
