"""``vmbench latency``: what it shows of measurements that were taken, and its exit codes."""

from __future__ import annotations

import json

import pytest

from app.engine.latency import measurement as files
from app.engine.latency.figures import Sample
from app.engine.latency.measurement import Conditions, Measurement
from tests.cli_desk import Desk


def keep(desk: Desk, name: str, ms: float) -> None:
    samples = [Sample(at=n / 20, ms=ms + n % 7 / 10, busy=0.5) for n in range(300)]
    m = Measurement(conditions=Conditions(probe="paint", keys=300), series={"vmbench": samples}, when=1e9)
    files.write(m, desk.paths.latency / f"{name}.json")


def test_measurements_are_listed_shown_and_compared(desk: Desk) -> None:
    assert "nothing was measured" in desk.call("latency", "--list").out
    keep(desk, "quick", 3.0)
    keep(desk, "slow", 30.0)
    (desk.paths.latency / "broken.json").write_text("{")
    listed = desk.call("latency", "--list").out
    assert "quick" in listed and "slow" in listed and "broken" not in listed
    shown = desk.call("latency", "--show", "quick")
    assert shown.code == 0 and "p99.9" in shown.out and "█" in shown.out and "is under 20 ms" in shown.out
    compared = desk.call("latency", "--compare", "quick", "--compare", "slow")
    assert "p50 3.30 → 30.3 ms: slower" in compared.out
    raw = json.loads(desk.call("latency", "--compare", "slow", "--compare", "quick", "--json").out)
    assert raw["compared"][0]["differs"] and len(raw["samples"]["vmbench"]) == 300


def test_the_gate_is_an_exit_code_with_words(desk: Desk) -> None:
    keep(desk, "quick", 3.0)
    keep(desk, "slow", 30.0)
    assert desk.call("latency", "--show", "quick", "--gate").code == 0
    gated = desk.call("latency", "--show", "slow", "--gate")
    assert gated.code == 1 and "is not under 20 ms" in gated.err
    desk.write("vmbench.toml", "[latency]\npaint_p99 = 100\n")
    assert desk.call("latency", "--show", "slow", "--gate").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nosuch",), "no machine is called 'nosuch'"),
        (("x", "--local"), "exclude each other"),
        (("--against", "ssh"), "needs a machine"),
        (("--against", "emacs"), "'emacs' cannot be measured against"),
        (("--probe", "paint", "--against", "tmux"), "nothing stands beside it"),
        (("--size", "3x3"), "give columns and rows"),
        (("--show", "nosuch"), "nosuch cannot be read"),
        (("--compare", "a", "--compare", "b", "--compare", "c"), "give one or two"),
    ],
)
def test_what_makes_no_sense_is_told(desk: Desk, words: tuple[str, ...], said: str) -> None:
    result = desk.call("latency", *words)
    assert result.code in (1, 2) and said in result.err, result.err
