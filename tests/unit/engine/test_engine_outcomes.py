from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from app.engine.api import RunOptions
from app.engine.engine import Engine
from app.engine.events import (
    MachineCreated,
    MachineKept,
    MachinePhase,
    Notice,
    Outcome,
    Phase,
    RunStarted,
    StepFinished,
    StepOutput,
    StepStarted,
    TestFinished,
    TestRetried,
    TestStarted,
)
from backends.base import BackendError, MachineDied
from registry.model import ConsoleStep, Keep, Poll
from tests.engine_bench import finished
from tests.fakes import (
    FakeBackend,
    FakeMachine,
    Gate,
    Meeting,
    Reply,
    Script,
    make_registry,
    make_test,
    shell,
)

PANIC = "[    3.1] Kernel panic - not syncing: Attempted to kill init!\n"
OOM = "[   12.0] Out of memory: Killed process 123 (hog) total-vm:1kB\n"


def say(text: str, reply: Reply | None = None):
    async def act(machine: FakeMachine) -> Reply | None:
        machine.say(text)
        return reply

    return act


async def test_a_passing_test_tells_its_whole_story_in_order(bench):
    script = Script(commands={"echo hi": Reply(stdout=b"hi\n")})
    done = await bench.run(make_registry(make_test("good", shell("echo hi"))), {"good": script})
    story = [type(e) if not isinstance(e, MachinePhase) else e.phase for e in done.events]
    assert story == [
        RunStarted,
        TestStarted,
        Phase.IMAGE,
        Phase.CREATING,
        MachineCreated,
        Phase.BOOTING,
        Phase.READY,
        StepStarted,
        StepOutput,
        StepFinished,
        Phase.STOPPING,
        Phase.REMOVED,
        TestFinished,
        type(done.summary),
    ]
    assert done.outcomes == {"good": "passed"}
    (step,) = done.of(StepFinished)
    assert (step.exit_code, step.outcome) == (0, Outcome.PASSED)
    assert (done.run.folder / step.output).read_bytes() == b"hi\n"
    assert bench.backend.machines[0].removed


async def test_a_failing_command_fails_the_test_and_ends_it(bench):
    script = Script(commands={"bad": Reply(exit_code=3, stderr=b"first\nno such thing\n")})
    done = await bench.run(make_registry(make_test("t", shell("bad"), shell("never"))), {"t": script})
    result = done.result("t")
    assert (result.outcome, result.step) == (Outcome.FAILED, 0)
    assert result.message == "exited with 3: no such thing"
    assert [c for c, _ in bench.backend.machines[0].execs] == ["bad"]
    assert (done.summary.failed, done.summary.passed) == (1, 0)


async def test_a_command_that_takes_too_long_fails(bench):
    script = Script(commands={"slow": Gate()})
    done = await bench.run(make_registry(make_test("t", shell("slow", timeout=0.02))), {"t": script})
    assert done.result("t").message == "timed out after 0.02s"
    assert done.outcomes == {"t": "failed"}


async def test_a_test_that_takes_too_long_fails_though_its_step_has_time(bench):
    script = Script(commands={"slow": Gate()})
    done = await bench.run(make_registry(make_test("t", shell("slow"), timeout=0.02)), {"t": script})
    result = done.result("t")
    assert (result.outcome, result.message) == (Outcome.FAILED, "the whole test timed out after 0.02s")
    assert bench.backend.machines[0].removed


async def test_polling_goes_on_until_success_and_says_what_it_saw(bench):
    script = Script(commands={"try": [Reply(exit_code=1), Reply(exit_code=1), Reply()]})
    step = shell("try", poll=Poll(interval=0.001, attempts=5))
    done = await bench.run(make_registry(make_test("t", step)), {"t": script})
    (finished,) = done.of(StepFinished)
    assert finished.message == "at attempt 3 of 5"
    notes = "".join(e.text for e in done.of(StepOutput) if e.stream == "note")
    assert notes == "attempt 1 of 5: exited with 1\nattempt 2 of 5: exited with 1\n"


