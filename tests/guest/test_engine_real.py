"""The engine on real microVMs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from app.engine.api import RunOptions
from app.engine.engine import Engine
from app.engine.events import MachineKept, MachinePhase, Phase, StepFinished, StepStarted
from backends.qemu.backend import QemuBackend
from backends.store import MachineStore
from registry.model import (
    AddStep,
    ConsoleStep,
    CopyStep,
    HttpStep,
    Keep,
    MachineSpec,
    Poll,
    ReadyCheck,
    RebootStep,
    RemoveStep,
    Service,
    ServiceCommand,
    ServiceFile,
    ShellStep,
    WaitStep,
)
from tests.engine_bench import Done, finished
from tests.fakes import make_registry, make_test, shell

MEMORY = 256


@pytest.fixture
async def engine(backends: Mapping[str, QemuBackend], tmp_path: Path) -> AsyncIterator[Engine]:
    made = Engine(make_registry, backends, "microvm", tmp_path / "runs", tmp_path / "state")
    yield made
    await made.close()


def real(name: str, *steps, **options):
    return make_test(name, *steps, memory=MEMORY, **options)


def most_at_once(done: Done) -> int:
    """Return how many machines were up together, from their boot to their end."""
    up, most = set(), 0
    for event in done.of(MachinePhase):
        if event.phase is Phase.BOOTING:
            up.add(event.test)
        elif event.phase is Phase.STOPPING:
            up.discard(event.test)
        most = max(most, len(up))
    return most


async def test_every_kind_of_end_on_real_machines(engine: Engine, machine_store: MachineStore):
    registry = make_registry(
        real("passes", shell("uname -s; echo $VMBENCH_TEST")),
        real("fails", shell("echo oh no >&2; exit 3"), shell("never")),
        real("hangs", shell("sleep 60", timeout=1.0)),
        real("panics", ShellStep(name="crash", run="echo c >/proc/sysrq-trigger; sleep 60")),
        real("goes-away", shell("(sleep 0.2; poweroff -f) & sleep 60")),
        real("hogs", shell("tail /dev/zero || true", timeout=120)),
    )
    done = await finished(await engine.start(registry, RunOptions(parallel=3)))
    assert done.outcomes == {
        "passes": "passed",
        "fails": "failed",
        "hangs": "failed",
        "panics": "error",
        "goes-away": "error",
        "hogs": "failed",
    }
    output = done.run.folder / done.of(StepFinished, "passes")[0].output
    assert output.read_text() == "Linux\npasses\n"
    assert done.result("fails").message == "exited with 3: oh no"
    assert done.result("hangs").message == "timed out after 1s"
    assert done.result("panics").message.startswith("guest panicked: ")
    assert "Kernel panic" in done.result("panics").console_tail
    assert "switched off from inside" in done.result("goes-away").message
    assert "oom" in done.result("hogs").message
    assert machine_store.records() == []
    console = done.run.folder / done.result("panics").artifacts / "attempt-1" / "console.log"
    assert b"sysrq" in console.read_bytes()


async def test_every_action_on_a_real_machine(engine: Engine, tmp_path: Path):
    page = tmp_path / "index.html"
    page.write_text("hello from the guest\n")
    web = Service(
        name="web",
        folder=tmp_path,
        files=(ServiceFile(source=page, target="/srv/www/index.html", mode=0o640),),
        start=ServiceCommand(run="httpd -p 8080 -h /srv/www", timeout=60),
        stop=ServiceCommand(run="kill $(pidof httpd)", timeout=60),
        ready=ReadyCheck(tcp=8080),
        ports={"http": 8080},
    )
    by_http = Service(name="by-http", folder=tmp_path, ready=ReadyCheck(http="http://localhost:8080/"))
    test = real(
        "all",
        AddStep(name="add", service="web"),
        WaitStep(name="wait", service="web"),
        WaitStep(name="wait", service="by-http"),
        HttpStep(name="get", url="http://127.0.0.1:$VMBENCH_PORT_HTTP/"),
        HttpStep(name="missing", url="http://localhost:8080/nothing", status=404),
        shell("test $(stat -c %a /srv/www/index.html) = 640"),
        shell("echo wrote-this >/dev/console"),
        ConsoleStep(name="console", pattern="wrote-this"),
        CopyStep(name="in", source="index.html", target="guest:/data/copy"),
        RemoveStep(name="remove", service="web"),
        shell("! test -e /srv/www/index.html"),
        shell("! pidof httpd", poll=Poll(interval=0.2, attempts=20)),
        RebootStep(name="reboot"),
        CopyStep(name="out", source="guest:/data/copy", target="back.html"),
        file=tmp_path / "t.toml",
        machine=MachineSpec(memory=MEMORY, disk=64),
    )
    done = await finished(await engine.start(make_registry(test, services=(web, by_http)), RunOptions()))
    assert [(s.index, s.message) for s in done.of(StepFinished) if s.outcome != "passed"] == []
    assert done.outcomes == {"all": "passed"}
    back = done.run.folder / done.result("all").artifacts / "attempt-1" / "back.html"
    assert back.read_text() == "hello from the guest\n"


async def test_four_machines_run_side_by_side_and_leave_nothing(engine: Engine, machine_store: MachineStore):
    registry = make_registry(*(real(f"t{n}", shell("cat /proc/uptime")) for n in range(4)))
    done = await finished(await engine.start(registry, RunOptions(parallel=4)))
    assert done.summary.passed == 4
    assert most_at_once(done) == 4
    assert list(machine_store.root.glob("[a-z]*-*")) == []


async def test_a_failed_test_leaves_its_machine_if_asked(engine: Engine, machine_store: MachineStore):
    registry = make_registry(real("t", shell("false"), keep=Keep.ON_FAILURE))
    done = await finished(await engine.start(registry, RunOptions()))
    (kept,) = done.of(MachineKept)
    (record,) = machine_store.records()
    try:
        assert (record.id, record.keep, record.state) == (kept.machine, True, "running")
        assert kept.command == f"vmbench shell {record.id}"
        assert done.summary.kept == (record.id,)
    finally:
        machine_store.remove(record.id)


async def test_cancelling_ends_a_boot_and_a_command_and_leaves_nothing(
    engine: Engine, machine_store: MachineStore
):
    registry = make_registry(*(real(f"t{n}", shell("sleep 300", timeout=300)) for n in range(3)))
    run = await engine.start(registry, RunOptions(parallel=2))
    async for stamped in run.follow():
        if isinstance(stamped.event, StepStarted):
            run.cancel()
    done = await finished(run)
    assert set(done.outcomes.values()) == {"skipped"}
    assert done.summary.cancelled
    assert machine_store.records() == []
