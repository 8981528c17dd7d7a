"""Writes a new test into a registry; comments and order of a file that is there survive."""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tomli
import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, String, StringType, Table, Trivia

from registry.decode import Problems
from registry.discovery import load_location
from registry.loader import TESTS, Origin, decode_tests
from registry.location import Kind, Location, RegistryError
from registry.model import Registry

_DEFAULT_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStep:
    """A ``shell`` step to be written."""

    run: str
    name: str = ""
    """Its name; without one the command is shown."""
    timeout: float = _DEFAULT_TIMEOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTest:
    """A test to be written."""

    name: str
    steps: Sequence[NewStep]
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A file as it would be with the new test, to be looked at before it is saved."""

    file: Path
    name: str
    """Under which the registry will know the test."""
    before: str | None
    """The file's text as it is; ``None`` where there is none."""
    after: str

    def diff(self) -> str:
        """Return what would change, as a unified diff."""
        old = (self.before or "").splitlines(keepends=True)
        new = self.after.splitlines(keepends=True)
        label = self.file.name
        return "".join(difflib.unified_diff(old, new, label if old else "(new file)", label))

    def save(self) -> None:
        """Write the file, whole or not at all. Blocking, shortly.

        Raises:
            RegistryError: it changed since the draft was made, or cannot be written.
        """
        try:
            now = self.file.read_text(encoding="utf-8") if self.file.exists() else None
            if now != self.before:
                raise RegistryError(
                    f"{self.file} changed since it was read", remedy="look at it, and save the test again"
                )
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._write()
        except (OSError, UnicodeDecodeError) as error:
            said = getattr(error, "strerror", None) or str(error)
            raise RegistryError(
                f"{self.file} cannot be written: {said}",
                remedy="make its folder writable, free some disk space, or give another registry",
            ) from error

    def _write(self) -> None:
        mode = self.file.stat().st_mode & 0o777 if self.before is not None else 0o644
        fd, name = tempfile.mkstemp(dir=self.file.parent, prefix=f".{self.file.name}.")
        fresh = Path(name)
        try:
            with os.fdopen(fd, "w", encoding="utf-8", newline="") as file:
                file.write(self.after)
            fresh.chmod(mode)
            if self.before is None:
                os.link(fresh, self.file)  # refuses where one came into being meanwhile
            else:
                fresh.replace(self.file)
        finally:
            fresh.unlink(missing_ok=True)


def draft(location: Location, test: NewTest, into: Path | None = None) -> Draft:
    """Return the draft of a test. Blocking: it reads the registry.

    Args:
        location: The registry, or the project.
        test: What to write.
        into: File that it is added to, relative to the registry; by default a file of its own.

    Raises:
        RegistryError: the name is taken or names no test, nothing is to be written, the file cannot be
            added to, or the registry is the bundled one.
    """
    if location.kind is Kind.CATALOG:
        raise RegistryError(
            "the bundled registry is not yours to change",
            remedy="give --registry DIR, or make ./registry/tests",
        )
    if not test.steps:
        raise RegistryError("the test would have no steps", remedy="choose at least one command")
    registry = load_location(location)
    file = _file(location, test.name, into)
    origin = _origin(location, file)
    name = origin.name(test.name)
    _refuse_taken(registry, name)
    before = None
    try:
        if file.exists():
            before = file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryError(
            f"{file} cannot be read: {error}", remedy="give another file by --into"
        ) from error
    after = _added(file, before, test)
    problems = Problems(str(file))
    decode_tests(tomli.loads(after), origin, problems)
    wrong = [p for p in problems.found if p.test == name and p.key.startswith("tests")]
    if wrong:
        raise RegistryError(f"such a test cannot be: {wrong[0].message}", remedy=wrong[0].remedy)
    return Draft(file=file, name=name, before=before, after=after)


