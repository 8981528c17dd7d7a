from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.checkpoints import (
    CheckpointBudget,
    CheckpointName,
    Checkpoints,
    checkpoint_name,
    short_name,
)
from app.engine.engine import Engine, run_id
from app.engine.events import CheckpointSaved, CheckpointsRemoved, Notice, Outcome, StepFinished
from app.engine.history import prune_runs
from app.engine.log import LOG_NAME
from app.engine.state import RunState
from backends.base import BackendError, MachineRequest
from backends.snapshots import SnapshotError, SnapshotStore, check_name
from tests.engine_bench import Bench
from tests.fakes import FakeBackend, FakeMachine, Gate, Reply, Script, make_registry, make_test, shell

FAILING = Script(commands={"three": Reply(exit_code=1)})
STEPS = (shell("one"), shell("two"), shell("three"), shell("four"))


def names(bench: Bench) -> list[str]:
    return [r.name for r in bench.backend.snapshots.records()]


async def test_a_failed_test_leaves_a_checkpoint_of_before_each_step(bench):
    done = await bench.run(make_registry(make_test("t", *STEPS)), {"t": FAILING}, checkpoints=True)
    saved = done.of(CheckpointSaved)
    assert [s.index for s in saved] == [0, 1, 2]
    assert [s.snapshot for s in saved] == [f"ck.{done.run.id}.t.{i}" for i in range(3)]
    assert all(s.size > 0 and s.duration > 0 for s in saved)
    assert names(bench) == sorted(s.snapshot for s in saved)
    assert done.outcomes == {"t": "failed"}


async def test_each_checkpoint_comes_before_its_step(bench):
    done = await bench.run(make_registry(make_test("t", *STEPS)), {"t": FAILING}, checkpoints=True)
    order = [
        (type(e).__name__, e.index) for e in done.events if isinstance(e, CheckpointSaved | StepFinished)
    ]
    assert order == [(kind, i) for i in range(3) for kind in ("CheckpointSaved", "StepFinished")]


async def test_without_being_asked_no_checkpoint_is_saved(bench):
    done = await bench.run(make_registry(make_test("t", *STEPS)), {"t": FAILING})
    assert (done.of(CheckpointSaved), names(bench)) == ([], [])


async def test_the_checkpoints_of_a_passed_test_go(bench):
    done = await bench.run(make_registry(make_test("t", *STEPS)), checkpoints=True)
    (gone,) = done.of(CheckpointsRemoved)
    assert (gone.reason, len(gone.snapshots), names(bench)) == ("passed", 4, [])


async def test_what_checkpoints_cost_is_told(bench):
    done = await bench.run(make_registry(make_test("t", *STEPS)), {"t": FAILING}, checkpoints=True)
    state = RunState()
    state.apply_all(done.stamped)
    cost = state.checkpoint_cost()
    saved = done.of(CheckpointSaved)
    assert (cost.saved, cost.left, cost.size) == (3, 3, sum(s.size for s in saved))
    assert cost.seconds == pytest.approx(sum(s.duration for s in saved))
    assert 0 < cost.share < 1
    assert sorted(state.tests["t"].checkpoints) == [0, 1, 2]


async def test_a_retry_begins_without_the_checkpoints_of_the_attempt_before(bench):
    script = Script(commands={"two": [Reply(exit_code=1), Reply(exit_code=2)]})
    test = make_test("t", shell("one"), shell("two"), retries=1)
    done = await bench.run(make_registry(test), {"t": script}, checkpoints=True)
    assert [e.reason for e in done.of(CheckpointsRemoved)] == ["retried"]
    assert len(names(bench)) == 2
    assert done.outcomes == {"t": "failed"}


async def test_a_test_does_not_fail_because_a_checkpoint_cannot_be_saved(bench):
    async def full(machine: FakeMachine) -> None:
        if machine.saves == 2:
            raise SnapshotError("the disk is full", remedy="free some space")

    done = await bench.run(make_registry(make_test("t", *STEPS)), {"t": Script(save=full)}, checkpoints=True)
    assert done.outcomes == {"t": "passed"}
    (notice,) = done.of(Notice)
    assert notice.message == "t: no checkpoints from step 2 on: the disk is full (try: free some space)"
    assert bench.backend.machines[0].saves == 2


async def test_a_guest_that_dies_while_it_is_saved_is_an_error_of_the_host(bench):
    async def die(machine: FakeMachine) -> None:
        machine.die("QEMU was killed")
        await asyncio.Event().wait()

    done = await bench.run(make_registry(make_test("t", *STEPS)), {"t": Script(save=die)}, checkpoints=True)
    result = done.result("t")
    assert (result.outcome, result.message) == (Outcome.ERROR, "the guest ended: QEMU was killed")


async def test_the_time_for_checkpoints_is_not_the_tests(bench):
    async def slow(machine: FakeMachine) -> None:
        await asyncio.sleep(0.45)

    test = make_test("t", *STEPS, timeout=1.0)
    done = await bench.run(make_registry(test), {"t": Script(save=slow)}, checkpoints=True)
    assert done.outcomes == {"t": "passed"}


async def test_a_cancelled_test_leaves_no_checkpoints(bench):
    gate = Gate()
    bench.backend.scripts["t"] = Script(commands={"two": gate})
    run = await bench.start(make_registry(make_test("t", *STEPS)), checkpoints=True)
    await gate.reached.wait()
    assert len(names(bench)) == 2
    run.cancel("t")
    await run.wait()
    assert names(bench) == []


