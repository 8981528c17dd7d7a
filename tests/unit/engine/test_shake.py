from __future__ import annotations

import pytest

from app.engine.checkpoints import checkpoint_name
from app.engine.events import CheckpointSaved, MachineCreated, Outcome, RunStarted, ShakeFinished
from app.engine.plan import PlanError
from app.engine.rewind import RewindError
from app.engine.state import RunState
from backends.snapshots import SnapshotError
from registry.model import AddStep, ConsoleStep, WaitStep
from tests.fakes import (
    FakeMachine,
    Gate,
    Meeting,
    Reply,
    Script,
    make_registry,
    make_service,
    make_test,
    shell,
)


def flaky(*failing: int):
    """A command that fails in the forks with these numbers."""

    async def act(machine: FakeMachine) -> Reply:
        number = machine.request.label.rpartition("#")[2]
        failed = number.isdigit() and int(number) in failing
        return Reply(exit_code=int(failed), stderr=b"out of luck\n")

    return act


STEPS = (shell("one"), shell("two"), shell("three"))


async def test_the_rest_of_the_test_runs_in_every_fork(bench):
    script = Script(commands={"two": flaky(2, 5)})
    done = await bench.run(make_registry(make_test("t", *STEPS)), {"t": script}, shake=6, shake_step=2)
    (started,) = done.of(RunStarted)
    assert [p.name for p in started.tests] == ["t#setup", *(f"t#{n}" for n in range(1, 7))]
    assert [[s.name for s in p.steps] for p in started.tests[:2]] == [["one"], ["two", "three"]]
    assert {p.shaken for p in started.tests[1:]} == {"t"}
    setup, *forks = bench.backend.machines
    assert [c for c, _ in setup.execs] == ["one"]
    assert {m.origin for m in forks} == {checkpoint_name(done.run.id, "t#setup", 1)}
    assert sorted(m.request.label for m in forks) == [f"t#{n}" for n in range(1, 7)]
    assert {n for n, o in done.outcomes.items() if o == "failed"} == {"t#2", "t#5"}
    assert {e.origin for e in done.of(MachineCreated) if e.test != "t#setup"} == {"checkpoint"}


async def test_a_shake_ends_with_how_often_it_failed_and_with_what(bench):
    script = Script(commands={"two": flaky(2, 5), "three": flaky(4)})
    done = await bench.run(make_registry(make_test("t", *STEPS)), {"t": script}, shake=6, shake_step=2)
    (shaken,) = done.of(ShakeFinished)
    assert shaken.verdict == "3 of 6 failed"
    assert (shaken.passed, shaken.failed, shaken.errors, shaken.skipped) == (3, 3, 0, 0)
    assert shaken.causes == (
        "2 times step 2 (two): exited with 1: out of luck",
        "once step 3 (three): exited with 1: out of luck",
    )
    state = RunState()
    state.apply_all(done.stamped)
    assert state.shaken == {"t": shaken}


async def test_the_forks_see_what_the_set_up_made_and_its_variables(bench):
    async def note(machine: FakeMachine) -> Reply:
        machine.files["/made"] = b"by the set-up"
        return Reply()

    service = make_service(env={"WORD": "x"}, start="up")
    test = make_test("t", AddStep(name="add", service="web"), shell("go"))
    await bench.run(make_registry(test, services=(service,)), {"t": Script(commands={"up": note})}, shake=2)
    _, *forks = bench.backend.machines
    for machine in forks:
        assert machine.files["/made"] == b"by the set-up"
        ((command, env),) = machine.execs
        assert (command, env["WORD"], env["VMBENCH_TEST"]) == ("go", "x", "t")


async def test_by_default_the_forks_part_after_the_set_up_steps(bench):
    service = make_service()
    test = make_test(
        "t",
        AddStep(name="add", service="web"),
        WaitStep(name="wait", service="web"),
        shell("go"),
        shell("on"),
    )
    done = await bench.run(make_registry(test, services=(service,)), shake=1)
    (started,) = done.of(RunStarted)
    assert [[s.action for s in p.steps] for p in started.tests] == [["add", "wait"], ["shell", "shell"]]


async def test_a_test_without_set_up_steps_is_shaken_from_its_boot_on(bench):
    done = await bench.run(make_registry(make_test("t", *STEPS)), shake=2)
    assert done.outcomes == {"t#setup": "passed", "t#1": "passed", "t#2": "passed"}


