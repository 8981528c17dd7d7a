"""Rewind: a test's machine as it was before a step of its last run, forked from the checkpoint."""

from __future__ import annotations

import shlex
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.engine.events import Outcome
from app.engine.log import LOG_NAME, replay
from app.engine.shake import setup_name
from app.engine.state import RunState, StepState, TestState
from app.engine.steps.context import Session, variables
from backends.base import BackendError, Machine
from registry.model import AddStep, Registry, ShellStep


class RewindError(BackendError):
    """There is nothing to rewind to; the remedy says how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewound:
    """A machine that was taken back to before a step."""

    test: str
    run: str
    """Id of the run it comes from."""
    index: int
    """Of the step that comes next."""
    action: str
    name: str
    """That step's name."""
    command: str
    """What that step does, as it is shown."""
    typed: str
    """What to type in the machine's terminal to run the step there; empty if that cannot be."""
    message: str
    """How the step ended in that run."""
    snapshot: str
    machine: Machine
    """Running and kept; whoever holds this calls its ``release`` when done."""

    @property
    def number(self) -> int:
        """The step's number as people see it."""
        return self.index + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Where a rewind goes to: a checkpoint, and what its run tells about the step after it."""

    test: str
    """The test's name in that run."""
    run: str
    index: int
    snapshot: str
    step: StepState
    shaken: str = ""
    """Test whose end it is, for a fork of a shaken test."""
    offset: int = 0
    """Steps that had passed before the first one of ``test``, for the same."""


def find_moment(folder: Path, test: str, step: int | None, there: Container[str]) -> Moment:
    """Find the checkpoint before a step of a test's run. Blocking.

    Args:
        folder: The run's folder.
        test: The test's name in the run.
        step: Number of the step, from 1; ``None`` for the one that failed, or the nearest before it.
        there: Names of the snapshots that there are.

    Raises:
        RewindError: there is no such run, test, step or checkpoint.
    """
    state = RunState()
    try:
        state.apply_all(replay(folder / LOG_NAME))
    except OSError as error:
        raise RewindError(
            f"the last run of {test}, {folder.name}, is gone", remedy=_run_it_again(test)
        ) from error
    found = state.tests.get(test)
    if found is None:
        raise RewindError(f"{test} is not in its last run, {folder.name}", remedy=_run_it_again(test))
    if step is not None and not 1 <= step <= len(found.steps):
        raise RewindError(f"{test} has no step {step}", remedy=f"give a number from 1 to {len(found.steps)}")
    shaken = found.plan.shaken
    setup = state.tests.get(setup_name(shaken)) if shaken else None
    saved = {at: c.snapshot for at, c in found.checkpoints.items()}
    start = setup.checkpoints.get(len(setup.steps)) if setup is not None else None
    if start is not None:
        # What the forks have in common is the moment before their first step.
        saved.setdefault(0, start.snapshot)
    saved = {at: name for at, name in saved.items() if name in there}
    index = _index(found, step, saved)
    if index not in saved:
        raise _nothing_to_fork(found, index, sorted(saved))
    return Moment(
        test=test,
        run=folder.name,
        index=index,
        snapshot=saved[index],
        step=found.steps[index],
        shaken=shaken,
        offset=len(setup.steps) if setup is not None else 0,
    )


def _index(test: TestState, step: int | None, saved: Mapping[int, str]) -> int:
    if step is not None:
        return step - 1
    # Where no step decided, as when the guest's kernel gave up, the last one there is comes closest.
    decided = test.result.step if test.result is not None else None
    wanted = len(test.steps) if decided is None else decided
    return max((at for at in saved if at <= wanted), default=min(wanted, len(test.steps) - 1))


def _nothing_to_fork(test: TestState, index: int, numbers: Sequence[int]) -> RewindError:
    if numbers:
        listed = ", ".join(str(at + 1) for at in numbers)
        return RewindError(
            f"there is no checkpoint before step {index + 1} of {test.name}",
            remedy=f"there is one before step {listed}: vmbench rewind {test.name} --step {numbers[-1] + 1}",
        )
    if test.outcome is Outcome.PASSED:
        why = "passed the last time, and the checkpoints of a test that passed are not kept"
    elif test.checkpoints_saved:
        why = "has no checkpoints left of its last run: they were removed"
    else:
        why = "was run without checkpoints the last time"
    return RewindError(f"{test.name} {why}", remedy=_run_it_again(test.name))


def _run_it_again(test: str) -> str:
    return f"vmbench run --checkpoints {test}"


def script_of(moment: Moment, registry: Registry) -> str:
    """Return a shell script that does what the step does, as a test's commands see it.

    Returns:
        The script; nothing for a step that does not run in the guest, or that the registry no longer has.
    """
    name = moment.shaken or moment.test
    test = next((t for t in registry.tests if t.name == name), None)
    at = moment.offset + moment.index
    if test is None or at >= len(test.steps):
        return ""
    step = test.steps[at]
    session = Session.after(test.steps[:at])
    if isinstance(step, ShellStep):
        env, command = variables(test, registry.services, session), step.run
    elif isinstance(step, AddStep):
        service = registry.services.get(step.service)
        # Its files come from the host, so its commands alone are not the step.
        if service is None or service.files:
            return ""
        session.added[step.service] = dict(step.env)
        env = variables(test, registry.services, session, step.service)
        env |= {"VMBENCH_ARGS": step.args, "VMBENCH_SERVICE": step.service}
        command = "\n".join(c.run.strip() for c in (service.install, service.start) if c)
    else:
        return ""
    exports = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in sorted(env.items()))
    return f"# Step {at + 1} of {name}, as vmbench runs it.\n{exports}{command}\n"


async def put_script(machine: Machine, moment: Moment, script: str) -> str:
    """Put a step's script in the guest; return what to type to run it, or nothing where there is none.

    Raises:
        BackendError: the guest takes no file.
    """
    if not script:
        return ""
    path = f"/tmp/vmbench-step-{moment.index + 1}.sh"  # noqa: S108 - in the guest, which is the user's alone
    result = await machine.exec(f"cat >{path}", stdin=script.encode(), timeout=30)
    if not result.ok:
        said = result.stderr.decode(errors="replace").strip()
        raise BackendError(f"the step's script could not be put in {machine.id}: {said}")
    return f"sh {path}"