async def test_a_newer_result_supersedes_the_checkpoints_of_the_one_before(bench):
    registry = make_registry(make_test("t", *STEPS), make_test("other", *STEPS))
    both = {"t": FAILING, "other": FAILING}
    first = await bench.run(registry, both, checkpoints=True)
    second = await bench.run(registry, checkpoints=True, names=("t",))
    assert {n.rpartition(".")[0] for n in names(bench)} == {
        f"ck.{first.run.id}.other",
        f"ck.{second.run.id}.t",
    }


async def test_another_registrys_test_of_the_same_name_keeps_its_checkpoints(bench):
    registry = make_registry(make_test("t", *STEPS))
    first = await bench.run(registry, {"t": FAILING}, checkpoints=True)
    await bench.run(replace(registry, root=Path("/elsewhere")), checkpoints=True)
    assert sum(n.startswith(f"ck.{first.run.id}.") for n in names(bench)) == 3


@pytest.fixture
async def tight(tmp_path: Path):
    backend = FakeBackend(tmp_path / "machines")
    engine = Engine(
        make_registry,
        {"fake": backend},
        "fake",
        tmp_path / "runs",
        tmp_path / "state",
        available=lambda: 1 << 20,
        snapshots=backend.snapshots,
        checkpoint_budget=CheckpointBudget(count=4),
    )
    yield Bench(engine, backend, tmp_path / "runs")
    await engine.close()


async def test_the_budget_thins_the_oldest_but_leaves_the_last_of_each_test(tight):
    first = await tight.run(make_registry(make_test("a", *STEPS)), {"a": FAILING}, checkpoints=True)
    second = await tight.run(make_registry(make_test("b", *STEPS)), {"b": FAILING}, checkpoints=True)
    assert names(tight) == sorted(
        [f"ck.{first.run.id}.a.2", *(f"ck.{second.run.id}.b.{i}" for i in range(3))]
    )
    third = await tight.run(
        make_registry(make_test("c", *STEPS, shell("three"))), {"c": Script()}, checkpoints=True
    )
    # Room is made for the test at work: by others' first, then by its own oldest.
    *thinned, gone = third.of(CheckpointsRemoved)
    assert {e.reason for e in thinned} == {"budget"}
    assert gone.reason == "passed"
    assert names(tight) == sorted([f"ck.{first.run.id}.a.2", f"ck.{second.run.id}.b.2"])


async def test_the_budget_in_bytes_holds_too(tmp_path: Path):
    backend = FakeBackend(tmp_path / "machines")
    checkpoints = Checkpoints(backend.snapshots, tmp_path / "runs", CheckpointBudget(size=0))
    machine = await backend.create(MachineRequest(label="t"))
    await machine.start()
    run = run_id()
    for index in range(3):
        saved = await checkpoints.save(machine, run, "t", index)
        await checkpoints.thin([saved.snapshot])
        assert [c.index for c in checkpoints.names()] == [index]


async def test_checkpoints_of_a_run_that_was_cut_off_are_reclaimed(tmp_path: Path, bench):
    done = await bench.run(make_registry(make_test("t", *STEPS)), {"t": FAILING}, checkpoints=True)
    checkpoints = Checkpoints(bench.backend.snapshots, bench.runs, CheckpointBudget())
    assert checkpoints.reclaim() == []
    # Killed in the middle: no summary, and the log ends before the test's result.
    (done.run.folder / "run.json").unlink()
    log = done.run.folder / LOG_NAME
    assert checkpoints.reclaim() == []
    lines = [line for line in log.read_text().splitlines() if '"TestFinished"' not in line]
    log.write_text("\n".join(lines[:-1]) + "\n")
    assert len(checkpoints.reclaim()) == 3
    assert names(bench) == []


async def test_a_run_that_can_be_rewound_is_not_pruned(bench):
    done = await bench.run(make_registry(make_test("t", *STEPS)), {"t": FAILING}, checkpoints=True)
    needed = {c.run for c in Checkpoints(bench.backend.snapshots, bench.runs, CheckpointBudget()).names()}
    assert prune_runs(bench.runs, keep=0, needed=needed) == []
    assert prune_runs(bench.runs, keep=0) == [done.run.id]


async def test_an_engine_without_a_place_for_snapshots_says_so(tmp_path: Path):
    backend = FakeBackend(tmp_path / "machines")
    engine = Engine(make_registry, {"fake": backend}, "fake", tmp_path / "runs", tmp_path / "state")
    bare = Bench(engine, backend, tmp_path / "runs")
    with pytest.raises(BackendError, match="nowhere to save"):
        await bare.start(make_registry(make_test("t")), checkpoints=True)
    await engine.close()


@given(test=st.text(min_size=1, max_size=300), index=st.integers(0, 999))
def test_every_test_has_checkpoint_names_that_can_be_used_and_read(test: str, index: int):
    run = run_id()
    name = checkpoint_name(run, test, index)
    assert check_name(name) == name
    assert CheckpointName.parse(name) == CheckpointName(
        name=name, run=run, test=short_name(test), index=index
    )


@given(st.text(max_size=80), st.text(max_size=80))
def test_different_tests_have_different_checkpoint_names(one: str, other: str):
    assert (short_name(one) == short_name(other)) == (one == other)


def test_other_snapshots_are_no_checkpoints(tmp_path: Path):
    store = SnapshotStore(tmp_path)
    for name in ("mine", "ck.mine", "ck.20261120-184023-abcd.t", "x.ck.20261120-184023-abcd.t.1"):
        (tmp_path / name).mkdir()
    assert Checkpoints(store, tmp_path, CheckpointBudget()).names() == []
