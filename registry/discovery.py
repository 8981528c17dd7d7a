"""Walks a registry or a project's folder and loads all of it, whatever is broken in between.

Everything here blocks: call it off the event loop.
"""

from __future__ import annotations

import os
import os.path
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from registry.decode import Problems, suggest
from registry.filters import Filter, matches
from registry.loader import TESTS, Origin, decode_tests, parse
from registry.location import (
    CATALOG,
    SERVICE_FILE,
    TEST_FILE,
    Kind,
    Location,
    RegistryError,
    find_config,
    find_registry,
)
from registry.model import (
    AddStep,
    HttpStep,
    Problem,
    Registry,
    RemoveStep,
    Service,
    Severity,
    Step,
    Test,
    WaitStep,
)
from registry.requirements import disk_for, memory_for
from registry.services import decode_service, quadlet

__all__ = [
    "CATALOG",
    "Filter",
    "Kind",
    "Location",
    "RegistryError",
    "disk_for",
    "find_config",
    "find_registry",
    "load",
    "load_location",
    "load_project",
    "matches",
    "memory_for",
]

_QUADLETS = (".container", ".volume", ".network", ".pod", ".kube", ".build", ".image")
_MAX_SUGGESTIONS = 50  # finding a close name among thousands is slow


def load_location(location: Location) -> Registry:
    """Load what ``find_registry`` found.

    Raises:
        RegistryError: the folder cannot be read.
    """
    return load_project(location.root) if location.kind is Kind.PROJECT else load(location.root)


def load(root: Path) -> Registry:
    """Load a registry: ``<service>/service.toml``, ``<service>/test.toml`` and ``tests/*.toml``.

    A test that cannot run is left out of ``tests`` and explained in ``problems``.

    Raises:
        RegistryError: ``root`` is no folder that can be read.
    """
    base = os.path.abspath(root)  # noqa: PTH100 - resolve() would follow links and change what users see
    loading = _Loading(base)
    try:
        names = sorted(_entries(base, folders=True))
    except OSError as fault:
        raise _unreadable(base, fault) from fault
    for name in names:
        if name != TESTS:
            loading.folder(f"{base}/{name}", name)
    if TESTS in names:
        loading.loose_tests(f"{base}/{TESTS}")
    return loading.registry()


def load_project(folder: Path) -> Registry:
    """Load one folder with a ``test.toml`` and, maybe, the ``service.toml`` of what it tests.

    Raises:
        RegistryError: there is no ``test.toml`` in it.
    """
    base = str(folder.resolve())
    loading = _Loading(base)
    if not loading.folder(base, os.path.basename(base) or "project"):  # noqa: PTH119
        raise RegistryError(
            f"there is no {TEST_FILE} in {base}", remedy=f"create {base}/{TEST_FILE}, or name another folder"
        )
    return loading.registry()


def _unreadable(path: str, fault: OSError) -> RegistryError:
    return RegistryError(
        f"cannot read the registry {path}: {fault.strerror}", remedy="name a folder that can be read"
    )


