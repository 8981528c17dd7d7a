"""The command that draws the screenshots."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_screenshot_is_drawn_by_its_name(tmp_path) -> None:
    words = [sys.executable, "-m", "app.tui.screenshots", str(tmp_path), "help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["help.svg"]
    assert "<svg" in (tmp_path / "help.svg").read_text()
