"""The workbench in a real terminal, on real machines."""

from __future__ import annotations

import sys
from pathlib import Path

from backends.images.store import ImageStore
from backends.store import MachineStore
from tests.tui.pty_terminal import Terminal

VMBENCH = Path(sys.executable).with_name("vmbench")
REGISTRY = """
[[tests]]
name = "good"
steps = [{ action = "shell", run = "uname -s; echo here I am >/dev/console; sleep 3" }]

[[tests]]
name = "bad"
steps = [{ action = "shell", run = "sleep 3; echo went wrong >&2; exit 4" }]

[[tests]]
name = "endless"
steps = [{ action = "shell", run = "echo begun; sleep 1000", timeout = 2000 }]
"""
PATIENCE = 180.0
"""Seconds that anything here may take on a busy host."""


def opened(tmp_path: Path, image_store: ImageStore) -> tuple[Terminal, MachineStore]:
    folder = tmp_path / "project"
    (folder / "registry/box").mkdir(parents=True)
    (folder / "registry/box/test.toml").write_text(REGISTRY)
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "images").symlink_to(image_store.root.resolve())
    environ = {
        "VMBENCH_CACHE": str(cache),
        "VMBENCH_STATE": str(tmp_path / "state"),
        "VMBENCH_CONFIG": str(tmp_path / "config"),
    }
    terminal = Terminal([str(VMBENCH)], cwd=folder, env=environ, size=(120, 36))
    return terminal, MachineStore(tmp_path / "state" / "machines")


def test_marking_running_and_reading_a_failure(tmp_path: Path, image_store: ImageStore) -> None:
    terminal, store = opened(tmp_path, image_store)
    with terminal:
        terminal.wait("3 tests", timeout=PATIENCE)
        terminal.type("/-endless\rR")
        terminal.wait("running", timeout=PATIENCE)
        # Both machines are at work at the same time.
        terminal.wait("2 machines at work", timeout=PATIENCE)
        terminal.wait("1/1 shell", timeout=PATIENCE)
        screen = terminal.wait("2/2", timeout=PATIENCE)
        assert "1 passed" in screen and "1 failed" in screen
        terminal.wait("went wrong", timeout=PATIENCE)
        terminal.type("j")
        terminal.wait("here I am", timeout=PATIENCE)
        terminal.type("q")
        assert terminal.exit_code(timeout=PATIENCE) == 0
    assert store.records() == []


def test_leaving_a_run_leaves_no_machine(tmp_path: Path, image_store: ImageStore) -> None:
    terminal, store = opened(tmp_path, image_store)
    with terminal:
        terminal.wait("3 tests", timeout=PATIENCE)
        terminal.type("/endless\rR")
        terminal.wait("│ begun", timeout=PATIENCE)
        assert len(store.records()) == 1
        terminal.type("q")
        terminal.wait("Quit while a run is going on?", timeout=PATIENCE)
        terminal.type("y")
        assert terminal.exit_code(timeout=PATIENCE) == 0
    assert store.records() == []