def _entries(folder: str, *, folders: bool) -> Iterator[str]:
    """Yield the names of a folder's subfolders, or of its TOML files; hidden ones are left out."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name[0] in "._":
                continue
            if entry.is_dir() if folders else name.endswith(".toml"):
                yield name


class _Loading:
    """What was read so far."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.tests: list[Test] = []
        self.by_run: set[str] = set()
        self.services: dict[str, Service] = {}
        self.broken_services: set[str] = set()
        self.problems: list[Problem] = []
        self.broken_tests: set[str] = set()
        self._suggested = 0

    def folder(self, path: str, name: str) -> bool:
        """Read a service's folder; return whether it holds tests."""
        service_file, test_file = f"{path}/{SERVICE_FILE}", f"{path}/{TEST_FILE}"
        problems = Problems(service_file)
        content = _read(service_file, problems)
        if content is not None:
            data = parse(content, problems)
            service = decode_service(data, name, path, problems) if data is not None else None
            if service is not None:
                self.services[name] = service
        if problems.errors:
            self.broken_services.add(name)
        has_service = content is not None or problems.errors > 0
        self._keep(problems)
        return self._file(
            test_file,
            Origin(file=Path(test_file), group=name, stem=name, service=name if has_service else None),
        )

    def loose_tests(self, path: str) -> None:
        """Read the files of the ``tests`` folder."""
        try:
            names = sorted(_entries(path, folders=False))
        except OSError as fault:
            problems = Problems(path)
            problems.error("", f"cannot read the folder: {fault.strerror}", "make it readable")
            self._keep(problems)
            return
        for name in names:
            file = f"{path}/{name}"
            self._file(file, Origin(file=Path(file), group=TESTS, stem=name.removesuffix(".toml")))

    def _file(self, path: str, origin: Origin) -> bool:
        problems = Problems(path)
        content = _read(path, problems)
        if content is not None:
            data = parse(content, problems)
            if data is not None:
                decoded = decode_tests(data, origin, problems)
                self.tests += decoded.tests
                self.by_run |= decoded.by_run
        found = content is not None or problems.errors > 0
        self._keep(problems)
        return found

    def _keep(self, problems: Problems) -> None:
        if problems.found:
            self.problems += problems.found
            self.broken_tests.update([p.test for p in problems.found if p.test is not None])

    def registry(self) -> Registry:
        """Check what only the whole can tell, and return it."""
        self._drop_duplicates()
        self._drop_unserved()
        self._resolve_dependencies()
        return Registry(
            root=Path(self.root),
            tests=tuple(sorted(self.tests, key=lambda test: (test.group, test.name))),
            services=dict(sorted(self.services.items())),
            problems=tuple(self.problems),
        )

    def _error(self, test: Test, key: str, message: str, remedy: str, *, names_it: bool = True) -> None:
        self.problems.append(
            Problem(
                severity=Severity.ERROR,
                file=test.file,
                key=f"{test.key}.{key}" if test.key != "steps" else key,
                message=message,
                remedy=remedy,
                test=test.name if names_it else None,
            )
        )
        if names_it:
            self.broken_tests.add(test.name)

    def _suggest(self, name: str, known: set[str], otherwise: str) -> str:
        self._suggested += 1
        return suggest(name, known, otherwise) if self._suggested <= _MAX_SUGGESTIONS else otherwise

    def _drop_duplicates(self) -> None:
        first: dict[str, Test] = {}
        for test in self.tests:
            other = first.setdefault(test.name, test)
            if other is not test:
                message = f'another test is called "{test.name}": {other.key} in {other.file}'
                self._error(test, "name", message, "rename one of the two", names_it=False)
        if len(first) < len(self.tests):
            self.tests = list(first.values())

    def _drop_unserved(self) -> None:
        """Leave out the tests that use a service which is missing or broken."""
        fit: list[Test] = []
        for test in self.tests:
            missing = [(i, name) for i, step in enumerate(test.steps) if (name := self._lacks(test, step))]
            for index, name in missing:
                self._explain(test, index, name)
            if not missing:
                fit.append(test)
        self.tests = fit

    def _lacks(self, test: Test, step: Step) -> str | None:
        """Return the service that a step names and that cannot be had."""
        if not isinstance(step, AddStep | WaitStep | RemoveStep | HttpStep):
            return None
        name = step.service
        if name is None or name in self.services:
            return None
        if isinstance(step, AddStep) and name.endswith(_QUADLETS):
            self.services[name] = quadlet(name, test.file.parent)
            return None
        return name

    def _explain(self, test: Test, index: int, name: str) -> None:
        key = "run" if test.name in self.by_run else f"steps[{index}].service"
        if name in self.broken_services:
            message = f'the service "{name}" is broken'
            remedy = f"correct {self.root}/{name}/{SERVICE_FILE}; its errors are listed too"
        else:
            message = f'there is no service "{name}"'
            otherwise = f"create {self.root}/{name}/{SERVICE_FILE}, or correct the name"
            remedy = self._suggest(name, self.services.keys() | set(), otherwise)
        self._error(test, key, message, remedy)

    def _resolve_dependencies(self) -> None:
        dependent = [test for test in self.tests if test.depends_on]
        if not dependent:
            return
        by_name = {test.name: test for test in self.tests}
        for test in dependent:
            names = [self._dependency(test, i, by_name) for i, _ in enumerate(test.depends_on)]
            resolved = tuple([name for name in names if name is not None])
            by_name[test.name] = replace(test, depends_on=resolved)
        for test in dependent:
            cycle = _cycle(by_name[test.name], by_name)
            if cycle and test.name not in self.broken_tests:
                message = f"the test depends on itself: {' → '.join(cycle)}"
                self._error(test, "depends_on", message, "remove one of these dependencies")
        self._spread(by_name, dependent)
        self.tests = [by_name[t.name] for t in self.tests if t.name not in self.broken_tests]

    def _dependency(self, test: Test, index: int, by_name: dict[str, Test]) -> str | None:
        given = test.depends_on[index]
        for name in (given, f"{test.group}-{given}"):
            if name in by_name:
                return name
        key = f"depends_on[{index}]"
        if given in self.broken_tests:
            self._error(test, key, f'the test "{given}" is broken', "correct that test first")
        else:
            remedy = self._suggest(given, set(by_name), "correct the name; `vmbench list` shows all")
            self._error(test, key, f'there is no test "{given}"', remedy)
        return None

    def _spread(self, by_name: dict[str, Test], dependent: list[Test]) -> None:
        """Break what depends on something broken, until nothing more breaks."""
        changed = True
        while changed:
            changed = False
            for test in dependent:
                if test.name in self.broken_tests:
                    continue
                for name in by_name[test.name].depends_on:
                    if name in self.broken_tests:
                        self._error(
                            test, "depends_on", f'the test "{name}" is broken', "correct that test first"
                        )
                        changed = True
                        break


def _cycle(test: Test, by_name: dict[str, Test]) -> list[str] | None:
    """Return the way from a test back to itself along dependencies, or ``None``."""
    way = {test.name: ""}
    stack = [test.name]
    while stack:
        current = stack.pop()
        for name in by_name[current].depends_on:
            if name == test.name:
                path = [name]
                while current:
                    path.append(current)
                    current = way[current]
                return path[::-1]
            if name not in way:
                way[name] = current
                stack.append(name)
    return None


def _read(path: str, problems: Problems) -> bytes | None:
    """Return a file's content; ``None`` where there is none, or after reporting why it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            return file.readall()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as fault:
        problems.error("", f"cannot read the file: {fault.strerror}", "make it a readable file")
        return None
