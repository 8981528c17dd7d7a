"""TOML files to tests and services, with every problem of a file collected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from registry.decode import Problems, Table, shown
from registry.location import TESTS as TESTS
from registry.model import AddStep, Keep, MachineSpec, ShellStep, Step, Test, WaitStep
from registry.steps import decode_step
from registry.toml import parse as parse

_NAME = re.compile(r"\w[\w .:+@=,()-]{0,119}")
_SETUP_WAIT = 60.0  # seconds a service of [setup] gets to be ready
_RUN_TIMEOUT = 30.0
_MAX_RETRIES = 100

_COMMON = frozenset({"name", "summary", "tags", "timeout", "env", "browser", "ram", "requires_sudo"})
_OURS = frozenset({"secrets", "keep", "retries", "depends_on"})
_FILE_KEYS = frozenset({"test", "setup", "tests", "steps", "machine"})
_META_KEYS = _COMMON | _OURS | {"services"}
_TEST_KEYS = _COMMON | _OURS | {"run", "steps", "machine"}
_SETUP_KEYS = frozenset({"services", "quadlets"})
_MACHINE_KEYS = frozenset({"backend", "image", "cpus", "memory", "disk", "ram"})
_STEPS_ONLY = ("summary", "timeout", "depends_on")  # in [test], these speak of the [[steps]] test

_NOTHING = Table({}, "", Problems(""))
_DEFAULT_MACHINE = MachineSpec()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a file of tests lies in its registry."""

    file: Path
    group: str
    """The service whose folder holds it, or ``tests``."""
    stem: str
    """What a test is called that bears no name."""
    service: str | None = None
    """The service to set up for ``run`` tests without ``[setup]``."""

    def name(self, given: str) -> str:
        """Return the name under which a test called ``given`` in this file is known."""
        if self.group == TESTS or given == self.group or given.startswith(f"{self.group}-"):
            return given
        return f"{self.group}-{given}"


@dataclass(frozen=True, slots=True)
class Decoded:
    """The tests of one file."""

    tests: tuple[Test, ...] = ()
    by_run: frozenset[str] = frozenset()
    """Names of the tests written with ``run``: their first steps stand for the set-up."""


def decode_tests(data: Mapping[str, object], origin: Origin, problems: Problems) -> Decoded:
    """Return the tests of a file that can run; the others are among the problems."""
    file = Table(data, "", problems)
    file.check_keys(_FILE_KEYS)
    entries = file.tables("tests")
    before = problems.errors
    steps = file.tables("steps")
    steps_broken = problems.errors > before
    if not entries and not steps:
        file.table("test")
        if problems.errors == 0:
            problems.warning("", "no tests in this file", "add [[tests]] or [[steps]], or delete the file")
        return Decoded()
    decoder = _FileDecoder(origin, problems, file, bool(steps))
    found = [decoder.listed(entry, len(entries)) for entry in entries]
    if steps and (test := decoder.top_level(steps)) and not steps_broken:
        found.append(test)
    return Decoded(tuple([test for test in found if test is not None]), frozenset(decoder.by_run))


