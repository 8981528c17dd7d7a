"""Checkpoints, rewind and shaken tests on real microVMs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from app.engine.api import RunOptions
from app.engine.engine import Engine
from app.engine.events import (
    CheckpointSaved,
    CheckpointsRemoved,
    MachinePhase,
    Notice,
    Phase,
    ShakeFinished,
    StepFinished,
)
from app.engine.state import RunState
from backends.base import MachineState
from backends.qemu.backend import QemuBackend
from backends.snapshots import SnapshotStore
from backends.store import MachineStore
from registry.model import AddStep, ConsoleStep, MachineSpec, RebootStep, Registry
from tests.engine_bench import Done, finished
from tests.fakes import make_registry, make_service, make_test, shell

MEMORY = 256


class Workshop:
    """An engine on real machines, and the registry that it loads."""

    def __init__(self, backends: Mapping[str, QemuBackend], snapshots: SnapshotStore, state: Path) -> None:
        self.registry = make_registry()
        self.snapshots = snapshots
        self.engine = Engine(
            lambda: self.registry, backends, "microvm", state / "runs", state, snapshots=snapshots
        )

    async def run(self, registry: Registry, **options: object) -> Done:
        self.registry = registry
        self.engine.load()
        return await finished(await self.engine.start(registry, RunOptions(**options)))


@pytest.fixture
async def workshop(
    backends: Mapping[str, QemuBackend], snapshots: SnapshotStore, tmp_path: Path
) -> AsyncIterator[Workshop]:
    made = Workshop(backends, snapshots, tmp_path / "state")
    yield made
    await made.engine.close()


def real(name: str, *steps, **options):
    return make_test(name, *steps, memory=MEMORY, **options)


async def test_a_failed_test_is_taken_back_to_before_its_failing_step(
    workshop: Workshop, machine_store: MachineStore
):
    service = make_service(env={"GREETING": "it's here"}, start="echo started >/tmp/service")
    failing = 'echo broken >/tmp/mark; test "$GREETING" = "it\'s fixed"'
    test = real(
        "t",
        AddStep(name="add", service="web"),
        shell("echo whole >/tmp/mark; sleep 300 & echo $! >/tmp/pid"),
        shell(failing),
    )
    done = await workshop.run(make_registry(test, services=(service,)), checkpoints=True)
    assert done.outcomes == {"t": "failed"}
    assert [s.index for s in done.of(CheckpointSaved)] == [0, 1, 2]
    assert not done.of(Notice)
    assert machine_store.records() == []

    rewound = await workshop.engine.rewind("t")
    machine = rewound.machine
    try:
        assert (rewound.number, rewound.command) == (3, failing)
        assert (machine.state, machine_store.find(machine.id).keep) == (MachineState.RUNNING, True)
        # Files and processes are those of the moment before the step.
        seen = await machine.exec("cat /tmp/mark /tmp/service && kill -0 $(cat /tmp/pid) && echo alive")
        assert seen.stdout == b"whole\nstarted\nalive\n"
        # What is typed does what the step did, with the variables that it saw.
        again = await machine.exec(rewound.typed)
        assert again.exit_code == 1
        assert (await machine.exec("cat /tmp/mark")).stdout == b"broken\n"
    finally:
        await machine.remove()

    # The checkpoint is as good as before: what one fork does is not seen by the next one.
    earlier = await workshop.engine.rewind("t", 2)
    try:
        assert not (await earlier.machine.exec("test -e /tmp/mark")).ok
    finally:
        await earlier.machine.remove()
    assert machine_store.records() == []


async def test_a_rewound_machine_can_be_typed_at_and_outlives_its_maker(
    workshop: Workshop, machine_store: MachineStore
):
    await workshop.run(make_registry(real("t", shell("echo it ran >&2; exit 7"))), checkpoints=True)
    rewound = await workshop.engine.rewind("t")
    terminal = await rewound.machine.terminal()
    try:
        terminal.write(f"{rewound.typed}; echo code=$?\n".encode())
        seen = b""
        while b"code=7" not in seen:
            data = await terminal.read()
            assert data, seen
            seen += data
        assert b"it ran" in seen
    finally:
        await terminal.close()
    await rewound.machine.release()
    adopted = await workshop.engine.adopt(rewound.machine.id)
    try:
        assert (await adopted.exec("echo still here")).stdout == b"still here\n"
    finally:
        await adopted.remove()
    assert machine_store.records() == []


async def test_steps_go_on_as_if_no_checkpoint_had_been_saved(workshop: Workshop):
    slow = "for i in 1 2 3 4 5 6 7 8; do echo $i >>/tmp/count; sleep 0.2; done"
    test = real(
        "t",
        shell(f"({slow}) & head -c 20M /dev/urandom >/tmp/blob; md5sum /tmp/blob >/tmp/sum"),
        shell("md5sum -c /tmp/sum"),
        shell("sleep 2; test $(wc -l </tmp/count) = 8"),
        RebootStep(name="reboot"),
        shell("! test -e /tmp/blob"),
    )
    done = await workshop.run(make_registry(test), checkpoints=True)
    assert done.outcomes == {"t": "passed"}
    assert [s.index for s in done.of(CheckpointSaved)] == [0, 1, 2, 3, 4]
    assert [e.reason for e in done.of(CheckpointsRemoved)] == ["passed"]
    assert workshop.snapshots.records() == []
    state = RunState()
    state.apply_all(done.stamped)
    assert state.checkpoint_cost().seconds > 0


async def test_checkpoints_hold_the_scratch_disk_too(workshop: Workshop, machine_store: MachineStore):
    steps = (
        shell("D=$(ls -d /dev/vda); printf first | dd of=$D bs=512 conv=sync,fsync 2>/dev/null"),
        shell("printf other | dd of=/dev/vda bs=512 conv=sync,fsync 2>/dev/null; false"),
    )
    test = make_test("t", *steps, machine=MachineSpec(memory=MEMORY, disk=64))
    await workshop.run(make_registry(test), checkpoints=True)
    rewound = await workshop.engine.rewind("t")
    try:
        seen = await rewound.machine.exec("head -c 5 /dev/vda")
        assert seen.stdout == b"first"
    finally:
        await rewound.machine.remove()


async def test_a_flaky_test_is_shaken(workshop: Workshop, machine_store: MachineStore):
    # Flaky by what the guest's random pool says, which forks must not share.
    test = real(
        "t",
        shell("date +%s >/tmp/began; echo hello >/dev/console"),
        shell("od -An -N8 -tx8 /dev/urandom"),
        shell("test $(($(od -An -N1 -tu1 /dev/urandom) % 2)) = 0"),
        ConsoleStep(name="console", pattern="hello"),
    )
    done = await workshop.run(make_registry(test), shake=6, shake_step=2, parallel=3)
    (shaken,) = done.of(ShakeFinished)
    assert (shaken.forks, shaken.errors, shaken.skipped) == (6, 0, 0)
    assert shaken.passed + shaken.failed == 6
    said = {
        (done.run.folder / e.output).read_text()
        for e in done.of(StepFinished)
        if e.test != "t#setup" and e.index == 0
    }
    assert len(said) == 6
    origins = {e.test: e.origin for e in done.of(MachinePhase) if e.phase is Phase.READY}
    assert origins.pop("t#setup") in ("boot", "fork")
    assert set(origins.values()) == {"checkpoint"}
    assert machine_store.records() == []
    if shaken.failed:
        failed = next(n for n, o in done.outcomes.items() if o == "failed")
        rewound = await workshop.engine.rewind(failed)
        try:
            assert (await rewound.machine.exec("test -s /tmp/began")).ok
        finally:
            await rewound.machine.remove()
    else:
        assert workshop.snapshots.records() == []


async def test_a_cold_run_boots_though_a_template_is_there(workshop: Workshop):
    registry = make_registry(real("t"))

    async def origin(**options: object) -> str:
        done = await workshop.run(registry, **options)
        return next(e.origin for e in done.of(MachinePhase) if e.phase is Phase.READY)

    assert await origin() == "fork"
    assert await origin(cold=True) == "boot"