def _file(location: Location, name: str, into: Path | None) -> Path:
    root = location.root
    if into is not None:
        file = into if into.is_absolute() else root / into
        if file.suffix != ".toml":
            raise RegistryError(f"{into} is no file of tests", remedy="give a file that ends with .toml")
        inside = file.resolve()
        if not inside.is_relative_to(root.resolve()):
            raise RegistryError(f"{into} is not in the registry {root}", remedy="give a file below it")
        parts = inside.relative_to(root.resolve()).parts
        held = parts == ("test.toml",) if location.kind is Kind.PROJECT else (
            len(parts) == 2 and (parts[0] == TESTS or parts[1] == "test.toml")
        )  # fmt: skip
        if not held:
            raise RegistryError(
                f"no tests are read from {into}",
                remedy="give test.toml"
                if location.kind is Kind.PROJECT
                else "give tests/NAME.toml or SERVICE/test.toml",
            )
        return file
    if location.kind is Kind.PROJECT:
        return root / "test.toml"
    stem = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "test"
    file = root / TESTS / f"{stem}.toml"
    if file.exists():
        raise RegistryError(
            f"{file} is there already", remedy=f"give another name, or add to it: --into {TESTS}/{file.name}"
        )
    return file


def _origin(location: Location, file: Path) -> Origin:
    group = location.root.name if location.kind is Kind.PROJECT else file.parent.name
    service = file.parent / "service.toml"
    return Origin(file=file, group=group, stem=file.stem, service=group if service.exists() else None)


def _refuse_taken(registry: Registry, name: str) -> None:
    for known in registry.tests:
        if known.name == name:
            raise RegistryError(
                f"there is a test called {name} already, in {known.file}", remedy="give another name"
            )
    for problem in registry.problems:
        if problem.test == name:
            raise RegistryError(
                f"there is a test called {name} in {problem.file}", remedy="give another name"
            )


def _added(file: Path, before: str | None, test: NewTest) -> str:
    """Return a file's text with the test at the end of its tests."""
    try:
        document = tomlkit.parse(before or "")
    except (TOMLKitError, ValueError) as error:
        raise RegistryError(f"{file} is no TOML: {error}", remedy="correct it first") from error
    table = _table(test)
    tests = document.get("tests")
    if tests is None:
        fresh = tomlkit.aot()
        fresh.append(table)
        if before and not before.endswith("\n\n"):
            document.add(tomlkit.nl())
        document.append("tests", fresh)
    elif isinstance(tests, AoT):
        last = tests[-1] if len(tests) else None
        if last is not None and not tomlkit.dumps(document).endswith("\n\n"):
            _end_line(last)
        tests.append(table)
    else:
        raise RegistryError(
            f"{file} writes its tests as one array",
            remedy="give another file by --into, or write them as [[tests]]",
        )
    after = tomlkit.dumps(document)
    _check_kept(file, before or "", after)
    return after


def _end_line(table: object) -> None:
    """Put an empty line between the last test and the new one."""
    while isinstance(table, Table):
        inner = list(table.values())
        last = inner[-1] if inner else None
        if isinstance(last, AoT) and len(last):
            table = last[-1]
            continue
        if isinstance(last, Table):
            table = last
            continue
        table.add(tomlkit.nl())
        return


def _table(test: NewTest) -> Table:
    table = tomlkit.table()
    table["name"] = test.name
    if test.summary:
        table["summary"] = test.summary
    steps = tomlkit.aot()
    for step in test.steps:
        written = tomlkit.table()
        written["action"] = "shell"
        if step.name:
            written["name"] = step.name
        written["run"] = _string(step.run)
        if step.timeout != _DEFAULT_TIMEOUT:
            written["timeout"] = int(step.timeout) if step.timeout == int(step.timeout) else step.timeout
        steps.append(written)
    table["steps"] = steps
    return table


def _string(text: str) -> String:
    """Return a command as it reads best: without escapes where that can be."""
    plain = all(char.isprintable() or char == "\n" for char in text)
    if "\n" in text:
        if plain and "'''" not in text and not text.endswith("'"):
            # Begun on a line of its own; tomlkit alone would keep that line's end as a part of the text.
            return String(StringType.MLL, f"{text}\n", f"\n{text}\n", Trivia())
        return tomlkit.string(text, multiline=True)
    if plain and ('"' in text or "\\" in text) and "'" not in text:
        return tomlkit.string(text, literal=True)
    return tomlkit.string(text)


def _check_kept(file: Path, before: str, after: str) -> None:
    """Make sure that nothing else changed; raises rather than harm a file."""
    old, new = tomli.loads(before), tomli.loads(after)
    fresh = new.pop("tests")
    lines = iter(after.splitlines())
    kept = all(line in lines for line in before.splitlines())
    if not kept or old.pop("tests", []) != fresh[:-1] or old != new:
        raise RegistryError(
            f"{file} is written in a way that cannot be added to", remedy="give another file by --into"
        )