class _FileDecoder:
    """What the tests of one file share."""

    def __init__(self, origin: Origin, problems: Problems, file: Table, has_top_level: bool) -> None:
        self.origin = origin
        self.problems = problems
        self.has_top_level = has_top_level
        self.by_run: list[str] = []
        before = problems.errors
        self.meta = meta = file.table("test") or Table({}, "test", problems)
        self._check_meta()
        self.machine = _machine(_DEFAULT_MACHINE, meta, file.table("machine"))
        self.browser = meta.flag("browser")
        self.sudo = meta.flag("requires_sudo")
        self.tags = meta.texts("tags")
        self.env = meta.variables("env")
        self.secrets = _secrets(meta)
        self.keep = _keep(meta)
        self.retries = meta.integer("retries", 0, _MAX_RETRIES) or 0
        self.setup = self._setup(file.table("setup"))
        self.broken = problems.errors > before
        """Whether what all tests of the file share is wrong, so that none of them can run."""

    def _check_meta(self) -> None:
        self.meta.check_keys(_META_KEYS)
        for name in _STEPS_ONLY:
            if name in self.meta.data and not self.has_top_level:
                where = self.meta.at(name)
                remedy = f"move it into the [[tests]] entry it is meant for; {where} is for [[steps]]"
                self.problems.warning(where, "has no effect here", remedy)

    def _setup(self, setup: Table | None) -> tuple[Step, ...]:
        services: tuple[str, ...] = (self.origin.service,) if self.origin.service else ()
        quadlets: tuple[str, ...] = ()
        if setup is not None:
            setup.check_keys(_SETUP_KEYS)
            services, quadlets = setup.texts("services"), setup.texts("quadlets")
        steps: list[Step] = []
        for name in services:
            steps.append(AddStep(name=f"add {name}", service=name))
            steps.append(WaitStep(name=f"wait {name}", service=name, timeout=_SETUP_WAIT))
        steps += [AddStep(name=f"add {name}", service=name) for name in quadlets]
        return tuple(steps)

    def listed(self, entry: Table, count: int) -> Test | None:
        """Decode one entry of ``[[tests]]``."""
        nameless = "name" not in entry.data and count == 1 and self.origin.group == TESTS
        given = self.origin.stem if nameless else entry.required("name")
        if not given:
            return None
        name = self.origin.name(given)
        before = self.problems.errors
        self.problems.test = name
        entry.check_keys(_TEST_KEYS)
        steps, timeout = self._entry_steps(entry, given)
        test = self._test(entry, name, steps, timeout, entry.table("machine"))
        self.problems.test = None
        return None if self.broken or self.problems.errors > before else test

    def _entry_steps(self, entry: Table, given: str) -> tuple[tuple[Step, ...], float | None]:
        has_run, has_steps = "run" in entry.data, "steps" in entry.data
        if has_run == has_steps:
            what = 'both "run" and "steps"' if has_run else 'neither "run" nor "steps"'
            entry.error(
                "run" if has_run else "steps",
                f"the test has {what}",
                'give it exactly one: run = "…" or [[tests.steps]]',
            )
            return (), None
        if has_steps:
            timeout = entry.duration("timeout", 0.0) or None
            return _steps(entry.tables("steps"), entry, "steps"), timeout
        if self.has_top_level:
            entry.error(
                "run",
                "a test with run cannot stand beside top-level [[steps]]",
                "turn it into [[tests.steps]], or move the [[steps]] into a file of their own",
            )
        self.by_run.append(self.origin.name(given))
        run = entry.required("run")
        shell = ShellStep(name=given, run=run, timeout=entry.duration("timeout", _RUN_TIMEOUT))
        return (*self.setup, shell), None

    def top_level(self, tables: list[Table]) -> Test | None:
        """Decode the test that top-level ``[[steps]]`` make."""
        given = self.meta.required("name") if "name" in self.meta.data else self.origin.stem
        if not given:
            return None
        name = self.origin.name(given)
        before = self.problems.errors
        self.problems.test = name
        steps = _steps(tables, self.meta, "steps")
        timeout = self.meta.duration("timeout", 0.0) or None
        test = self._test(self.meta, name, steps, timeout, None)
        self.problems.test = None
        return None if self.broken or self.problems.errors > before else test

    def _test(
        self,
        table: Table,
        name: str,
        steps: tuple[Step, ...],
        timeout: float | None,
        machine: Table | None,
    ) -> Test:
        if not _NAME.fullmatch(name):
            table.error(
                "name",
                f"{shown(name)} cannot name a test",
                "begin with a letter or digit; at most 120 letters, digits, spaces and . _ - : + @ = , ( )",
            )
        own = table is not self.meta
        data = table.data
        return Test(
            name=name,
            file=self.origin.file,
            key=table.key if own else "steps",
            group=self.origin.group,
            steps=steps,
            summary=(table.text("summary") or "").strip() if "summary" in data else "",
            tags=tuple(dict.fromkeys(self.tags + table.texts("tags")))
            if own and "tags" in data
            else self.tags,
            machine=_machine(self.machine, table, machine) if own else self.machine,
            services=tuple(dict.fromkeys([s.service for s in steps if isinstance(s, AddStep)])),
            timeout=timeout,
            env=self.env | table.variables("env") if own and "env" in data else self.env,
            secrets=tuple(dict.fromkeys(self.secrets + _secrets(table)))
            if own and "secrets" in data
            else self.secrets,
            browser=table.flag("browser", self.browser) if own else self.browser,
            requires_sudo=table.flag("requires_sudo", self.sudo) if own else self.sudo,
            keep=_keep(table, self.keep) if own else self.keep,
            retries=self._retries(table) if own else self.retries,
            depends_on=table.texts("depends_on") if "depends_on" in data else (),
        )

    def _retries(self, table: Table) -> int:
        own = table.integer("retries", 0, _MAX_RETRIES)
        return self.retries if own is None else own


def _steps(tables: list[Table], owner: Table, name: str) -> tuple[Step, ...]:
    """Decode steps in order; the ones that are wrong are reported and left out."""
    if owner.data.get(name) == []:
        owner.error(name, "the test has no steps", "add a step, or remove the test")
    return tuple([step for table in tables if (step := decode_step(table)) is not None])


def _secrets(table: Table) -> tuple[str, ...]:
    return tuple([name for name in table.texts("secrets") if table.check_variable(name, "secrets")])


def _keep(table: Table, default: Keep | None = None) -> Keep | None:
    if "keep" not in table.data:
        return default
    return Keep(table.choice("keep", tuple(Keep), Keep.NEVER))


def _machine(base: MachineSpec, owner: Table, machine: Table | None) -> MachineSpec:
    """Return ``base`` with what ``owner``'s ``ram`` and a ``[machine]`` table set."""
    if machine is None and "ram" not in owner.data:
        return base
    memory = owner.size("ram")
    if machine is None:
        machine = _NOTHING
    machine.check_keys(_MACHINE_KEYS)
    own = machine.size("memory")
    alias = machine.size("ram")
    for table in (owner, machine):
        if "ram" in table.data and "memory" in machine.data:
            machine.problems.warning(
                table.at("ram"), f"{machine.at('memory')} is set too, and wins", "remove one of them"
            )
    return MachineSpec(
        backend=_word(machine, "backend") or base.backend,
        image=_word(machine, "image") or base.image,
        cpus=machine.integer("cpus", 1, 256) or base.cpus,
        memory=own or alias or memory or base.memory,
        disk=machine.size("disk") or base.disk,
    )


def _word(table: Table, name: str) -> str | None:
    return table.required(name) if name in table.data else None
