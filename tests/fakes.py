"""A backend without guests, for fast tests of what is above the backends.

What a machine does is scripted by the name of its test: see ``Script``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.engine.steps import ACTIONS
from backends.base import (
    Availability,
    BackendError,
    ExecResult,
    MachineDied,
    MachineRequest,
    MachineState,
    MachineStats,
    MachineTimeout,
    OutputSink,
    PhaseSink,
    UnknownMachine,
)
from backends.snapshots import STATE, SnapshotRecord, SnapshotStore, seal
from backends.states import require
from registry.model import MachineSpec, Registry, Service, ServiceCommand, ShellStep, Step, Test


@dataclass(kw_only=True)
class Reply:
    """What a command leaves behind."""

    exit_code: int = 0
    stdout: bytes = b""
    stderr: bytes = b""


Action = Callable[["FakeMachine"], Awaitable[Reply | None]]


@dataclass(kw_only=True)
class Script:
    """What the machines of one test do."""

    commands: Mapping[str, Reply | list[Reply] | Action] = field(default_factory=dict)
    """By the command's whole text; a list is used up, its last one stays. Others succeed silently."""
    boot: Action | None = None
    create_error: BackendError | None = None
    remove_error: BackendError | None = None
    save: Action | None = None
    """Called before each save; it may wait, or raise."""
    ports: Mapping[int, int] = field(default_factory=dict)
    """Host port behind each guest port."""


