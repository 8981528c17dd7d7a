"""What a step is given to work with, and how it says how it ended."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.engine.steps.output import StepOutputs
from backends.base import ExecResult, Machine
from registry.model import AddStep, RemoveStep, ResetStep, Service, ServiceCommand, Step, Test

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """A step that passed."""

    message: str = ""
    exit_code: int | None = None


class StepFailed(Exception):
    """The product did not do what the step expects.

    Args:
        message: What happened, in one line.
        exit_code: Of the command that decided, where one did.
    """

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code


@dataclass(slots=True)
class Session:
    """What the steps of one attempt did to the machine so far."""

    added: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """Services that were added, in order, each with the variables of its ``add`` step."""

    @classmethod
    def after(cls, steps: Iterable[Step]) -> Session:
        """Return the session of an attempt in which these steps passed."""
        session = cls()
        for step in steps:
            match step:
                case AddStep():
                    session.added.pop(step.service, None)
                    session.added[step.service] = dict(step.env)
                case RemoveStep():
                    session.added.pop(step.service, None)
                case ResetStep():
                    session.added.clear()
                case _:
                    pass
        return session


def variables(
    test: Test, services: Mapping[str, Service], session: Session, prefer: str | None = None
) -> dict[str, str]:
    """Return the variables that a test's commands see: of the added services, and its own, which win.

    Args:
        test: The test.
        services: The registry's.
        session: What its steps did so far.
        prefer: Service whose variables win over those of the others.
    """
    found: dict[str, str] = {}
    for name in [*session.added, *([prefer] if prefer else [])]:
        service = services.get(name)
        if service is not None:
            found |= service.variables()
        found |= session.added.get(name, {})
    return found | dict(test.env) | {"VMBENCH_TEST": test.name}


@dataclass(slots=True, kw_only=True)
class StepContext:
    """Everything a step may use."""

    machine: Machine
    test: Test
    services: Mapping[str, Service]
    session: Session
    artifacts: Path
    """The attempt's folder on the host."""
    outputs: StepOutputs

    def env(self, prefer: str | None = None) -> dict[str, str]:
        """Return the variables that commands see: of the added services, and of the test, which win.

        Args:
            prefer: Service whose variables win over those of the others.
        """
        return variables(self.test, self.services, self.session, prefer)

    def service(self, name: str) -> Service:
        """Return a service of the registry.

        Raises:
            StepFailed: there is none of this name.
        """
        found = self.services.get(name)
        if found is None:
            raise StepFailed(f"the registry has no service {name!r}")
        return found

    async def run(self, command: str, *, env: Mapping[str, str], timeout: float) -> ExecResult:
        """Run a command in the guest; its output becomes the step's."""
        return await self.machine.exec(command, env=env, timeout=timeout, on_output=self.outputs.write)

    async def service_command(
        self, what: str, command: ServiceCommand | None, *, env: Mapping[str, str], limit: float
    ) -> None:
        """Run one of a service's commands, if it has it.

        Args:
            what: What it is called in messages, such as ``install``.
            command: The command, or ``None`` for nothing to do.
            env: Variables that it sees.
            limit: Seconds left to the step.

        Raises:
            StepFailed: the command failed or took too long.
        """
        if command is None:
            return
        result = await self.run(command.run, env=env, timeout=min(command.timeout, limit))
        if not result.ok:
            ended = with_last_words(describe(result, min(command.timeout, limit)), result)
            raise StepFailed(f"{what} {ended}", result.exit_code)


def describe(result: ExecResult, timeout: float) -> str:
    """Return how a command ended, to stand after its name."""
    if result.timed_out:
        return f"timed out after {seconds(timeout)}"
    return f"exited with {result.exit_code}"


def with_last_words(message: str, result: ExecResult) -> str:
    """Return ``message`` and the last line that the command printed, if it printed any."""
    said = last_line(result.stderr) or last_line(result.stdout)
    return f"{message}: {said}" if said else message


def last_line(data: bytes, limit: int = 200) -> str:
    """Return the last line with something on it, as far as it is short enough for a message."""
    lines = data[-4096:].decode(errors="replace").split("\n")
    found = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return found if len(found) <= limit else found[: limit - 1] + "…"


def seconds(value: float) -> str:
    """Return a duration for people, such as ``2s`` or ``0.5s``."""
    return f"{value:g}s" if value < 10 else f"{round(value, 1):g}s"


def expand(text: str, env: Mapping[str, str], *, strict: bool = False) -> str:
    """Replace ``$NAME`` and ``${NAME}`` by the variables' values.

    Args:
        text: The text.
        env: The variables.
        strict: Whether an unknown name is an error instead of being left as it is.

    Raises:
        StepFailed: a name is unknown and ``strict`` is set.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name in env:
            return env[name]
        if strict:
            known = ", ".join(sorted(n for n in env if n != "VMBENCH_TEST")) or "none"
            raise StepFailed(f"unknown variable {match[0]} in {text!r}; variables here: {known}")
        return match[0]

    return _VARIABLE.sub(value, text)
