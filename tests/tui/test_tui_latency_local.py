"""The instrument on this host: the real prober, the real workbench, few keys and no judgement of times."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]


def started(tmp_path: Path, *words: str) -> subprocess.Popen[str]:
    state = {f"VMBENCH_{name}": str(tmp_path / name.lower()) for name in ("STATE", "CACHE", "CONFIG")}
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli.main", "latency", *words],
        env={**os.environ, **state, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def measured(tmp_path: Path, *words: str) -> dict[str, dict[str, list[float]]]:
    out, err = started(tmp_path, *words, "--json").communicate(timeout=200)
    assert out, err
    return json.loads(out)


def test_echo_beside_others_with_floods(tmp_path: Path) -> None:
    against = [name for name in ("tmux", "screen") if shutil.which(name)]
    words = ("--against", ",".join(["bash", *against]), "--keys", "12", "--rate", "50", "--floods", "2")
    found = measured(tmp_path, *words, "--burners", "1", "--seed", "7")
    assert found["complete"] and found["seed"] == 7 and found["burners"] == 1
    assert set(found["samples"]) == {"vmbench", "bash", *against}
    for name, samples in found["samples"].items():
        assert len(samples) + len(found["lost"][name]) == 12
        assert len(found["busy"][name]) == len(found["at"][name]) == len(samples)
        assert all(ms > 0 for ms in samples) and all(0 <= busy <= 1 for busy in found["busy"][name])
    assert all(len(counts) == 2 and all(counts) for counts in found["advanced"].values())
    assert set(found["advanced"]) == {"vmbench", *against}


@pytest.mark.parametrize("probe", ["paint", "gap"])
def test_inside_the_workbench(tmp_path: Path, probe: str) -> None:
    found = measured(tmp_path, "--probe", probe, "--keys", "25", "--rate", "50", "--size", "80x24")
    counts = {"vmbench": 25} if probe == "paint" else {"vmbench 100 B/s": 24, "vmbench 1000 B/s": 249}
    assert {name: len(ms) + len(found["lost"][name]) for name, ms in found["samples"].items()} == counts
    assert found["verdicts"], "it is judged"


def test_interrupted_it_tells_what_was_measured_and_leaves_nothing(tmp_path: Path) -> None:
    against = "tmux" if shutil.which("tmux") else ""
    process = started(tmp_path, "--keys", "5000", "--rate", "50", "--against", against)
    assert process.stderr is not None
    for line in process.stderr:
        if "typing" in line:
            break
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=100)
    assert process.returncode == 130
    assert "interrupted" in out and "kept as" in out and "p99.9" in out
    # A server that lost its parent is whoever's who inherits it; what counts is that it has ended.
    assert [c for c in children if c.is_running() and c.status() != psutil.STATUS_ZOMBIE] == []