async def test_when_all_forks_passed_the_checkpoint_goes(bench):
    done = await bench.run(make_registry(make_test("t", *STEPS)), shake=3)
    assert len(done.of(CheckpointSaved)) == 1
    assert bench.backend.snapshots.records() == []
    assert done.of(ShakeFinished)[0].verdict == "0 of 3 failed"


async def test_a_failed_fork_can_be_rewound_to_where_the_forks_parted(bench):
    registry = make_registry(make_test("t", *STEPS))
    bench.engine._load = lambda: registry
    bench.engine.load()
    await bench.run(registry, {"t": Script(commands={"two": flaky(1)})}, shake=2, shake_step=2)
    rewound = await bench.engine.rewind("t#1")
    assert (rewound.number, rewound.command) == (1, "two")
    assert rewound.machine.files["/tmp/vmbench-step-1.sh"].decode().startswith("# Step 2 of t,")
    with pytest.raises(RewindError):
        await bench.engine.rewind("t#1", 2)


async def test_with_checkpoints_any_step_of_a_failed_fork_can_be_rewound_to(bench):
    registry = make_registry(make_test("t", *STEPS))
    await bench.run(
        registry, {"t": Script(commands={"three": flaky(1)})}, shake=2, shake_step=2, checkpoints=True
    )
    bench.engine._load = lambda: registry
    bench.engine.load()
    assert (await bench.engine.rewind("t#1")).command == "three"


async def test_a_set_up_that_fails_skips_the_forks(bench):
    script = Script(commands={"one": Reply(exit_code=1)})
    done = await bench.run(make_registry(make_test("t", *STEPS)), {"t": script}, shake=3, shake_step=2)
    assert done.outcomes == {"t#setup": "failed", "t#1": "skipped", "t#2": "skipped", "t#3": "skipped"}
    assert done.of(ShakeFinished)[0].verdict == "no fork ran"


async def test_a_checkpoint_that_cannot_be_saved_ends_the_set_up_in_an_error(bench):
    async def full(machine: FakeMachine) -> None:
        raise SnapshotError("the disk is full")

    done = await bench.run(make_registry(make_test("t", *STEPS)), {"t": Script(save=full)}, shake=2)
    assert done.result("t#setup").outcome is Outcome.ERROR
    assert done.result("t#setup").message == "the disk is full"


async def test_forks_share_the_pool(bench):
    script = Script(commands={"two": Meeting(3)})
    await bench.run(make_registry(make_test("t", *STEPS)), {"t": script}, shake=6, shake_step=2, parallel=3)
    assert bench.backend.peak == 3


async def test_a_cancelled_shake_removes_its_machines_and_its_checkpoint(bench):
    gate = Gate()
    bench.backend.scripts["t"] = Script(commands={"two": gate})
    run = await bench.start(make_registry(make_test("t", *STEPS)), shake=4, shake_step=2, parallel=2)
    await gate.reached.wait()
    run.cancel()
    await run.wait()
    assert not bench.backend.live
    assert bench.backend.snapshots.records() == []


async def test_a_retry_does_not_hide_a_failing_fork(bench):
    script = Script(commands={"one": flaky(1)})
    done = await bench.run(make_registry(make_test("t", *STEPS, retries=3)), {"t": script}, shake=2)
    assert done.outcomes["t#1"] == "failed"


async def test_what_a_shaken_test_depends_on_runs_once_before(bench):
    registry = make_registry(make_test("base"), make_test("t", *STEPS, depends_on=("base",)))
    done = await bench.run(registry, names=("t",), shake=2)
    assert list(done.outcomes)[:2] == ["base", "t#setup"]
    assert len(done.outcomes) == 4


async def test_a_console_step_of_a_fork_finds_what_was_said_before(bench):
    async def speak(machine: FakeMachine) -> Reply:
        machine.say("hello from the set-up\n")
        return Reply()

    test = make_test(
        "t", shell("one"), ConsoleStep(name="see", pattern="hello from", since="boot", timeout=2)
    )
    done = await bench.run(make_registry(test), {"t": Script(commands={"one": speak})}, shake=2, shake_step=2)
    assert set(done.outcomes.values()) == {"passed"}


@pytest.mark.parametrize(
    ("forks", "step", "message"),
    [(0, None, "shaken 0 times"), (5000, None, "shaken 5000 times"), (2, 4, "has no step 4")],
)
async def test_numbers_that_make_no_sense_are_refused(bench, forks, step, message):
    with pytest.raises(PlanError, match=message):
        await bench.start(make_registry(make_test("t", *STEPS)), shake=forks, shake_step=step)