async def test_polling_gives_up(bench):
    script = Script(commands={"try": Reply(exit_code=1, stdout=b"not yet\n")})
    step = shell("try", poll=Poll(interval=0.001, attempts=3))
    done = await bench.run(make_registry(make_test("t", step)), {"t": script})
    assert done.result("t").message == "no success in 3 attempts; the last one exited with 1: not yet"


async def test_a_machine_that_cannot_be_made_is_an_error(bench):
    script = Script(create_error=BackendError("no space left", remedy="free some"))
    done = await bench.run(make_registry(make_test("t")), {"t": script})
    result = done.result("t")
    assert (result.outcome, result.message) == (Outcome.ERROR, "no space left (try: free some)")


async def test_an_image_that_cannot_be_had_is_an_error_of_every_test(bench):
    bench.backend.prepare_error = BackendError("no kernel", remedy="install one")
    done = await bench.run(make_registry(make_test("a"), make_test("b")))
    assert done.outcomes == {"a": "error", "b": "error"}
    assert bench.backend.prepared == ["tiny"]


async def test_a_guest_that_dies_booting_is_an_error(bench):
    async def boot(machine: FakeMachine) -> None:
        machine.say("booting...\nand then\n")
        machine.die("exit code 1")

    done = await bench.run(make_registry(make_test("t")), {"t": Script(boot=boot)})
    result = done.result("t")
    assert result.outcome is Outcome.ERROR
    assert "exit code 1" in result.message
    assert result.console_tail == "booting...\nand then"


async def test_a_guest_that_dies_ends_the_step_that_waits(bench):
    async def act(machine: FakeMachine) -> None:
        machine.say("goodbye\n")
        machine.die("QEMU was killed by SIGKILL")
        await asyncio.Event().wait()

    done = await bench.run(make_registry(make_test("t", shell("x"))), {"t": Script(commands={"x": act})})
    result = done.result("t")
    assert (result.outcome, result.step) == (Outcome.ERROR, 0)
    assert result.message == "the guest ended: QEMU was killed by SIGKILL"
    assert result.console_tail == "goodbye"
    assert bench.backend.machines[0].removed


async def test_a_panic_ends_the_step_that_waits(bench):
    async def act(machine: FakeMachine) -> None:
        machine.say(PANIC)
        await asyncio.Event().wait()

    done = await bench.run(make_registry(make_test("t", shell("x"))), {"t": Script(commands={"x": act})})
    result = done.result("t")
    assert result.outcome is Outcome.ERROR
    assert result.message.startswith("guest panicked: [    3.1] Kernel panic - not syncing")
    assert "Kernel panic" in result.console_tail


async def test_a_panic_while_booting_ends_the_boot(bench):
    async def boot(machine: FakeMachine) -> None:
        machine.say(PANIC)
        await asyncio.Event().wait()

    done = await bench.run(make_registry(make_test("t")), {"t": Script(boot=boot)})
    assert done.result("t").message.startswith("guest panicked")


async def test_an_out_of_memory_kill_fails_a_test_whose_steps_passed(bench):
    done = await bench.run(make_registry(make_test("t", shell("x"))), {"t": Script(commands={"x": say(OOM)})})
    result = done.result("t")
    assert result.outcome is Outcome.FAILED
    assert "oom" in result.message and "Killed process 123 (hog)" in result.message


@pytest.mark.parametrize(
    "test",
    [
        make_test("t", shell("x"), tags=("expects-oom",)),
        make_test("t", shell("x"), ConsoleStep(name="c", pattern="Killed process .* .hog.")),
    ],
    ids=["tag", "console step"],
)
async def test_a_kill_that_is_expected_fails_nothing(bench, test):
    done = await bench.run(make_registry(test), {"t": Script(commands={"x": say(OOM)})})
    assert done.outcomes == {"t": "passed"}


