"""Runs that begin later than at the first step, and wishes about machines while a test runs."""

from __future__ import annotations

import asyncio

import pytest

from app.engine.checkpoints import checkpoint_name
from app.engine.events import KeepWished, MachineCreated, MachineKept, Notice, RunStarted, StepStarted
from app.engine.plan import PlanError
from app.engine.state import RunState
from backends.wishes import wish
from registry.model import AddStep, Keep
from tests.fakes import FakeMachine, Gate, Reply, Script, make_registry, make_service, make_test, shell

BAD = {"t": Script(commands={"two": Reply(exit_code=1)})}
WEB = (make_service("web", ready=None),)


def with_set_up(*steps, **options):
    return make_registry(
        make_test("t", AddStep(name="add web", service="web"), *steps, **options), services=WEB
    )


def commands(machine: FakeMachine) -> list[str]:
    return [command for command, _ in machine.execs]


async def test_a_test_runs_from_a_step_in_a_fork_of_its_checkpoint(bench):
    registry = make_registry(make_test("t", shell("one"), shell("two"), shell("three")))
    first = await bench.run(registry, BAD, checkpoints=True)
    second = await bench.run(registry, {"t": Script()}, names=("t",), from_step=2)
    assert second.outcomes == {"t": "passed"}
    (started,) = second.of(RunStarted)
    assert [p.first for p in started.tests] == [1]
    assert [s.name for s in started.tests[0].steps] == ["one", "two", "three"]
    assert [e.index for e in second.of(StepStarted)] == [1, 2]
    assert [e.origin for e in second.of(MachineCreated)] == ["checkpoint"]
    machine = bench.backend.machines[-1]
    assert machine.origin == checkpoint_name(first.run.id, "t", 1)
    assert commands(machine) == ["two", "three"]
    # The checkpoint that it began from outlives the pass, for the next edit.
    third = await bench.run(registry, names=("t",), from_step=2)
    assert third.outcomes == {"t": "passed"}
    assert not bench.engine._checkpoints.held


async def test_a_step_without_checkpoint_says_where_it_can_begin(bench):
    registry = make_registry(
        make_test("t", shell("one"), shell("two"), shell("three")), make_test("u", shell())
    )
    await bench.run(registry, BAD, names=("t",), checkpoints=True)
    with pytest.raises(PlanError, match="cannot begin at step 3") as raised:
        await bench.run(registry, names=("t",), from_step=3)
    assert raised.value.remedy == "it can begin at step 1, 2"
    with pytest.raises(PlanError, match="no step 9"):
        await bench.run(registry, names=("t",), from_step=9)
    with pytest.raises(PlanError, match="2 are selected"):
        await bench.run(registry, from_step=2)


async def test_a_change_before_the_step_is_refused_and_one_after_it_is_taken(bench):
    registry = make_registry(make_test("t", shell("one"), shell("two")))
    await bench.run(registry, BAD, checkpoints=True)
    changed = make_registry(make_test("t", shell("other"), shell("two")))
    with pytest.raises(PlanError, match="step 1 was changed since"):
        await bench.run(changed, names=("t",), from_step=2)
    mended = make_registry(make_test("t", shell("one"), shell("better"), shell("more")))
    done = await bench.run(mended, {"t": Script()}, names=("t",), from_step=2)
    assert done.outcomes == {"t": "passed"}
    assert commands(bench.backend.machines[-1]) == ["better", "more"]


async def test_a_retest_leaves_a_checkpoint_and_begins_from_it_the_next_time(bench):
    registry = with_set_up(shell("one"), shell("two"))
    first = await bench.run(registry, {"t": Script()}, retest=True)
    assert first.outcomes == {"t": "passed"}
    (told,) = first.of(Notice)
    assert "t runs whole" in told.message and "leaves a checkpoint" in told.message
    for _ in range(2):
        again = await bench.run(registry, retest=True)
        assert again.outcomes == {"t": "passed"}
        assert not again.of(Notice)
        assert [e.index for e in again.of(StepStarted)] == [1, 2]
        assert bench.backend.machines[-1].origin == checkpoint_name(first.run.id, "t", 1)


async def test_a_retest_uses_the_kept_machine_and_leaves_it_kept(bench):
    registry = with_set_up(shell("two"))
    first = await bench.run(registry, BAD, keep=Keep.ON_FAILURE)
    (machine,) = bench.backend.machines
    machine.script = Script()
    done = await bench.run(registry, retest=True)
    assert done.outcomes == {"t": "passed"}
    assert bench.backend.machines == [machine] and not machine.removed
    assert [e.origin for e in done.of(MachineCreated)] == ["kept"]
    assert [e.index for e in done.of(StepStarted)] == [1]
    assert [e.machine for e in done.of(MachineKept)] == [machine.id] == list(first.summary.kept)


async def test_what_a_test_depends_on_does_not_run_again(bench):
    registry = make_registry(
        make_test("base", shell("base")),
        make_test("t", AddStep(name="add", service="web"), shell("two"), depends_on=("base",)),
        services=WEB,
    )
    await bench.run(registry, {"t": Script()}, names=("t",), retest=True)
    done = await bench.run(registry, names=("t",), retest=True)
    assert done.outcomes == {"t": "passed"}


async def test_a_shaken_test_cannot_begin_later(bench):
    with pytest.raises(PlanError, match="shaken"):
        await bench.run(make_registry(make_test("t", shell())), shake=2, retest=True)


# keep or drop while it runs


@pytest.mark.parametrize(("policy", "wanted"), [(Keep.NEVER, True), (Keep.ALWAYS, False)])
async def test_a_wish_while_the_test_runs_wins_over_the_policy(bench, policy, wanted):
    gate = Gate()
    registry = make_registry(make_test("t", shell("one")))
    bench.backend.scripts["t"] = Script(commands={"one": gate})
    run = await bench.start(registry, keep=policy)
    await gate.reached.wait()
    (machine,) = bench.backend.machines
    lent = await bench.engine.adopt(machine.id)
    assert (await lent.exec("look")).ok
    await lent.release()
    assert not machine.released
    run.keep("t", not wanted)
    run.keep("t", None)
    run.keep("t", wanted)
    run.keep("u", True)
    gate.opened.set()
    await run.wait()
    assert bool(machine.kept) is wanted
    assert machine.removed is not wanted
    stamped = [s async for s in run.follow()]
    assert [s.event.keep for s in stamped if isinstance(s.event, KeepWished)] == [not wanted, None, wanted]
    state = RunState()
    state.apply_all(stamped)
    assert state.tests["t"].wish is wanted
    assert run.machine(machine.id) is None


async def test_a_wanted_machine_is_kept_when_its_test_is_cancelled(bench):
    gate = Gate()
    bench.backend.scripts["t"] = Script(commands={"one": gate})
    run = await bench.start(make_registry(make_test("t", shell("one"))))
    await gate.reached.wait()
    run.keep("t", True)
    run.cancel("t")
    await run.wait()
    (machine,) = bench.backend.machines
    assert machine.kept and not machine.removed


async def test_another_vmbench_may_wish_by_the_machines_folder(bench):
    gate = Gate()
    bench.backend.scripts["t"] = Script(commands={"one": gate})
    run = await bench.start(make_registry(make_test("t", shell("one"))))
    await gate.reached.wait()
    (machine,) = bench.backend.machines
    wish(machine.folder, False)
    wish(machine.folder, None)
    wish(machine.folder, True)
    gate.opened.set()
    await asyncio.wait_for(run.wait(), 60)
    assert machine.kept
