"""The rows of the tests screen: groups, tests and problems, filtered and folded. Pure data, no widget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from rich.cells import cell_len

from app.engine.outcome import Outcome
from registry.problem import Problem, Severity

if TYPE_CHECKING:
    from app.engine.api import LastResult
    from app.engine.trends import Trend
    from registry.model import Registry, Test

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


class Sort(StrEnum):
    """In which order tests are listed."""

    REGISTRY = "as in the registry"
    NAME = "by name"
    RESULT = "by last result"
    DURATION = "by duration"


class Grouping(StrEnum):
    """What tests are listed below."""

    SERVICE = "by service"
    TAG = "by tag"
    FLAT = "flat"


NO_TAG = "no tag"
_RANKS = {Outcome.FAILED: 0, Outcome.ERROR: 1, Outcome.SKIPPED: 2, Outcome.PASSED: 4}
_NEVER_RAN = 3

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
    trends: Mapping[str, Trend] = field(default_factory=dict)
    """What the last results of each test tell, as far as they are read."""
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
    sort: Sort = Sort.REGISTRY
    grouping: Grouping = Grouping.SERVICE

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
        from registry.filters import Filter

        terms = words(self.filter)
        keeps = Filter.of(terms)
        self.shown = self._sorted([test for test in self.registry.tests if keeps(test)])
        groups = self._grouped()
        self.longest_name = max((cell_len(test.name) for test in self.shown), default=0)
        errors = self.registry.errors()
        if terms:
            plain = [t.lower() for t in terms if not t.startswith(("-", "tag:", "group:"))]
            errors = tuple(p for p in errors if all(t in _haystack(p) for t in plain))
        if errors:
            self.rows.append(GroupRow(PROBLEMS, problems=errors))
            if PROBLEMS not in self.folded:
                self.rows += [ProblemRow(problem) for problem in errors]
        if self.grouping is Grouping.FLAT:
            self.rows += [TestRow(test) for test in self.shown]
            return
        for name, tests in groups.items():
            self.rows.append(GroupRow(name, tests=tuple(tests)))
            if name not in self.folded or terms:
                self.rows += [TestRow(test) for test in tests]

    def _sorted(self, tests: list[Test]) -> list[Test]:
        results = self.results

        def rank(test: Test) -> int:
            return _RANKS[results[test.name].outcome] if test.name in results else _NEVER_RAN

        def took(test: Test) -> float:
            return -results[test.name].duration if test.name in results else 0.0

        match self.sort:
            case Sort.NAME:
                return sorted(tests, key=lambda test: test.name.lower())
            case Sort.RESULT:
                return sorted(tests, key=rank)
            case Sort.DURATION:
                return sorted(tests, key=took)
            case _:
                return tests

    def _grouped(self) -> dict[str, list[Test]]:
        """Return the tests shown by what they are listed below; a test with two tags is below both."""
        groups: dict[str, list[Test]] = {}
        for test in self.shown:
            keys = (test.group,) if self.grouping is Grouping.SERVICE else test.tags or (NO_TAG,)
            for key in keys:
                groups.setdefault(key, []).append(test)
        if self.grouping is Grouping.TAG:
            return dict(sorted(groups.items(), key=lambda group: (group[0] == NO_TAG, group[0])))
        return groups

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

    def restore_marks(self, names: Collection[str]) -> None:
        """Mark tests again, as far as they are still there."""
        if self.registry is not None:
            self.marked |= set(names) & {test.name for test in self.registry.tests}

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
