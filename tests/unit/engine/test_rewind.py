from __future__ import annotations

import asyncio
import shlex
import subprocess

import pytest

from app.engine.engine import Engine
from app.engine.events import MachinePhase, Phase
from app.engine.rewind import RewindError
from backends.base import BackendError, MachineState
from registry.model import AddStep, HttpStep, Keep
from tests.engine_bench import Bench
from tests.fakes import FakeMachine, Reply, Script, make_registry, make_service, make_test, shell

STEPS = (shell("one"), shell("two"), shell("three"), shell("four"))


async def write(machine: FakeMachine) -> Reply:
    machine.files["/mark"] = b"made by step two"
    return Reply()


FAILING = Script(commands={"two": write, "three": Reply(exit_code=1, stderr=b"no luck\n")})


def with_registry(bench: Bench, registry) -> Engine:
    """Let the engine load this registry, as vmbench does before anything else."""
    bench.engine._load = lambda: registry
    bench.engine.load()
    return bench.engine


async def failed(bench: Bench, *steps, name: str = "t", **options: object):
    registry = make_registry(make_test(name, *(steps or STEPS)))
    engine = with_registry(bench, registry)
    done = await bench.run(registry, {name: FAILING}, **({"checkpoints": True} | options))
    return engine, done


async def test_a_failed_test_is_rewound_to_before_its_failing_step(bench):
    engine, done = await failed(bench)
    phases: list[tuple[str, str]] = []
    rewound = await engine.rewind("t", on_phase=lambda *said: phases.append(said))
    assert (rewound.test, rewound.run, rewound.index, rewound.number) == ("t", done.run.id, 2, 3)
    assert (rewound.action, rewound.command) == ("shell", "three")
    assert rewound.message == "exited with 1: no luck"
    assert rewound.snapshot == f"ck.{done.run.id}.t.2"
    machine = rewound.machine
    assert isinstance(machine, FakeMachine)
    assert machine.state is MachineState.RUNNING
    assert machine.kept == "rewound to t before step 3"
    assert machine.files["/mark"] == b"made by step two"
    assert ("booting", f"fork of {rewound.snapshot}") in phases


async def test_any_step_with_a_checkpoint_can_be_rewound_to_as_often_as_wanted(bench):
    engine, _ = await failed(bench)
    first, again = await engine.rewind("t", 2), await engine.rewind("t", 2)
    assert first.machine.id != again.machine.id
    assert (first.command, "/mark" in first.machine.files) == ("two", False)


async def test_the_steps_command_is_ready_to_run_in_the_guest(bench):
    service = make_service(env={"WORD": "it's $HOME"})
    test = make_test("t", AddStep(name="add web", service="web"), shell('printf %s "$WORD"; exit 3'))
    registry = make_registry(test, services=(service,))
    engine = with_registry(bench, registry)
    script = Script(commands={'printf %s "$WORD"; exit 3': Reply(exit_code=3)})
    await bench.run(registry, {"t": script}, checkpoints=True)
    rewound = await engine.rewind("t")
    assert rewound.typed == "sh /tmp/vmbench-step-2.sh"
    text = rewound.machine.files[shlex.split(rewound.typed)[1]]
    ran = await asyncio.to_thread(subprocess.run, ["sh"], input=text, capture_output=True, check=False)
    assert (ran.returncode, ran.stdout) == (3, b"it's $HOME")


async def test_adding_a_service_can_be_run_again_too(bench):
    service = make_service(install="echo $VMBENCH_ARGS", start="up")
    registry = make_registry(
        make_test("t", AddStep(name="add web", service="web", args="--fast")), services=(service,)
    )
    engine = with_registry(bench, registry)
    await bench.run(registry, {"t": Script(commands={"up": Reply(exit_code=1)})}, checkpoints=True)
    rewound = await engine.rewind("t")
    text = rewound.machine.files["/tmp/vmbench-step-1.sh"].decode()
    assert "export VMBENCH_ARGS=--fast\n" in text
    assert text.endswith("echo $VMBENCH_ARGS\nup\n")


async def test_a_step_that_does_not_run_in_the_guest_has_nothing_to_type(bench):
    step = HttpStep(name="get", url="http://127.0.0.1:1/")
    engine, _ = await failed(bench, step)
    rewound = await engine.rewind("t")
    assert (rewound.typed, rewound.command) == ("", "GET http://127.0.0.1:1/")


async def test_a_test_that_the_registry_lost_can_still_be_rewound(bench):
    engine, _ = await failed(bench)
    with_registry(bench, make_registry())
    rewound = await engine.rewind("t")
    assert (rewound.command, rewound.typed) == ("three", "")


