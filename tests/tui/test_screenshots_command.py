"""The command that draws the screenshots."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_says_what_it_does_and_draws_nothing_for_that(tmp_path) -> None:
    for flag, code, said in (("--help", 0, "tests-light"), ("nope", 2, "no picture nope")):
        words = [sys.executable, "-m", "app.tui.screenshots"]
        words += [flag] if flag == "--help" else [str(tmp_path / "shots"), flag]
        done = subprocess.run(
            words, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, timeout=300
        )
        assert done.returncode == code
        assert said in (done.stdout + done.stderr).decode()
    assert not list(tmp_path.iterdir())


def test_a_screenshot_is_drawn_by_its_name(tmp_path) -> None:
    words = [sys.executable, "-m", "app.tui.screenshots", str(tmp_path), "help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["help.svg"]
    assert "<svg" in (tmp_path / "help.svg").read_text()
