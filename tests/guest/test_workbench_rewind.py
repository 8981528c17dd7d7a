"""The workbench in a real terminal: a test fails, is run again, and is taken back to before it failed."""

from __future__ import annotations

import sys
from pathlib import Path

from backends.images.store import ImageStore
from backends.store import MachineStore
from tests.tui.pty_terminal import Terminal

TESTS = """
[[tests]]
name = "breaks"
steps = [
  { action = "shell", run = "echo whole >/tmp/mark" },
  { action = "shell", run = "echo mark was $(cat /tmp/mark); echo broken >/tmp/mark; exit 3" },
]
"""


def test_a_failed_test_is_rewound_and_walked_into(tmp_path: Path, image_store: ImageStore) -> None:
    registry = tmp_path / "registry"
    (registry / "tests").mkdir(parents=True)
    (registry / "tests" / "breaks.toml").write_text(TESTS)
    cache, state = tmp_path / "cache", tmp_path / "state"
    cache.mkdir()
    (cache / "images").symlink_to(image_store.root)
    env = {
        "VMBENCH_CACHE": str(cache),
        "VMBENCH_STATE": str(state),
        "VMBENCH_CONFIG": str(tmp_path / "config"),
        "VMBENCH_REGISTRY": str(registry),
    }
    with Terminal([sys.executable, "-m", "app.cli.main"], env=env) as terminal:
        terminal.wait("breaks")
        terminal.type("R")
        terminal.wait("1 failed in", timeout=120)
        terminal.type("f")
        terminal.wait(lambda text: "rewind" in text, timeout=120)
        terminal.type("b")
        # The step's command is typed already; it is run as a person would.
        terminal.wait("sh /tmp/vmbench-step-2.sh")
        terminal.type("\r")
        terminal.wait("mark was whole")
        terminal.type("cat /tmp/mark\r")
        terminal.wait("\nbroken")
        terminal.type("exit\r")
        screen = terminal.wait("stays.")
        terminal.type("q")
        assert terminal.exit_code() == 0
    store = MachineStore(state / "machines")
    (record,) = store.records()
    try:
        assert record.keep and record.pid is not None
        assert record.id in screen
    finally:
        store.remove(record.id)
