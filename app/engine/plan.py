"""From a selection of tests to what will run: order, dependencies, machines, and what cannot run at all."""

from __future__ import annotations

import difflib
import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.engine.api import RunOptions
from app.engine.events import Notice, PlannedStep, PlannedTest
from app.engine.masking import secrets_of
from backends.base import Availability, Backend, BackendError, HostNotAble, MachineRequest
from registry.filters import Filter
from registry.model import AddStep, Problem, Registry, Service, Severity, Step, Test
from registry.requirements import disk_for, memory_for

DEFAULT_IMAGE = "tiny"
DEFAULT_CPUS = 1


class PlanError(BackendError):
    """The selection cannot be run at all: a slip of whoever asked; exit code 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanItem:
    """One test of a plan."""

    planned: PlannedTest
    test: Test | None
    """``None`` for a broken test, which only has an ``error``."""
    request: MachineRequest
    """The machine to ask the backend for; the run's id is still missing."""
    error: BackendError | None = None
    """Why the test ends in ``error`` without a machine."""
    selected: bool = True
    """Whether it was asked for, and not only what others depend on."""
    after: tuple[str, ...] | None = None
    """What must have passed before; ``None`` for what the test depends on."""
    fork_of: str = ""
    """Test of this run whose last checkpoint the machine is forked from; empty to create one."""
    before: tuple[Step, ...] = ()
    """Steps that had passed when that checkpoint was saved."""
    save_after: bool = False
    """Whether a checkpoint is saved once all steps passed, for others to fork."""
    first: int = 0
    """Index of the step it begins at."""
    snapshot: str = ""
    """Checkpoint of an earlier run that the machine is forked from; empty to create one."""
    machine: str = ""
    """Kept machine that is used as it is; empty for one of its own."""
    save_at: int | None = None
    """Index of the step before which a checkpoint is saved that stays, for the next run to begin there."""

    @property
    def name(self) -> str:
        """The name under which it runs: the test's, unless it is a part of one."""
        return self.planned.name

    @property
    def depends_on(self) -> tuple[str, ...]:
        """Tests that must have passed before."""
        if self.after is not None:
            return self.after
        return self.test.depends_on if self.test else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will run, in the order in which it starts."""

    items: tuple[PlanItem, ...]
    notices: tuple[Notice, ...] = ()


def make_plan(
    registry: Registry,
    options: RunOptions,
    backends: Mapping[str, Backend],
    default_backend: str,
) -> Plan:
    """Plan a run. Blocking, for a fraction of a second: call it off the event loop.

    Raises:
        PlanError: nothing is selected, or a name does not exist.
        HostNotAble: no test can run because no backend that they need works on this host.
    """
    broken = _broken_tests(registry)
    selected, chosen_broken = _select(registry, broken, options)
    if options.shuffle is not None:
        # The seed is for a repeatable order, not for secrets.
        random.Random(options.shuffle).shuffle(selected)  # noqa: S311
    ordered, more_broken = _with_dependencies(selected, registry, broken)
    chosen_broken |= dict.fromkeys(more_broken)
    planner = _Planner(registry.services, backends, options, default_backend)
    chosen = {test.name for test in selected}
    items = [replace(planner.item(test), selected=test.name in chosen) for test in ordered]
    items += [_broken_item(name, broken[name]) for name in chosen_broken]
    unable = planner.unable
    if unable and not chosen_broken and all(item.error in unable.values() for item in items):
        raise next(iter(unable.values()))
    return Plan(items=tuple(items), notices=tuple(_notices(registry, broken)))


def _broken_tests(registry: Registry) -> dict[str, list[Problem]]:
    """Return the errors of tests that could not be loaded, by test."""
    good = {t.name for t in registry.tests}
    broken: dict[str, list[Problem]] = {}
    for problem in registry.errors():
        if problem.test is not None and problem.test not in good:
            broken.setdefault(problem.test, []).append(problem)
    return broken


def _notices(registry: Registry, broken: Mapping[str, object]) -> Iterable[Notice]:
    for problem in registry.problems:
        if problem.severity is Severity.ERROR and problem.test not in broken:
            yield Notice(level="warning", message=str(problem))


def _select(
    registry: Registry, broken: Mapping[str, list[Problem]], options: RunOptions
) -> tuple[list[Test], dict[str, None]]:
    words = Filter.of(options.filters)
    tests = list(words.select(registry.tests))
    chosen_broken = [name for name, problems in broken.items() if words(_stand_in(name, problems[0]))]
    known = [t.name for t in registry.tests] + list(broken)
    if options.names is not None:
        wanted = set(options.names)
        for name in options.names:
            if name not in set(known):
                raise PlanError(
                    f"there is no test called {name!r}",
                    remedy=_did_you_mean(name, known) or "vmbench list shows the tests there are",
                )
        tests = [t for t in tests if t.name in wanted]
        chosen_broken = [name for name in chosen_broken if name in wanted]
    if not tests and not chosen_broken:
        raise _nothing_selected(registry, options, known)
    return tests, dict.fromkeys(chosen_broken)


def _nothing_selected(registry: Registry, options: RunOptions, known: Sequence[str]) -> PlanError:
    if not known:
        return PlanError(
            f"there are no tests in {registry.root}",
            remedy="vmbench check explains what is wrong with its files"
            if registry.problems
            else "give a folder with tests by --registry DIR, or write one: see docs/test-format.md",
        )
    words = " ".join(options.filters)
    vocabulary = [*known, *{f"tag:{tag}" for t in registry.tests for tag in t.tags}]
    hints = [_did_you_mean(word.lstrip("-"), vocabulary) for word in options.filters]
    hint = next((h for h in hints if h), "")
    return PlanError(
        f"no test matches {words!r}" if words else "no test is selected",
        remedy=hint or f"vmbench list shows all {len(known)} tests",
    )


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    # difflib is slow on long lists; its best guess among the first thousands is good enough.
    guesses = difflib.get_close_matches(word, known[:5000], n=3)
    return f"did you mean {' or '.join(guesses)}?" if guesses else ""


def _stand_in(name: str, problem: Problem) -> Test:
    """Return a test that filters can be asked about, for one that could not be loaded."""
    return Test(name=name, file=problem.file, key=problem.key, group=problem.file.parent.name, steps=())


def _with_dependencies(
    selected: Iterable[Test], registry: Registry, broken: Mapping[str, object]
) -> tuple[list[Test], list[str]]:
    """Put every test after the ones it depends on, which are selected with it.

    Returns:
        The tests in order, and the names of broken tests that some of them depend on.
    """
    by_name = {t.name: t for t in registry.tests}
    ordered: dict[str, Test] = {}
    missing: list[str] = []
    for first in selected:
        # A stack of its own: chains may be longer than Python recurses.
        stack = [(first, iter(first.depends_on))]
        entered = {first.name}
        while stack:
            test, rest = stack[-1]
            name = next(rest, None)
            if name is None:
                ordered.setdefault(test.name, test)
                stack.pop()
            elif name in by_name and name not in ordered and name not in entered:
                entered.add(name)
                stack.append((by_name[name], iter(by_name[name].depends_on)))
            elif name in broken:
                missing.append(name)
    return list(ordered.values()), missing


class _Planner:
    """Chooses each test's machine and finds what keeps it from running."""

    def __init__(
        self,
        services: Mapping[str, Service],
        backends: Mapping[str, Backend],
        options: RunOptions,
        default: str,
    ) -> None:
        self._services = services
        self._backends = backends
        self._override = options.backend
        self._cold = options.cold
        self._default = default
        self._availability: dict[str, Availability] = {}
        self.unable: dict[str, BackendError] = {}
        """Why a backend that some test needs does not work here, by its name."""

    def item(self, test: Test) -> PlanItem:
        """Return the plan of one test."""
        test, unset = _with_secrets(test, self._services)
        spec = test.machine
        name = self._override or spec.backend or self._default
        request = MachineRequest(
            image=spec.image or DEFAULT_IMAGE,
            cpus=spec.cpus or DEFAULT_CPUS,
            memory=memory_for(test, self._services),
            disk=disk_for(test, self._services),
            label=test.name,
            env={"VMBENCH_TEST": test.name},
            cold=self._cold,
        )
        planned = PlannedTest(
            name=test.name,
            group=test.group,
            backend=name,
            memory=request.memory,
            cpus=request.cpus,
            steps=tuple(
                PlannedStep(action=s.action, name=s.name, digest=step_digest(s, self._services))
                for s in test.steps
            ),
            tags=test.tags,
            summary=test.summary,
            file=str(test.file),
        )
        error = unset or self._error(test, name)
        return PlanItem(planned=planned, test=test, request=request, error=error)

    def _error(self, test: Test, name: str) -> BackendError | None:
        backend = self._backends.get(name)
        if backend is None:
            known = sorted(self._backends)
            guess = difflib.get_close_matches(name, known, n=1)
            return BackendError(
                f"there is no backend called {name!r}",
                remedy=(f"did you mean {guess[0]}? " if guess else "")
                + f"known backends: {', '.join(known)}",
            )
        actions = backend.actions
        for number, step in enumerate(test.steps, 1):
            if step.action not in actions:
                can = [other for other, b in sorted(self._backends.items()) if step.action in b.actions]
                return BackendError(
                    f"step {number} ({step.action}) is not available on backend {name}",
                    remedy=f"set machine.backend to {' or '.join(can)}"
                    if can
                    else f"steps available on it: {', '.join(sorted(actions))}",
                )
            if isinstance(step, AddStep):
                foreign = self._foreign(step.service)
                if foreign:
                    return BackendError(
                        f"step {number} (add {step.service}) cannot run here: {foreign}",
                        remedy="give the service [install] and [start] commands in its service.toml",
                    )
        return self._unavailable(name, backend)

    def _foreign(self, service: str) -> str | None:
        found = self._services.get(service)
        return found.foreign if found else None

    def _unavailable(self, name: str, backend: Backend) -> BackendError | None:
        if name not in self._availability:
            self._availability[name] = found = backend.available()
            if not found.ok:
                self.unable[name] = HostNotAble(
                    f"backend {name} cannot work on this host: {found.reason}", remedy=found.remedy
                )
        return self.unable.get(name)


