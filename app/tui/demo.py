"""A made-up registry and the record of a run of it: what screenshots and trials of the workbench show."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from app.engine.api import LastResult
from app.engine.events import (
    Event,
    MachineCreated,
    MachineKept,
    MachinePhase,
    Outcome,
    Phase,
    PlannedStep,
    PlannedTest,
    RunFinished,
    RunStarted,
    Stamped,
    StepFinished,
    StepOutput,
    StepStarted,
    TestFinished,
    TestStarted,
)
from app.engine.house import House
from app.logs.times import Times, beside
from app.paths import Paths
from app.settings_desk import SettingsDesk
from registry.location import Kind, Location
from registry.model import (
    AddStep,
    ConsoleStep,
    CopyStep,
    HttpStep,
    MachineSpec,
    Problem,
    Registry,
    Service,
    Severity,
    ShellStep,
    Step,
    Test,
    WaitStep,
)

ROOT = Path("/srv/acme-registry")
EPOCH = 1_767_261_600.0
RUN = "0142-brisk-heron"


def _test(group: str, name: str, summary: str, tags: str, *steps: Step, memory: int | None = None) -> Test:
    folder = ROOT / group
    file = folder / "test.toml" if group != "tests" else folder / f"{name}.toml"
    return Test(
        name=name,
        file=file,
        key="tests[0]",
        group=group,
        summary=summary,
        tags=tuple(tags.split()),
        steps=steps,
        machine=MachineSpec(backend="microvm", image="tiny", cpus=1, memory=memory or 256),
        services=tuple(step.service for step in steps if isinstance(step, AddStep)),
    )


def _add(service: str) -> AddStep:
    return AddStep(name=f"install {service}", service=service)


def _wait(service: str) -> WaitStep:
    return WaitStep(name=f"{service} is ready", service=service)


def _sh(name: str, run: str) -> ShellStep:
    return ShellStep(name=name, run=run)


def _tests() -> tuple[Test, ...]:
    return (
        _test(
            "cache",
            "cache-evicts-oldest",
            "The oldest key goes first when the memory limit is reached.",
            "fast memory",
            _add("cache"),
            _wait("cache"),
            _sh("fill it", "cachectl fill --keys 4096"),
            _sh("the oldest key is gone", "! cachectl get key-0"),
        ),
        _test(
            "cache",
            "cache-survives-restart",
            "What was written is there after a restart.",
            "storage",
            _add("cache"),
            _wait("cache"),
            _sh("write", "cachectl set greeting hello"),
            _sh("restart", "service cache restart"),
            _wait("cache"),
            _sh("read", 'test "$(cachectl get greeting)" = hello'),
        ),
        _test(
            "gateway",
            "gateway-answers",
            "The gateway answers on its port and names its version.",
            "fast smoke net",
            _add("gateway"),
            _wait("gateway"),
            HttpStep(name="GET /health", url="http://127.0.0.1:$VMBENCH_PORT_HTTP/health"),
        ),
        _test(
            "gateway",
            "gateway-rejects-bad-token",
            "A request with an expired token gets 401 and no body.",
            "net auth",
            _add("gateway"),
            _wait("gateway"),
            HttpStep(name="GET /private", url="http://127.0.0.1:$VMBENCH_PORT_HTTP/private", status=401),
            _sh("nothing leaked", 'test ! -s /tmp/body || (echo "the body is not empty" >&2; exit 1)'),
        ),
        _test(
            "gateway",
            "gateway-routes-to-cache",
            "Requests below /cache reach the cache, by way of the gateway.",
            "net",
            _add("cache"),
            _add("gateway"),
            _wait("cache"),
            _wait("gateway"),
            HttpStep(name="PUT a value", url="http://127.0.0.1:8080/cache/a", method="PUT", status=201),
            HttpStep(name="GET it back", url="http://127.0.0.1:8080/cache/a"),
        ),
        _test(
            "tests",
            "boot-reaches-login",
            "The console shows a login prompt within ten seconds.",
            "smoke console",
            ConsoleStep(name="login prompt", pattern="login:", timeout=10.0),
        ),
        _test(
            "tests",
            "copy-round-trip",
            "A file survives the way into the guest and back, byte by byte.",
            "files",
            CopyStep(name="into the guest", source="data/blob.bin", target="guest:/tmp/blob.bin"),
            _sh("same checksum", "sha256sum -c /tmp/blob.sha256"),
            CopyStep(name="back to the host", source="guest:/tmp/blob.bin", target="blob.bin"),
        ),
        _test(
            "tests",
            "devices-are-there",
            "Entropy, network and scratch disk answer.",
            "smoke devices",
            _sh("entropy", "cat /sys/class/misc/hw_random/rng_current"),
            _sh("network", "ip -o addr show eth0"),
            _sh("disk", "blkid /dev/vda"),
            _sh("clock", "date -u +%s"),
        ),
        _test(
            "tests",
            "memory-pressure",
            "A process that asks for too much is killed, the guest lives on.",
            "memory slow",
            _sh("ask for too much", "head -c 512M /dev/zero | tail"),
            ConsoleStep(name="the kernel says so", pattern="Out of memory"),
            memory=192,
        ),
    )


def registry(*, broken: bool = False) -> Registry:
    """Return the registry, with or without files that cannot be read."""
    services = {
        "cache": Service(
            name="cache",
            folder=ROOT / "cache",
            description="A small key-value store.",
            memory=64,
            ports={"main": 6380},
        ),
        "gateway": Service(
            name="gateway",
            folder=ROOT / "gateway",
            description="An HTTP gateway in front of everything.",
            memory=96,
            ports={"http": 8080, "admin": 8081},
        ),
    }
    problems = (
        Problem(
            severity=Severity.ERROR,
            file=ROOT / "mailer" / "test.toml",
            key="",
            line=7,
            message="not readable as TOML: expected '=' after a key",
            remedy="close the quote in line 6",
        ),
        Problem(
            severity=Severity.ERROR,
            file=ROOT / "gateway" / "test.toml",
            key="tests[3].steps[1].action",
            line=41,
            test="gateway-limits-rate",
            message="unknown action “http2”",
            remedy="did you mean “http”?",
        ),
        Problem(
            severity=Severity.ERROR,
            file=ROOT / "tests" / "search.toml",
            key="tests[0].steps[0].service",
            line=5,
            test="search-finds",
            message="there is no service “serach”",
            remedy="add registry/serach/service.toml, or name one of cache, gateway",
        ),
        Problem(
            severity=Severity.WARNING,
            file=ROOT / "cache" / "test.toml",
            key="tests[0].sumary",
            line=3,
            test="cache-evicts-oldest",
            message="unknown key “sumary”",
            remedy="did you mean “summary”?",
        ),
    )
    return Registry(root=ROOT, tests=_tests(), services=services, problems=problems if broken else ())


def results() -> dict[str, LastResult]:
    """Return how the tests ended before."""
    told = {
        "cache-evicts-oldest": (Outcome.PASSED, 6.4),
        "cache-survives-restart": (Outcome.PASSED, 9.1),
        "gateway-answers": (Outcome.PASSED, 4.2),
        "gateway-rejects-bad-token": (Outcome.FAILED, 5.8),
        "boot-reaches-login": (Outcome.PASSED, 2.6),
        "copy-round-trip": (Outcome.ERROR, 31.0),
        "devices-are-there": (Outcome.PASSED, 2.9),
        "memory-pressure": (Outcome.SKIPPED, 0.0),
    }
    return {
        name: LastResult(outcome=outcome, duration=duration, time=EPOCH - 5400.0, run="0141-calm-otter")
        for name, (outcome, duration) in told.items()
    }


@dataclass(slots=True)
class _Recorder:
    folder: Path
    happened: list[tuple[float, Event]] = field(default_factory=list)

    def at(self, mono: float, event: Event) -> None:
        self.happened.append((mono, event))

    def stamped(self) -> list[Stamped]:
        ordered = sorted(self.happened, key=lambda pair: pair[0])
        return [
            Stamped(seq=seq, time=EPOCH + mono, mono=mono, event=event)
            for seq, (mono, event) in enumerate(ordered, 1)
        ]


_BOOT = """\
Linux version 6.1.0-cloud-amd64 (gcc-12) #1 SMP PREEMPT_DYNAMIC
Command line: console=ttyS0 panic=-1 quiet tsc=reliable
Memory: 231016K/261752K available (14342K kernel code, 2335K rwdata)
clocksource: tsc: mask: 0xffffffffffffffff max_cycles: 0x2b3e459bf4c
virtio-mmio: Registering device virtio-mmio.0 at 0xfeb02a00
Freeing unused kernel image (initmem) memory: 2796K
Run /init as init process
\x1b[32m[  ok  ]\x1b[0m mounted /proc /sys /dev
\x1b[32m[  ok  ]\x1b[0m loaded virtio_net virtio_rng virtio_console
\x1b[32m[  ok  ]\x1b[0m eth0 10.0.2.15/24 by way of 10.0.2.2
\x1b[32m[  ok  ]\x1b[0m listening on port 22
machine ready
"""
_MORE = {
    "gateway-rejects-bad-token": """\
gateway[112]: reading /etc/gateway.toml
gateway[112]: listening on 127.0.0.1:8080
gateway[112]: \x1b[33mwarning\x1b[0m: token store is empty
gateway[112]: GET /private 401 in 3 ms
gateway[112]: \x1b[31merror\x1b[0m: wrote 112 bytes after the status line
""",
    "cache-survives-restart": """\
cache[109]: loaded 0 keys from /var/lib/cache
cache[109]: ready on port 6380
cache[109]: signal 15, writing 1 key
cache[131]: loaded 1 key from /var/lib/cache
""",
    "memory-pressure": """\
tail invoked oom-killer: gfp_mask=0x140dca, order=0
\x1b[31mOut of memory: Killed process 118 (tail)\x1b[0m total-vm:530112kB
""",
}


def _outputs(test: str, step: Step) -> list[tuple[str, str]]:
    if isinstance(step, HttpStep):
        return [("note", f"{step.method} {step.url}\n"), ("stdout", f"HTTP {step.status}\n")]
    if step.name == "nothing leaked":
        return [
            ("stdout", "-rw-r--r-- 1 root root 112 /tmp/body\n"),
            ("stderr", "the body is not empty\n"),
        ]
    if isinstance(step, AddStep):
        return [("stdout", f"copied 3 files\nstarted {step.service}, pid 112\n")]
    if step.name == "network":
        return [("stdout", "2: eth0    inet 10.0.2.15/24 scope global eth0\n")]
    return []


_BAD_STEP = ("gateway-rejects-bad-token", 3)
_DEAD = "memory-pressure"


def record(folder: Path, began: float = EPOCH) -> list[Stamped]:
    """Write consoles and outputs of a run below ``folder`` and return its events.

    One test fails and its machine is kept, one ends in an error, the others pass.

    Args:
        folder: The run's folder.
        began: When the consoles say that it began, in seconds since the epoch.
    """
    tests = _tests()
    recorder = _Recorder(folder)
    planned = tuple(
        PlannedTest(
            name=test.name,
            group=test.group,
            backend="microvm",
            memory=test.machine.memory or 256,
            cpus=1,
            steps=tuple(PlannedStep(action=step.action, name=step.name) for step in test.steps),
            tags=test.tags,
            summary=test.summary,
            file=str(test.file),
        )
        for test in tests
    )
    recorder.at(
        0.0,
        RunStarted(run=RUN, registry=str(ROOT), folder=str(folder), tests=planned, parallel=3, memory=2048),
    )
    free = [0.1, 0.2, 0.3]
    outcomes: list[Outcome] = []
    for number, test in enumerate(tests):
        recorder.at(0.05, MachinePhase(test=test.name, phase=Phase.WAITING))
        slot = free.index(min(free))
        free[slot], outcome = _record_test(recorder, folder, number, test, free[slot], began)
        outcomes.append(outcome)
    end = max(free) + 0.1
    recorder.at(
        end,
        RunFinished(
            run=RUN,
            passed=outcomes.count(Outcome.PASSED),
            failed=outcomes.count(Outcome.FAILED),
            errors=outcomes.count(Outcome.ERROR),
            skipped=outcomes.count(Outcome.SKIPPED),
            duration=end,
            kept=("m-41c9",),
        ),
    )
    return recorder.stamped()


def _record_test(
    recorder: _Recorder, folder: Path, number: int, test: Test, start: float, began: float
) -> tuple[float, Outcome]:
    name = test.name
    machine = f"m-{(0x3B11 + number * 0x1EE) & 0xFFFF:04x}" if name != _BAD_STEP[0] else "m-41c9"
    artifacts = f"tests/{name}/attempt-1"
    (folder / artifacts).mkdir(parents=True, exist_ok=True)
    console = folder / "machines" / machine / "console.log"
    console.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{line}\r\n".encode() for line in (_BOOT + _MORE.get(name, "")).splitlines()]
    times = Times()
    booting = _BOOT.count("\n")
    for count in range(len(lines) + 1):
        came = 1.6 * count / booting if count <= booting else 1.7 + 0.35 * (count - booting)
        times.note(sum(map(len, lines[:count])), count, int((began + start + came) * 1e6))
    for place in (console, folder / artifacts / "console.log"):
        place.write_bytes(b"".join(lines))
        beside(place).write_bytes(times.pack())
    recorder.at(start, TestStarted(test=name, attempt=1))
    recorder.at(start + 0.01, MachinePhase(test=name, phase=Phase.CREATING, machine=machine))
    recorder.at(
        start + 0.05,
        MachineCreated(
            test=name,
            machine=machine,
            backend="microvm",
            accel="tcg",
            image="tiny",
            cpus=1,
            memory=test.machine.memory or 256,
            console=str(console),
        ),
    )
    recorder.at(start + 0.06, MachinePhase(test=name, phase=Phase.BOOTING, machine=machine))
    now = start + 1.7
    recorder.at(now, MachinePhase(test=name, phase=Phase.READY, machine=machine))
    outcome, message, decided = Outcome.PASSED, "", None
    for index, step in enumerate(test.steps):
        command = step.run if isinstance(step, ShellStep) else ""
        took = 0.35 + 0.45 * ((number + index) % 4)
        recorder.at(
            now + 0.01,
            StepStarted(
                test=name,
                index=index,
                action=step.action,
                name=step.name,
                command=command,
                console=sum(map(len, lines[: booting + index])),
            ),
        )
        output = _outputs(name, step)
        for stream, text in output:
            recorder.at(now + took / 2, StepOutput(test=name, index=index, stream=stream, text=text))
        stem = f"{artifacts}/step-{index + 1:02}-{step.action}"
        for wanted in ("stderr", "stdout"):
            printed = "".join(text for stream, text in output if stream == wanted)
            if printed:
                (folder / f"{stem}.{wanted}").write_text(printed)
        step_message, code = "", 0
        if (name, index) == _BAD_STEP:
            outcome, decided, code = Outcome.FAILED, index, 1
            step_message = message = "exit code 1, expected 0"
        elif name == _DEAD and index == 0:
            outcome, decided = Outcome.ERROR, index
            step_message = message = "the machine died: its process ended with signal 9"
        step_outcome = outcome if decided == index else Outcome.PASSED
        now += took
        recorder.at(
            now,
            StepFinished(
                test=name,
                index=index,
                outcome=step_outcome,
                duration=took,
                message=step_message,
                exit_code=code if isinstance(step, ShellStep) else None,
                output=f"{stem}.stdout" if output else "",
            ),
        )
        if decided is not None:
            break
    if outcome is Outcome.FAILED:
        recorder.at(
            now + 0.05,
            MachineKept(
                test=name,
                machine=machine,
                reason="the test failed",
                command="vmbench shell m-41c9",
            ),
        )
        recorder.at(now + 0.06, MachinePhase(test=name, phase=Phase.KEPT, machine=machine))
    else:
        recorder.at(now + 0.05, MachinePhase(test=name, phase=Phase.STOPPING, machine=machine))
        recorder.at(now + 0.15, MachinePhase(test=name, phase=Phase.REMOVED, machine=machine))
    recorder.at(
        now + 0.2,
        TestFinished(
            test=name,
            outcome=outcome,
            duration=now + 0.2 - start,
            message=message,
            step=decided,
            machine=machine,
            artifacts=f"tests/{name}",
            console_tail=_MORE.get(name, "") if outcome is Outcome.ERROR else "",
        ),
    )
    return now + 0.25, outcome


def house() -> House:
    """Return what the workbench shows beside the recorded run."""
    home = Path("/home/ada")
    paths = Paths(
        cache=home / ".cache/vmbench", state=home / ".local/state/vmbench", config=home / ".config/vmbench"
    )
    location = Location(kind=Kind.REGISTRY, root=ROOT)
    desk = SettingsDesk(paths, location, environ={"VMBENCH_PARALLEL": "3"})
    return House(settings=desk)
