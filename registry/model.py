"""The registry's data: tests, steps, services and the machines they need, as frozen dataclasses.

Durations are seconds, memory and disk sizes are MiB, unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from registry.keep import Keep as Keep
from registry.problem import Problem as Problem
from registry.problem import Severity as Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """Repeat a step until it succeeds."""

    interval: float
    """Seconds between attempts."""
    attempts: int
    """How often to try in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSpec:
    """The machine a test asks for; ``None`` leaves the choice to services, settings and backend."""

    backend: str | None = None
    image: str | None = None
    cpus: int | None = None
    memory: int | None = None
    """Guest memory in MiB."""
    disk: int | None = None
    """Size of the scratch disk in MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddStep:
    """Install a service and start it."""

    action: ClassVar[str] = "add"
    name: str
    service: str
    args: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveStep:
    """Stop a service and remove it."""

    action: ClassVar[str] = "remove"
    name: str
    service: str
    timeout: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetStep:
    """Remove every service that was added so far."""

    action: ClassVar[str] = "reset"
    name: str
    timeout: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitStep:
    """Wait until a service is ready."""

    action: ClassVar[str] = "wait"
    name: str
    service: str
    timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellStep:
    """Run a shell command in the guest; any other exit code than 0 fails the test."""

    action: ClassVar[str] = "shell"
    name: str
    run: str
    timeout: float = 30.0
    poll: Poll | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpStep:
    """Send an HTTP request from the guest's point of view and check the answer's status."""

    action: ClassVar[str] = "http"
    name: str
    url: str
    method: str = "GET"
    body: str | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    service: str | None = None
    """Service whose variables win where several define the same one."""
    poll: Poll | None = None
    timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaywrightStep:
    """Run a Playwright spec against the guest."""

    action: ClassVar[str] = "playwright"
    name: str
    spec: str
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MailStep:
    """Wait for a mail in a mailbox."""

    action: ClassVar[str] = "mail"
    name: str
    mailbox: str
    contains: str | None = None
    poll: Poll = Poll(interval=2.0, attempts=30)
    timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyStep:
    """Copy a file or folder between host and guest.

    Exactly one of ``source`` and ``target`` bears the prefix ``guest:``. A host source is relative
    to the test's file; a host target is relative to the test's artifacts folder.
    """

    action: ClassVar[str] = "copy"
    name: str
    source: str
    target: str
    timeout: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleStep:
    """Wait until a regular expression matches on the machine's serial console."""

    action: ClassVar[str] = "console"
    name: str
    pattern: str
    since: Literal["boot", "step"] = "boot"
    """Search the whole console, or only what is printed after this step began."""
    timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RebootStep:
    """Reboot the guest from inside and wait until it answers again."""

    action: ClassVar[str] = "reboot"
    name: str
    timeout: float = 60.0


Step = (
    AddStep
    | RemoveStep
    | ResetStep
    | WaitStep
    | ShellStep
    | HttpStep
    | PlaywrightStep
    | MailStep
    | CopyStep
    | ConsoleStep
    | RebootStep
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyCheck:
    """How to tell that a service is ready: exactly one of the three is set."""

    tcp: int | None = None
    """Guest port that accepts connections."""
    http: str | None = None
    """URL that answers with ``status``."""
    exec: str | None = None
    """Command that exits with 0."""
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFile:
    """A file of the service's folder that ``add`` puts into the guest."""

    source: Path
    target: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCommand:
    """A command of a service and its deadline."""

    run: str
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Something a test installs in a machine: one ``service.toml``."""

    name: str
    folder: Path
    description: str = ""
    memory: int | None = None
    """Recommended memory in MiB."""
    disk: int | None = None
    """Recommended disk in MiB."""
    files: tuple[ServiceFile, ...] = ()
    install: ServiceCommand | None = None
    start: ServiceCommand | None = None
    stop: ServiceCommand | None = None
    remove: ServiceCommand | None = None
    ready: ReadyCheck | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    """Guest ports by name."""
    env: Mapping[str, str] = field(default_factory=dict)
    foreign: str | None = None
    """Why ``add`` cannot run this service here (a service of another runner's kind), else ``None``."""

    def variables(self) -> dict[str, str]:
        """Return what step commands see of this service: its env, and its ports by several names.

        A port ``http`` of a service ``my-app`` is ``VMBENCH_MY_APP_PORT_HTTP``, ``VMBENCH_PORT_HTTP``
        and, so that older registries run unchanged, ``RYRA_PORT_HTTP``.
        """
        found = dict(self.env)
        for name, port in self.ports.items():
            suffix = f"PORT_{_shell_name(name)}"
            for prefix in (f"VMBENCH_{_shell_name(self.name)}_", "VMBENCH_", "RYRA_"):
                found[prefix + suffix] = str(port)
        return found


def _shell_name(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name).upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A named list of steps, with what machine it needs."""

    __test__: ClassVar[bool] = False  # keeps pytest from collecting it

    name: str
    file: Path
    key: str
    """Path of the test's table inside its file, such as ``tests[0]``."""
    group: str
    """The service whose folder holds the test, or ``tests``."""
    steps: tuple[Step, ...]
    summary: str = ""
    tags: tuple[str, ...] = ()
    machine: MachineSpec = MachineSpec()
    services: tuple[str, ...] = ()
    """Services it adds, in order of first use."""
    timeout: float | None = None
    """Deadline for all steps together, in seconds."""
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    """Names of variables whose values are masked wherever the test's work is written down."""
    browser: bool = False
    requires_sudo: bool = False
    keep: Keep | None = None
    retries: int = 0
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Everything found in one registry folder or project."""

    root: Path
    tests: tuple[Test, ...] = ()
    """Sorted by group, then name."""
    services: Mapping[str, Service] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def errors(self) -> tuple[Problem, ...]:
        """Return the problems that keep a test or a file from running."""
        return tuple(p for p in self.problems if p.severity is Severity.ERROR)