async def test_an_expected_panic_does_not_end_the_step(bench):
    test = make_test("t", shell("x"), ConsoleStep(name="c", pattern="Kernel panic"))
    done = await bench.run(make_registry(test), {"t": Script(commands={"x": say(PANIC)})})
    assert done.outcomes == {"t": "passed"}


async def test_a_soft_lockup_is_only_told(bench):
    line = "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [sh:12]\n"
    done = await bench.run(
        make_registry(make_test("t", shell("x"))), {"t": Script(commands={"x": say(line)})}
    )
    assert done.outcomes == {"t": "passed"}
    (notice,) = done.of(Notice)
    assert "soft lockup" in notice.message


async def test_a_failed_step_is_explained_by_the_kill_behind_it(bench):
    script = Script(commands={"x": say(OOM, Reply(exit_code=137))})
    done = await bench.run(make_registry(make_test("t", shell("x"))), {"t": script})
    assert done.result("t").message.startswith("exited with 137; the guest's kernel reported oom")


async def test_an_unexpected_error_is_written_down_and_the_run_goes_on(bench):
    async def act(machine: FakeMachine) -> None:
        raise ZeroDivisionError("surprise")

    registry = make_registry(make_test("t", shell("x")), make_test("u"))
    done = await bench.run(registry, {"t": Script(commands={"x": act})})
    assert done.outcomes == {"t": "error", "u": "passed"}
    assert "ZeroDivisionError: surprise" in done.result("t").message
    report = done.run.folder / "tests" / "t" / "attempt-1" / "internal-error.txt"
    assert "Traceback" in report.read_text()


async def test_failed_tests_are_retried_as_often_as_they_say(bench):
    attempts = iter([1, 1, 0])

    async def act(machine: FakeMachine) -> Reply:
        return Reply(exit_code=next(attempts))

    registry = make_registry(make_test("t", shell("x"), retries=2))
    done = await bench.run(registry, {"t": Script(commands={"x": act})})
    assert [e.attempt for e in done.of(TestStarted)] == [1, 2, 3]
    assert [(e.attempt, e.outcome) for e in done.of(TestRetried)] == [(1, "failed"), (2, "failed")]
    assert (done.result("t").outcome, done.result("t").attempt) == (Outcome.PASSED, 3)
    assert len(bench.backend.machines) == 3 and all(m.removed for m in bench.backend.machines)


async def test_errors_are_retried_only_when_the_run_says_so(bench):
    async def boot(machine: FakeMachine) -> None:
        if machine.id != "fake-3":
            machine.die("flaky host")

    registry = make_registry(make_test("t", retries=5))
    assert (await bench.run(registry, {"t": Script(boot=boot)})).outcomes == {"t": "error"}
    assert (await bench.run(registry, retry_errors=1)).outcomes == {"t": "passed"}


@pytest.mark.parametrize(
    ("policy", "exit_code", "kept"),
    [
        (Keep.NEVER, 1, False),
        (Keep.ON_FAILURE, 0, False),
        (Keep.ON_FAILURE, 1, True),
        (Keep.ALWAYS, 0, True),
    ],
)
async def test_a_machine_is_kept_as_asked(bench, policy, exit_code, kept):
    script = Script(commands={"x": Reply(exit_code=exit_code)})
    done = await bench.run(make_registry(make_test("t", shell("x"), keep=policy)), {"t": script})
    (machine,) = bench.backend.machines
    assert (bool(machine.kept), machine.removed) == (kept, not kept)
    assert [(e.machine, e.command) for e in done.of(MachineKept)] == [
        ("fake-1", "vmbench shell fake-1")
    ] * kept
    assert done.summary.kept == ("fake-1",) * kept
    assert done.of(MachinePhase)[-1].phase == (Phase.KEPT if kept else Phase.REMOVED)


