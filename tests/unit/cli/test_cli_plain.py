"""Plain output, for screen readers: one fact a line, nothing drawn, on everything that lists or runs."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from app.cli import plain
from app.cli.ps import HEAD as MACHINES
from app.cli.snapshot import HEAD as SNAPSHOTS
from app.cli.text import table
from app.engine.latency import measurement as files
from app.engine.latency.figures import Sample
from app.engine.latency.measurement import Conditions, Measurement
from tests.cli_desk import Desk
from tests.fakes import Reply, Script

DRAWN = re.compile(r"[━─│┃═▁-█░▒▓⠀-⣿✓✗●○▸▶◆]|\x1b|\S {2,}\S")
"""Lines, bars, signs, control sequences, and columns."""


def test_whatever_lists_or_runs_tells_one_fact_a_line(desk: Desk) -> None:
    desk.backend.scripts["web-first"] = Script(commands={"two": Reply(exit_code=3, stdout=b"said\n")})
    ran = desk.call("run", "--plain")
    assert ran.code == 1 and "failed: web-first" in ran.out and "passed: web-second" in ran.out
    assert "\n  said\n" in ran.out and "1 passed, 1 failed in " in ran.out
    samples = [Sample(at=n / 20, ms=30.0 + n % 7, busy=0.5) for n in range(300)]
    m = Measurement(conditions=Conditions(probe="paint", keys=300), series={"vmbench": samples}, when=1e9)
    files.write(m, desk.paths.latency / "slow.json")
    shown = {
        "list": ["test: web-first", "summary: "],
        "list -v": ["test: web-first", "steps: shell x2"],
        "runs": ["how: failed", "passed: 1", "failed: 1"],
        "watch last": ["failed: web-first"],
        "latency --list": ["name: slow", "probe: paint"],
        "latency --show slow": ["p99: ", "missed: "],
        "doctor": ["python: ok, 3", "cores: ok, "],
        "settings list": ["setting: run.parallel", "value: "],
        "keys": ["action: ", "keys: "],
        "image list": ["image: tiny"],
        "ps": ["no machines"],
        "snapshot list": ["no snapshots"],
        "gc --dry-run": ["nothing to reclaim"],
    }
    told = {line: desk.call(*line.split(), "--plain").out for line in shown}
    for line, facts in shown.items():
        assert all(fact in told[line] for fact in facts), (line, told[line])
        if line != "doctor":  # what it found on this host are words of other programs
            assert not DRAWN.search(told[line]), DRAWN.search(told[line])
    assert not DRAWN.search(ran.out), DRAWN.search(ran.out)
    assert "█" in desk.call("latency", "--show", "slow").out, "drawn where it was not asked for"


def test_rows_of_machines_and_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = ("calm-otter", "running", "yes", "microvm/kvm", "1", "256 MiB", "tiny", "3.0s", "web")
    assert "calm-otter  running" in table(MACHINES, [machine])
    monkeypatch.setenv(plain.VARIABLE, "1")
    told = table(MACHINES, [machine, ("keen-lark", *machine[1:-1], "")]).split("\n\n")
    assert told[0].splitlines()[:2] == ["machine: calm-otter", "state: running"]
    assert "for: web" in told[0] and "for:" not in told[1], "what is not there is not told"
    assert table(SNAPSHOTS, []) == ""
    monkeypatch.setenv(plain.VARIABLE, "0")
    assert not plain.plain()


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_flag_stands_before_the_command_or_after_it(desk: Desk, place: str) -> None:
    words = ["--plain", "list"] if place == "before" else ["list", "--plain"]
    assert desk.call(*words).out.startswith("test: web-first\n")


def test_a_dumb_terminal_and_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    with CliRunner().isolation():
        monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        monkeypatch.delenv(plain.VARIABLE, raising=False)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        assert (plain.plain(), plain.colours(), plain.moving()) == (False, True, True)
        monkeypatch.setenv("NO_COLOR", "1")
        assert (plain.plain(), plain.colours(), plain.moving()) == (False, False, True)
        monkeypatch.setenv("TERM", "dumb")
        assert (plain.plain(), plain.colours(), plain.moving()) == (True, False, False)