class FakeMachine:
    """Fulfils ``backends.base.Machine``."""

    def __init__(self, backend: FakeBackend, request: MachineRequest, script: Script, number: int) -> None:
        self.backend, self.request, self.script = backend, request, script
        self.id = f"fake-{number}"
        self.folder = backend.root / self.id
        self.folder.mkdir(parents=True)
        self.console_log = self.folder / "console.log"
        self.console_log.write_bytes(b"")
        self.accel = "none"
        self.state = MachineState.CREATED
        self.kept = ""
        self.removed = False
        self.execs: list[tuple[str, dict[str, str]]] = []
        self.files: dict[str, bytes] = {}
        self.reboots = 0
        self.released = False
        self.origin = ""
        """The snapshot it was forked from."""
        self.saves = 0
        self._death: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._used: dict[str, int] = {}
        self.terminals: list[FakeTerminal] = []

    @property
    def ssh_command(self) -> str:
        return f"ssh {self.id}"

    def say(self, text: str) -> None:
        """Print on the console."""
        with self.console_log.open("ab") as file:
            file.write(text.encode())

    def die(self, reason: str = "killed") -> None:
        """End the guest's process."""
        self.state = MachineState.DIED
        if not self._death.done():
            self._death.set_result(reason)

    async def start(self, *, on_phase: PhaseSink | None = None) -> None:
        if on_phase is not None:
            on_phase("booting", f"fork of {self.origin}" if self.origin else self.backend.boot_detail)
        self.state = MachineState.STARTING
        if self.script.boot is not None:
            await self.script.boot(self)
        if self._death.done():
            raise MachineDied(f"{self.id} died: {self._death.result()}", detail="last line")
        self.state = MachineState.RUNNING
        if on_phase is not None:
            on_phase("ready", "")

    async def exec(
        self,
        command: str,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout: float | None = None,
        on_output: OutputSink | None = None,
    ) -> ExecResult:
        self.execs.append((command, dict(env or {})))
        if stdin is not None and (written := re.fullmatch(r"cat >(\S+)", command)):
            self.files[written[1]] = stdin
        began = time.monotonic()
        try:
            async with asyncio.timeout(timeout):
                reply = await self._reply(command)
        except TimeoutError:
            return ExecResult(exit_code=None, stdout=b"", stderr=b"", duration=0.0, timed_out=True)
        for stream, data in (("stdout", reply.stdout), ("stderr", reply.stderr)):
            if data and on_output is not None:
                on_output(stream, data)
        return ExecResult(
            exit_code=reply.exit_code,
            stdout=reply.stdout,
            stderr=reply.stderr,
            duration=time.monotonic() - began,
        )

    async def _reply(self, command: str) -> Reply:
        found = self.script.commands.get(command, Reply())
        if isinstance(found, list):
            at = self._used.get(command, 0)
            self._used[command] = at + 1
            found = found[min(at, len(found) - 1)]
        if isinstance(found, Reply):
            await asyncio.sleep(0)
            return found
        return await found(self) or Reply()

    async def copy_in(self, source: Path, target: str, *, timeout: float = 60.0) -> None:
        self.files[target] = source.read_bytes()

    async def copy_out(self, source: str, target: Path, *, timeout: float = 60.0) -> None:
        if source not in self.files:
            raise BackendError(f"{source} is not in the guest")
        target.write_bytes(self.files[source])

    def forward(self, port: int, host: str = "127.0.0.1") -> AbstractAsyncContextManager[int]:
        return self._forward(port)

    @asynccontextmanager
    async def _forward(self, port: int) -> AsyncIterator[int]:
        if port in self.script.ports:
            yield self.script.ports[port]
            return

        async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def wait_console(
        self, pattern: re.Pattern[bytes], *, timeout: float, start: int = 0
    ) -> re.Match[bytes]:
        try:
            async with asyncio.timeout(timeout):
                while not (match := pattern.search(self.console_log.read_bytes()[start:])):  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise MachineTimeout("no match", detail="the console's last lines") from None
        return match

    async def reboot(self, *, discard: bool = False, timeout: float = 60.0) -> None:
        self.reboots += 1

    async def terminal(
        self, command: str | None = None, *, columns: int = 80, rows: int = 24, term: str = "xterm-256color"
    ) -> FakeTerminal:
        require("run a command", self.id, self.state)
        terminal = FakeTerminal(command, columns, rows)
        self.terminals.append(terminal)
        return terminal

    async def console(self) -> FakeTerminal:
        require("type into the console", self.id, self.state)
        terminal = FakeTerminal(None, 80, 24)
        self.terminals.append(terminal)
        return terminal

    async def pause(self) -> None:
        require("pause", self.id, self.state)
        self.state = MachineState.PAUSED

    async def resume(self) -> None:
        require("resume", self.id, self.state)
        self.state = MachineState.RUNNING

    async def stats(self) -> MachineStats:
        require("show statistics", self.id, self.state)
        return MachineStats(
            cpu_percent=12.5,
            rss=200 << 20,
            pss=60 << 20,
            guest_memory_used=100 << 20,
            guest_memory_total=self.request.memory << 20,
            disk_written=1 << 20,
            disk_size=2 << 20,
            network_received=1000,
            network_sent=2000,
            uptime=42.0,
        )

    async def save(self, name: str) -> SnapshotRecord:
        require("save a snapshot", self.id, self.state)
        self.saves += 1
        if self.script.save is not None:
            await self.script.save(self)
        with self.backend.snapshots.saving(name) as folder:
            state = {path: data.hex() for path, data in self.files.items()}
            (folder / STATE).write_text(json.dumps(state))
            (folder / "console.log").write_bytes(self.console_log.read_bytes())
            return seal(
                folder,
                SnapshotRecord(
                    name=name,
                    created=time.time(),
                    machine=self.id,
                    label=self.request.label,
                    parent=self.origin,
                    backend=self.backend.name,
                    machine_type="fake",
                    accel=self.accel,
                    cpus=self.request.cpus,
                    memory=self.request.memory,
                    disk=self.request.disk,
                    image=self.request.image,
                    image_digest="",
                    cmdline=(),
                    tsc_khz=None,
                    qemu_version="",
                    host_key="",
                ),
            )

    async def restore(self, name: str) -> None:
        require("restore a snapshot", self.id, self.state)
        self.load(name)

    def load(self, name: str) -> SnapshotRecord:
        """Become what a snapshot was."""
        record = self.backend.snapshots.get(name)
        state = json.loads((self.backend.snapshots.folder(name) / STATE).read_text())
        self.files = {path: bytes.fromhex(data) for path, data in state.items()}
        self.origin = name
        self.console_log.write_bytes((self.backend.snapshots.folder(name) / "console.log").read_bytes())
        return record

    async def release(self) -> None:
        self.released = True

    async def died(self) -> str:
        return await asyncio.shield(self._death)

    async def keep(self, reason: str) -> None:
        self.kept = reason

    async def stop(self, *, timeout: float = 10.0) -> None:
        self.state = MachineState.STOPPED

    async def kill(self) -> None:
        self.state = MachineState.STOPPED

    async def remove(self) -> None:
        await asyncio.sleep(0)
        if self.script.remove_error is not None:
            raise self.script.remove_error
        self.removed = True
        self.backend.live.discard(self)


class FakeTerminal:
    """Fulfils ``backends.base.Terminal``: says a prompt, and echoes until ``exit`` is typed."""

    def __init__(self, command: str | None, columns: int, rows: int) -> None:
        self.command = command
        self.size = (columns, rows)
        self.typed = b""
        self._output: asyncio.Queue[bytes] = asyncio.Queue()
        self._output.put_nowait(b"# ")

    async def read(self) -> bytes:
        return await self._output.get()

    def write(self, data: bytes) -> None:
        self.typed += data
        self._output.put_nowait(data)
        if self.typed.endswith((b"exit\r", b"exit\n")):
            self._output.put_nowait(b"")

    def resize(self, columns: int, rows: int) -> None:
        self.size = (columns, rows)

    async def wait(self) -> int:
        return 0

    async def close(self) -> None:
        self._output.put_nowait(b"")