def _with_secrets(test: Test, services: Mapping[str, Service]) -> tuple[Test, BackendError | None]:
    """Return a test that has its secrets from the environment too, or what is wrong with them."""
    if not test.secrets:
        return test, None
    found = secrets_of(test, services)
    unset = [name for name, values in found.items() if not any(values)]
    if unset:
        return test, BackendError(
            f"the secret {unset[0]} has no value",
            remedy=f"export {unset[0]}=… before vmbench is started, or give it in the test's env",
        )
    # What is set in the test or by a service stays; the rest reaches its commands like any variable.
    elsewhere = {name for step in test.steps if isinstance(step, AddStep) for name in step.env}
    elsewhere |= {
        name
        for step in test.steps
        if isinstance(step, AddStep) and step.service in services
        for name in services[step.service].variables()
    }
    fresh = {n: v[0] for n, v in found.items() if n not in test.env and n not in elsewhere}
    return replace(test, env=fresh | dict(test.env)), None


def step_digest(step: Step, services: Mapping[str, Service]) -> str:
    """Return what changes when a step, or the service that it adds, does something else."""
    told = repr(step)
    if isinstance(step, AddStep):
        told += repr(services.get(step.service))
    return hashlib.sha256(told.encode(errors="surrogatepass")).hexdigest()[:12]


def _broken_item(name: str, problems: Sequence[Problem]) -> PlanItem:
    first = problems[0]
    planned = PlannedTest(
        name=name,
        group=first.file.parent.name,
        backend="",
        memory=0,
        cpus=0,
        steps=(),
        file=str(first.file),
    )
    error = BackendError("broken: " + "; ".join(str(p) for p in problems), remedy="")
    return PlanItem(planned=planned, test=None, request=MachineRequest(label=name), error=error)
