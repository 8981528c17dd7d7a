"""``run`` on the real engine with machines of fakes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Mapping

import pytest

from app.cli.faces import LineFace
from app.engine.codec import decode
from app.engine.events import Outcome
from app.engine.state import RunState
from app.paths import Paths
from backends.base import Availability, Backend, BackendError
from tests.cli_desk import Desk
from tests.fakes import FakeMachine, Reply, Script


def test_all_passed(desk: Desk) -> None:
    done = desk.call("run")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert any("✓ passed  web-first" in line for line in lines)
    assert lines[-2].startswith("2 passed in ")
    assert lines[-1].startswith(f"artifacts: {desk.paths.runs}")
    assert all(m.removed for m in desk.backend.machines)


def test_a_failure_is_shown_in_full_and_harmless(desk: Desk) -> None:
    async def fail(machine: FakeMachine) -> Reply:
        machine.say("kernel: something odd\n")
        return Reply(exit_code=3, stdout=b"before\n", stderr=b"\x1b]0;title\x07\x1b[31mred\x1b[0m\n")

    desk.backend.scripts["web-first"] = Script(commands={"two": fail})
    done = desk.call("run")
    assert done.code == 1
    end = done.out[done.out.index("━━ ✗ failed: web-first") :]
    assert "step 2 of 2: shell" in end
    assert "  $ two\n" in end
    assert "│ before" in end and "│ red" in end
    assert "something odd" in end
    assert "1 passed, 1 failed in " in end
    assert "\x1b" not in done.out


def test_an_error_of_the_host_is_told_apart(desk: Desk) -> None:
    desk.backend.scripts["web-second"] = Script(create_error=BackendError("no room", remedy="make some"))
    done = desk.call("run")
    assert done.code == 1
    assert "! error   web-second" in done.out
    assert "no room" in done.out and "make some" in done.out
    assert "1 passed, 1 error in" in done.out


def test_json_is_events_and_nothing_else(desk: Desk) -> None:
    done = desk.call("run", "--json", "first")
    assert done.code == 0
    state = RunState()
    for number, line in enumerate(done.out.splitlines(), 1):
        raw = json.loads(line)
        assert raw["seq"] == number
        assert {"time", "type"} <= raw.keys()
        state.apply(decode(line))
    assert state.finished is not None and state.finished.passed == 1
    assert state.tests["web-first"].outcome is Outcome.PASSED


def test_filters_and_limits_reach_the_engine(desk: Desk) -> None:
    done = desk.call("run", "--json", "--parallel", "1", "--", "-first")
    started = json.loads(done.out.splitlines()[0])
    assert [t["name"] for t in started["tests"]] == ["web-second"]
    assert started["parallel"] == 1


def test_settings_are_used_and_flags_win(desk: Desk) -> None:
    desk.write("vmbench.toml", "[run]\nparallel = 7\n")

    def parallel(*words: str) -> object:
        return json.loads(desk.call("run", "--json", *words).out.splitlines()[0])["parallel"]

    assert parallel() == 7
    assert parallel("--parallel", "2") == 2
    assert parallel("--parallel", "auto") != 7


def test_keep_leaves_the_machine_and_says_how_to_walk_in(desk: Desk) -> None:
    desk.backend.scripts["web-first"] = Script(commands={"one": Reply(exit_code=1)})
    done = desk.call("run", "--keep", "on-failure", "first")
    assert done.code == 1
    (machine,) = desk.backend.machines
    assert machine.kept and not machine.removed
    assert f"vmbench shell {machine.id}" in done.out


def test_errors_are_retried_as_often_as_asked(desk: Desk) -> None:
    desk.backend.scripts["web-first"] = Script(create_error=BackendError("no luck"))
    done = desk.call("run", "--retry-errors", "2", "first")
    assert done.code == 1
    assert done.out.count("retry  web-first") == 2


def test_a_shuffled_order_prints_its_seed_and_can_be_had_again(desk: Desk) -> None:
    done = desk.call("run", "--json", "--shuffle")
    seed = done.err.split("--shuffle ")[1].split()[0]

    def order(out: str) -> list[str]:
        return [t["name"] for t in json.loads(out.splitlines()[0])["tests"]]

    assert order(desk.call("run", "--json", "--shuffle", seed).out) == order(done.out)


def test_nothing_selected_is_a_usage_error(desk: Desk) -> None:
    done = desk.call("run", "web-frist")
    assert done.code == 2
    assert "did you mean web-first" in done.err
    assert done.out == ""


def test_a_host_that_is_not_able_is_told_so(desk: Desk) -> None:
    desk.backend.availability = Availability(ok=False, reason="no QEMU", remedy="install it")
    done = desk.call("run")
    assert done.code == 3
    assert "no QEMU" in done.err and "try: install it" in done.err


def test_a_bad_setting_is_told_and_the_run_goes_on(desk: Desk) -> None:
    desk.write("vmbench.toml", '[run]\naccel = "warp"\n')
    done = desk.call("run", "first")
    assert done.code == 0
    assert "warning: " in done.err and "run.accel" in done.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cleans_up_and_says_so(desk: Desk, number: signal.Signals, code: int) -> None:
    async def hang(machine: FakeMachine) -> Reply:
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()
        return Reply()

    desk.backend.scripts["web-first"] = Script(commands={"one": hang})
    done = desk.call("run", "first")
    assert done.code == code
    assert "cancelled: stopping what runs" in done.out
    assert "0 passed, 1 skipped" in done.out
    assert all(m.removed for m in desk.backend.machines)
    assert desk.backend.live == set()


def test_a_second_interrupt_is_told_to_wait(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(machine: FakeMachine) -> Reply:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()
        return Reply()

    remove = FakeMachine.remove

    async def slow_remove(self: FakeMachine) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.to_thread(told.wait, 60)
        await remove(self)

    told = threading.Event()
    say = LineFace.say

    def listen(self: LineFace, message: str) -> None:
        say(self, message)
        if "still" in message:
            told.set()

    monkeypatch.setattr(LineFace, "say", listen)
    monkeypatch.setattr(FakeMachine, "remove", slow_remove)
    desk.backend.scripts["web-first"] = Script(commands={"one": hang})
    done = desk.call("run", "first")
    assert done.code == 130
    assert "still cleaning up" in done.out
    assert all(m.removed for m in desk.backend.machines)


def test_without_a_command_and_terminal_everything_is_run(desk: Desk) -> None:
    done = desk.call()
    assert done.code == 0
    assert "2 passed in" in done.out


def test_a_fault_of_our_own_leaves_a_report_and_no_traceback(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("app.wiring.find_workplace", broken)
    done = desk.call("run")
    assert done.code == 1
    assert "Traceback" not in done.err
    (report,) = desk.paths.reports.iterdir()
    assert str(report) in done.err
    assert "ZeroDivisionError: oh" in report.read_text()
    assert report.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "person", "wanted"),
    [([], False, "off"), ([], True, "auto"), (["--isolation", "auto"], False, "auto")],
    ids=["pipe", "terminal", "asked"],
)
def test_a_core_is_left_to_whoever_is_there(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, words: list[str], person: bool, wanted: str
) -> None:
    import app.wiring

    seen: list[str] = []

    def backends_for(paths: Paths, accel: str, isolation: str = "auto") -> Mapping[str, Backend]:
        seen.append(isolation)
        return {"fake": desk.backend}

    monkeypatch.setattr(app.wiring, "backends_for", backends_for)
    monkeypatch.setattr("app.cli.options.on_terminal", lambda: person)
    assert desk.call("run", "first", *words).code == 0
    assert seen == [wanted]


def test_from_step_and_retest_are_handed_on(desk, monkeypatch):
    wanted = []
    monkeypatch.setattr("app.cli.run.run_tests", lambda options, **_: wanted.append(options) or 0)
    assert desk.call("run", "first", "--from-step", "2").code == 0
    assert desk.call("run", "--retest").code == 0
    assert [(o.from_step, o.retest) for o in wanted] == [(2, False), (None, True)]
    refused = desk.call("run", "first", "--from-step", "2", "--retest")
    assert refused.code == 2 and "--from-step does not go with --retest" in refused.err


def test_the_commands_of_a_run_are_listed(desk):
    assert "no run has a command log" in desk.call("commands").err
    folder = desk.paths.runs / "20261120-174211-k3f9"
    folder.mkdir(parents=True)
    entries = [
        {"id": "1", "kind": "qemu", "text": "qemu -m 1", "time": 1.0, "machine": "calm-otter"},
        {"id": "2", "kind": "guest", "text": "true\nfalse", "time": 2.0, "machine": "calm-otter"},
        {
            "id": "2",
            "kind": "guest",
            "text": "true\nfalse",
            "time": 2.0,
            "machine": "calm-otter",
            "exit_code": 1,
        }
        | {"duration": 0.5},
    ]
    (folder / "commands.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    lines = desk.call("commands").out.splitlines()
    assert len(lines) == 2 and "runs" in lines[0] and "true ⏎ false" in lines[1]
    assert desk.call("commands", "2026", "--kind", "qemu", "--typed").out == "qemu -m 1\n"
    assert desk.call("commands", "--machine", "x").out == ""
    assert [json.loads(line)["id"] for line in desk.call("commands", "--json").out.splitlines()] == ["1", "2"]
    assert desk.call("commands", "1999").code == 1


def test_the_end_of_a_long_run_is_told_to_the_terminal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMBENCH_NOTIFY", "osc9")
    monkeypatch.setenv("VMBENCH_NOTIFY_AFTER", "0")
    assert "\x1b" not in desk.call("run", "--notify").err, "no terminal, no notice"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    told = desk.call("run", "--notify").err
    assert re.search(r"\x1b\]9;vmbench: Run finished: 2 passed in [^\x1b\x07]+\.\x07\x07", told)
    assert "\x1b" not in desk.call("run").err
    monkeypatch.setenv("VMBENCH_NOTIFY_AFTER", "1000")
    assert "\x1b" not in desk.call("run", "--notify").err