async def test_the_runs_policy_wins_over_the_tests(bench):
    script = Script(commands={"x": Reply(exit_code=1)})
    registry = make_registry(make_test("t", shell("x"), keep=Keep.NEVER))
    await bench.run(registry, {"t": script}, keep=Keep.ON_FAILURE)
    assert bench.backend.machines[0].kept == "t failed: exited with 1"


async def test_only_the_last_attempt_is_kept(bench):
    script = Script(commands={"x": Reply(exit_code=1)})
    registry = make_registry(make_test("t", shell("x"), keep=Keep.ON_FAILURE, retries=1))
    await bench.run(registry, {"t": script})
    assert [bool(m.kept) for m in bench.backend.machines] == [False, True]


async def test_a_machine_that_died_is_not_kept(bench):
    async def act(machine: FakeMachine) -> None:
        machine.die()
        raise MachineDied("gone")

    registry = make_registry(make_test("t", shell("x"), keep=Keep.ALWAYS))
    done = await bench.run(registry, {"t": Script(commands={"x": act})})
    assert not done.of(MachineKept)
    assert bench.backend.machines[0].removed


async def test_a_machine_that_cannot_be_removed_is_told_and_changes_no_result(bench):
    script = Script(remove_error=BackendError("busy"))
    done = await bench.run(make_registry(make_test("t")), {"t": script})
    assert done.outcomes == {"t": "passed"}
    (notice,) = done.of(Notice)
    assert "fake-1" in notice.message and "busy" in notice.message and "vmbench rm" in notice.message


async def test_artifacts_hold_outputs_console_and_result(bench):
    async def act(machine: FakeMachine) -> Reply:
        machine.say("hello from the console\n")
        return Reply(stdout=b"\xff\x00raw", stderr=b"grumble")

    done = await bench.run(
        make_registry(make_test("a b/c", shell("x"))), {"a b/c": Script(commands={"x": act})}
    )
    folder = done.run.folder / done.result("a b/c").artifacts
    assert folder.parent == done.run.folder / "tests"
    attempt = folder / "attempt-1"
    assert (attempt / "step-01-shell.stdout").read_bytes() == b"\xff\x00raw"
    assert (attempt / "step-01-shell.stderr").read_bytes() == b"grumble"
    assert (attempt / "console.log").read_text() == "hello from the console\n"
    result = json.loads((folder / "result.json").read_text())
    assert (result["test"], result["outcome"], len(result["steps"])) == ("a b/c", "passed", 1)


async def test_a_flood_of_output_is_cut_in_events_and_whole_in_the_artifact(bench):
    data = b"x" * 1_000_000
    script = Script(commands={"flood": Reply(stdout=data)})
    done = await bench.run(make_registry(make_test("t", shell("flood"))), {"t": script})
    shown = sum(len(e.text) for e in done.of(StepOutput))
    assert 256 * 1024 <= shown < 257 * 1024
    (step,) = done.of(StepFinished)
    assert (done.run.folder / step.output).read_bytes() == data


async def test_commands_see_the_tests_variables(bench):
    await bench.run(make_registry(make_test("t", shell("env"), env={"COLOR": "blue"})))
    ((_, env),) = bench.backend.machines[0].execs
    assert env == {"COLOR": "blue", "VMBENCH_TEST": "t"}


async def test_machines_overlap_up_to_the_given_number(bench):
    meeting = Meeting(4)
    tests = [make_test(f"t{n}", shell("meet")) for n in range(8)]
    scripts = {t.name: Script(commands={"meet": meeting}) for t in tests}
    done = await bench.run(make_registry(*tests), scripts, parallel=4)
    assert done.summary.passed == 8
    assert bench.backend.peak == 4
    assert not bench.backend.live


async def test_the_image_is_prepared_once(bench):
    await bench.run(make_registry(*(make_test(f"t{n}") for n in range(6))), parallel=3)
    assert bench.backend.prepared == ["tiny"]


