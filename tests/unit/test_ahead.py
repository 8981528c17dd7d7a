"""What is imported before somebody goes there."""

from __future__ import annotations

import subprocess
import sys

READ = """
import sys
from app.tui.ahead import read_ahead
from app.tui import places

modules = [place.module for place in places.PLACES] + ["app.tui.screens.run", "app.tui.palette"]
assert not set(modules) & set(sys.modules)
read_ahead().join()
assert set(modules) <= set(sys.modules), set(modules) - set(sys.modules)
"""


def test_all_places_are_read_ahead() -> None:
    done = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