async def test_tomorrows_vmbench_rewinds_as_well(bench, tmp_path):
    await failed(bench)
    await bench.engine.close()
    later = Engine(
        lambda: make_registry(make_test("t", *STEPS)),
        {"fake": bench.backend},
        "fake",
        tmp_path / "runs",
        tmp_path / "state",
        snapshots=bench.backend.snapshots,
        available=lambda: 1 << 20,
    )
    rewound = await later.rewind("t")
    assert (rewound.number, rewound.typed) == (3, "sh /tmp/vmbench-step-3.sh")
    await later.close()


async def test_rewind_says_why_it_cannot(bench):
    engine, _ = await failed(bench)
    with pytest.raises(RewindError, match="no test called 'tt' was run") as info:
        await engine.rewind("tt")
    assert info.value.remedy == "did you mean t?"
    with pytest.raises(RewindError, match="no checkpoint before step 4") as info:
        await engine.rewind("t", 4)
    assert info.value.remedy == "there is one before step 1, 2, 3: vmbench rewind t --step 3"
    with pytest.raises(RewindError, match="t has no step 9") as info:
        await engine.rewind("t", 9)
    assert info.value.remedy == "give a number from 1 to 4"


async def test_rewind_of_a_test_without_checkpoints_says_how_to_get_them(bench):
    engine, done = await failed(bench, checkpoints=False)
    with pytest.raises(RewindError, match="was run without checkpoints the last time") as info:
        await engine.rewind("t")
    assert info.value.remedy == "vmbench run --checkpoints t"
    bench.backend.scripts["t"] = Script()
    await bench.run(make_registry(make_test("t", *STEPS)), checkpoints=True)
    with pytest.raises(RewindError, match="passed the last time"):
        await engine.rewind("t")
    assert done.run.folder.exists()


async def test_checkpoints_that_were_removed_meanwhile_are_missed_with_a_word(bench):
    engine, _ = await failed(bench)
    for record in bench.backend.snapshots.records():
        bench.backend.snapshots.remove(record.name)
    with pytest.raises(RewindError, match="has no checkpoints left"):
        await engine.rewind("t")


async def test_a_damaged_checkpoint_is_not_trusted(bench):
    engine, done = await failed(bench)
    (bench.backend.snapshots.folder(f"ck.{done.run.id}.t.2") / "state").write_text("{}  ")
    with pytest.raises(BackendError, match="damaged"):
        await engine.rewind("t")


async def test_a_guest_that_panicked_is_rewound_to_the_last_moment_there_is(bench):
    async def panic(machine: FakeMachine) -> Reply:
        machine.say("[    3.1] Kernel panic - not syncing: Attempted to kill init!\n")
        machine.die()
        return Reply()

    registry = make_registry(make_test("t", shell("one"), shell("two")))
    engine = with_registry(bench, registry)
    await bench.run(registry, {"t": Script(commands={"two": panic})}, checkpoints=True)
    assert (await engine.rewind("t")).number == 2


async def test_a_machine_that_does_not_come_up_is_not_left_behind(bench):
    async def broken(machine: FakeMachine) -> None:
        if machine.origin:
            machine.die("no")

    engine, _ = await failed(bench)
    bench.backend.scripts["t"].boot = broken
    with pytest.raises(BackendError, match="died: no"):
        await engine.rewind("t")
    assert not bench.backend.live
    bench.backend.scripts["t"].boot = None


async def test_a_ready_machine_says_what_it_came_from(bench):
    registry = make_registry(make_test("t"))

    async def origin() -> str:
        done = await bench.run(registry)
        return next(e.origin for e in done.of(MachinePhase) if e.phase is Phase.READY)

    assert await origin() == "boot"
    bench.backend.boot_detail = "fork of a template, fake"
    assert await origin() == "fork"


async def test_cold_is_handed_to_the_backend(bench):
    await bench.run(make_registry(make_test("t")), cold=True)
    await bench.run(make_registry(make_test("t")))
    assert [m.request.cold for m in bench.backend.machines] == [True, False]


async def test_a_kept_machine_is_let_go_of_and_can_be_taken_up(bench):
    registry = make_registry(make_test("t", shell("three")))
    await bench.run(registry, {"t": FAILING}, keep=Keep.ON_FAILURE)
    (machine,) = bench.backend.machines
    assert machine.released
    assert await bench.engine.adopt(machine.id) is machine
    with pytest.raises(BackendError, match="no machine is called"):
        await bench.engine.adopt("nobody")