async def test_cancelling_one_running_test_leaves_the_others(bench):
    gate = Gate()
    bench.backend.scripts["stuck"] = Script(commands={"wait": gate})
    registry = make_registry(make_test("stuck", shell("wait"), keep=Keep.ALWAYS), make_test("other"))
    run = await bench.start(registry, parallel=1)
    await gate.reached.wait()
    run.cancel("stuck")
    run.cancel("stuck")
    run.cancel("no such test")
    done = await finished(run)
    assert done.outcomes == {"stuck": "skipped", "other": "passed"}
    assert done.result("stuck").message == "cancelled"
    assert [e.outcome for e in done.of(StepFinished, "stuck")] == [Outcome.SKIPPED]
    assert bench.backend.of("stuck")[0].removed
    assert not done.summary.cancelled


async def test_cancelling_all_cleans_up_and_skips_the_rest(bench):
    gates = [Gate(), Gate()]
    for n, gate in enumerate(gates):
        bench.backend.scripts[f"t{n}"] = Script(commands={"wait": gate})
    registry = make_registry(*(make_test(f"t{n}", shell("wait")) for n in range(5)))
    run = await bench.start(registry, parallel=2)
    for gate in gates:
        await gate.reached.wait()
    run.cancel()
    done = await finished(run)
    assert set(done.outcomes.values()) == {"skipped"}
    assert done.summary.cancelled and done.summary.skipped == 5
    assert not bench.backend.live and len(bench.backend.machines) == 2


async def test_cancelling_a_test_that_waits_its_turn_skips_it(bench):
    gate = Gate()
    bench.backend.scripts["a"] = Script(commands={"wait": gate})
    run = await bench.start(make_registry(make_test("a", shell("wait")), make_test("b")), parallel=1)
    await gate.reached.wait()
    run.cancel("b")
    gate.opened.set()
    done = await finished(run)
    assert done.outcomes == {"a": "passed", "b": "skipped"}
    assert not bench.backend.of("b")


async def test_cancelling_while_booting_removes_the_machine(bench):
    gate = Gate()
    bench.backend.scripts["t"] = Script(boot=gate)
    run = await bench.start(make_registry(make_test("t")))
    await gate.reached.wait()
    run.cancel()
    await run.wait()
    assert bench.backend.machines[0].removed


async def test_a_finished_run_cannot_be_cancelled_any_more(bench):
    done = await bench.run(make_registry(make_test("t")))
    done.run.cancel()
    assert (await done.run.wait()).cancelled is False


async def test_closing_the_engine_ends_its_runs(bench):
    gate = Gate()
    bench.backend.scripts["t"] = Script(commands={"wait": gate})
    run = await bench.start(make_registry(make_test("t", shell("wait"))))
    await gate.reached.wait()
    await bench.engine.close()
    assert run.done and not bench.backend.live
    with pytest.raises(BackendError):
        await bench.start(make_registry(make_test("t")))


async def test_a_dependency_runs_first_and_its_failure_skips_the_dependent(bench):
    registry = make_registry(
        make_test("a-last", depends_on=("b-middle",)),
        make_test("b-middle", shell("x"), depends_on=("c-first",)),
        make_test("c-first"),
        make_test("d-free"),
    )
    done = await bench.run(registry, {"b-middle": Script(commands={"x": Reply(exit_code=1)})}, parallel=4)
    assert next(e.test for e in done.of(TestStarted)) in ("c-first", "d-free")
    assert done.outcomes == {
        "a-last": "skipped",
        "b-middle": "failed",
        "c-first": "passed",
        "d-free": "passed",
    }
    message = done.result("a-last").message
    assert message == "not started: b-middle, which it depends on, ended as failed"


async def test_a_dependent_never_starts_before_its_dependency_ended(bench):
    gate = Gate()
    bench.backend.scripts["a"] = Script(commands={"wait": gate})
    run = await bench.start(
        make_registry(make_test("a", shell("wait")), make_test("b", depends_on=("a",)), make_test("c")),
        parallel=3,
    )
    seen = []
    async for stamped in run.follow():
        seen.append(stamped.event)
        if isinstance(stamped.event, TestFinished) and stamped.event.test == "c":
            assert not bench.backend.of("b")
            gate.opened.set()
    ended = [e.test for e in seen if isinstance(e, TestFinished)]
    assert ended == ["c", "a", "b"]