class FakeBackend:
    """Fulfils ``backends.base.Backend``."""

    def __init__(
        self,
        root: Path,
        scripts: Mapping[str, Script] | None = None,
        *,
        name: str = "fake",
        actions: frozenset[str] = ACTIONS,
        availability: Availability = Availability(ok=True),  # noqa: B008 - frozen
    ) -> None:
        self.root = root
        self.snapshots = SnapshotStore(root.parent / "snapshots")
        self.boot_detail = ""
        self.scripts = dict(scripts or {})
        self.name = name
        self.actions = actions
        self.availability = availability
        self.machines: list[FakeMachine] = []
        self.live: set[FakeMachine] = set()
        self.peak = 0
        self.prepared: list[str] = []
        self.prepare_error: BackendError | None = None

    def available(self) -> Availability:
        return self.availability

    async def prepare(self, image: str, *, on_phase: PhaseSink | None = None) -> None:
        self.prepared.append(image)
        if on_phase is not None:
            on_phase("image", "fetching 10%")
        await asyncio.sleep(0)
        if self.prepare_error is not None:
            raise self.prepare_error

    async def create(self, request: MachineRequest) -> FakeMachine:
        script = self.scripts.get(request.label) or self.scripts.get(
            request.label.partition("#")[0], Script()
        )
        if script.create_error is not None:
            raise script.create_error
        return self._add(FakeMachine(self, request, script, len(self.machines) + 1))

    def _add(self, machine: FakeMachine) -> FakeMachine:
        self.machines.append(machine)
        self.live.add(machine)
        self.peak = max(self.peak, len(self.live))
        return machine

    async def fork(self, snapshot: str, *, label: str = "", run: str = "") -> FakeMachine:
        record = self.snapshots.get(snapshot)
        # A part of a test does what the test does, unless it has a script of its own.
        names = [label, label.partition("#")[0], record.label, record.label.partition("#")[0]]
        script = next((self.scripts[n] for n in names if n in self.scripts), Script())
        request = MachineRequest(
            image=record.image,
            cpus=record.cpus,
            memory=record.memory,
            disk=record.disk,
            label=label or record.label,
            run=run,
        )
        machine = FakeMachine(self, request, script, len(self.machines) + 1)
        machine.load(snapshot)
        return self._add(machine)

    async def adopt(self, name: str) -> FakeMachine:
        found = [m for m in self.live if m.id.startswith(name)]
        exact = [m for m in found if m.id == name]
        if len(exact or found) != 1:
            raise UnknownMachine(f"no machine is called {name!r}", remedy="vmbench ps lists the machines")
        return (exact or found)[0]

    async def visit(self, name: str) -> FakeMachine:
        return await FakeBackend.adopt(self, name)

    def of(self, test: str) -> list[FakeMachine]:
        """Return the machines that a test had."""
        return [m for m in self.machines if m.request.label == test]


class Gate:
    """Something a scripted command waits at, and a test waits for it to be reached."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, machine: FakeMachine) -> Reply:
        self.reached.set()
        await self.opened.wait()
        return Reply()


class Meeting:
    """A scripted command that ends once so many machines run it at the same time."""

    def __init__(self, size: int) -> None:
        self._barrier = asyncio.Barrier(size)

    async def __call__(self, machine: FakeMachine) -> Reply:
        with contextlib.suppress(asyncio.BrokenBarrierError):
            await self._barrier.wait()
        return Reply()


def shell(run: str = "true", **options: object) -> ShellStep:
    """Return a shell step."""
    return ShellStep(**({"name": run, "run": run} | options))


def make_test(name: str, *steps: Step, memory: int = 64, **options: object) -> Test:
    """Return a test; without steps it runs ``true``."""
    values: dict[str, object] = {
        "name": name,
        "file": Path("/registry/tests") / f"{name}.toml",
        "key": "tests[0]",
        "group": "tests",
        "steps": steps or (shell(),),
        "machine": MachineSpec(memory=memory),
    }
    return Test(**(values | options))


def make_service(name: str = "web", **commands: object) -> Service:
    """Return a service; a command may be given by its text alone."""
    values = {
        key: ServiceCommand(run=value, timeout=30.0) if isinstance(value, str) else value
        for key, value in commands.items()
    }
    return Service(**({"name": name, "folder": Path("/registry") / name} | values))


def make_registry(*tests: Test, services: tuple[Service, ...] = (), **options: object) -> Registry:
    """Return a registry of these tests."""
    return Registry(root=Path("/registry"), tests=tests, services={s.name: s for s in services}, **options)