async def test_failing_fast_starts_nothing_more(bench):
    registry = make_registry(make_test("a", shell("x")), make_test("b"), make_test("c"))
    done = await bench.run(
        registry, {"a": Script(commands={"x": Reply(exit_code=1)})}, parallel=1, fail_fast=True
    )
    assert done.outcomes == {"a": "failed", "b": "skipped", "c": "skipped"}
    assert "fails fast" in done.result("b").message


async def test_a_machine_too_big_for_the_host_is_told_and_runs_alone(tmp_path: Path):
    backend = FakeBackend(tmp_path / "machines")
    engine = Engine(
        lambda: make_registry(),
        {"fake": backend},
        "fake",
        tmp_path / "runs",
        tmp_path / "state",
        reserve=0,
        available=lambda: 1000,
    )
    registry = make_registry(*(make_test(f"t{n}", memory=4096) for n in range(3)))
    done = await finished(await engine.start(registry, RunOptions(parallel=3)))
    assert done.summary.passed == 3
    assert backend.peak == 1
    (notice,) = [n for n in done.of(Notice) if n.level == "warning"]
    assert "4096 MiB" in notice.message and "1000 MiB" in notice.message
    assert any(e.phase is Phase.WAITING and "waiting for memory" in e.detail for e in done.of(MachinePhase))
    await engine.close()


async def test_results_are_remembered_and_skipped_tests_keep_theirs(bench):
    registry = make_registry(make_test("a"), make_test("b"))
    first = await bench.run(registry)
    bench.backend.scripts["a"] = Script(commands={"true": Reply(exit_code=1)})
    second = await bench.run(registry, parallel=1, fail_fast=True)
    results = bench.engine.last_results()
    assert {name: (r.outcome.value, r.run) for name, r in results.items()} == {
        "a": ("failed", second.run.id),
        "b": ("passed", first.run.id),
    }


async def test_a_run_can_be_followed_by_many_and_from_anywhere(bench):
    run = await bench.start(make_registry(*(make_test(f"t{n}") for n in range(5))))

    async def slow() -> list[int]:
        seen = []
        async for stamped in run.follow():
            seen.append(stamped.seq)
            await asyncio.sleep(0.002)
        return seen

    async def quick() -> list[int]:
        return [s.seq async for s in run.follow()]

    one, two = await asyncio.gather(slow(), quick())
    assert one == two
    assert [s.seq async for s in run.follow(after=len(one) - 2)] == one[-2:]


async def test_a_folder_that_cannot_be_written_is_told_in_the_output_and_decides_nothing(bench):
    async def act(machine: FakeMachine) -> Reply:
        (bench.runs / run.id / "tests" / "t" / "attempt-1" / "step-01-shell.stdout").mkdir()
        return Reply(stdout=b"lost")

    bench.backend.scripts["t"] = Script(commands={"x": act})
    run = await bench.start(make_registry(make_test("t", shell("x"))))
    done = await finished(run)
    assert done.outcomes == {"t": "passed"}
    assert "is not complete" in "".join(e.text for e in done.of(StepOutput))


async def test_many_tests_are_cancelled_without_one_of_them_starting(bench):
    gate = Gate()
    bench.backend.scripts["t0"] = Script(commands={"wait": gate})
    tests = [
        make_test(f"t{n}", shell("wait"), depends_on=(f"t{n - 1}",) if n % 3 else ()) for n in range(1000)
    ]
    run = await bench.start(make_registry(*tests), parallel=1)
    await gate.reached.wait()
    run.cancel()
    run.cancel()
    done = await finished(run)
    assert done.summary.skipped == 1000 and done.summary.cancelled
    assert len(bench.backend.machines) == 1
