"""The command line as a process of its own, on real machines."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.cli.text import harmless
from backends.images.store import ImageStore
from backends.store import MachineStore

VMBENCH = Path(sys.executable).with_name("vmbench")
REGISTRY = """
[[tests]]
name = "left"
steps = [{ action = "shell", run = "uname -s; sleep 3" }]

[[tests]]
name = "right"
steps = [{ action = "shell", run = "sleep 3; echo went wrong >&2; exit 4" }]

[[tests]]
name = "endless"
steps = [{ action = "shell", run = "echo begun; sleep 1000", timeout = 2000 }]
"""
PATIENCE = 120.0
"""Seconds that anything here may take on a busy host before a test gives up."""


@dataclass
class Terminal:
    """Where a user types ``vmbench`` in a project of their own."""

    folder: Path
    environ: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def store(self) -> MachineStore:
        return MachineStore(Path(self.environ["VMBENCH_STATE"]) / "machines")

    def start(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(VMBENCH), *words],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process


@pytest.fixture
def terminal(tmp_path: Path, image_store: ImageStore) -> Iterator[Terminal]:
    folder = tmp_path / "project"
    (folder / "registry/box").mkdir(parents=True)
    (folder / "registry/box/test.toml").write_text(REGISTRY)
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "images").symlink_to(image_store.root.resolve())
    environ = {
        **os.environ,
        "VMBENCH_CACHE": str(cache),
        "VMBENCH_STATE": str(tmp_path / "state"),
        "VMBENCH_CONFIG": str(tmp_path / "config"),
        "TERM": "xterm-256color",
    }
    made = Terminal(folder, environ)
    yield made
    for process in made.started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()
    for record in made.store.records():
        made.store.remove(record.id)


def until(what: Callable[[], bool], why: str) -> None:
    """Wait for a state."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, f"waited in vain until {why}"
        time.sleep(0.05)


def read_until_begun(process: subprocess.Popen[str]) -> list[dict[str, object]]:
    """Read events until the endless test's step has printed something."""
    assert process.stdout is not None
    events = []
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1]["type"] == "StepOutput":
            return events
    raise AssertionError(f"the run ended too early: {process.communicate()}")


def guest_pids(terminal: Terminal) -> list[int]:
    return [r.pid for r in terminal.store.records() if r.pid is not None]


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def test_a_run_with_a_failure(terminal: Terminal) -> None:
    process = terminal.start("run", "--json", "--parallel", "2", "-endless")
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, err
    events = [json.loads(line) for line in out.splitlines()]
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    finished = {e["test"]: e for e in events if e["type"] == "TestFinished"}
    assert finished["box-left"]["outcome"] == "passed"
    assert finished["box-right"]["outcome"] == "failed"
    assert "4" in finished["box-right"]["message"]
    # Both were up at once: each one's step began before the other's ended.
    began = {e["test"]: e["mono"] for e in events if e["type"] == "StepStarted"}
    ended = {e["test"]: e["mono"] for e in events if e["type"] == "StepFinished"}
    assert max(began.values()) < min(ended.values())
    assert terminal.store.records() == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_behind(terminal: Terminal, number: signal.Signals, code: int) -> None:
    process = terminal.start("run", "--json", "endless")
    read_until_begun(process)
    (pid,) = guest_pids(terminal)
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert "cancelled" in err
    assert not alive(pid)
    assert terminal.store.records() == []


@pytest.mark.parametrize("words", [["--json"], []], ids=["json", "lines"])
def test_a_reader_that_goes_away_ends_the_run_quietly(terminal: Terminal, words: list[str]) -> None:
    process = terminal.start("run", "-endless", *words)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(PATIENCE) == 141
    assert err == ""
    assert terminal.store.records() == []


def test_kill_9_leaves_no_machine_and_the_next_start_says_so(terminal: Terminal) -> None:
    process = terminal.start("run", "--json", "endless")
    read_until_begun(process)
    (pid,) = guest_pids(terminal)
    (record,) = terminal.store.records()
    process.kill()
    process.communicate()
    until(lambda: not alive(pid), "the guest is gone")
    until(lambda: terminal.store.records() == [], "its folder is gone")
    again = terminal.start("run", "--json", "left")
    _, err = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0
    assert f"reclaimed {record.id}" in err


def test_a_kept_machine_is_listed_and_removed(terminal: Terminal) -> None:
    process = terminal.start("run", "right", "--keep", "on-failure")
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    (record,) = terminal.store.records()
    assert record.id in out
    listed = terminal.start("ps", "--json")
    (row,) = json.loads(listed.communicate(timeout=PATIENCE)[0])
    assert (row["id"], row["keep"], row["state"]) == (record.id, True, "running")
    removed = terminal.start("rm", "-y", record.id)
    assert removed.communicate(timeout=PATIENCE)[0].startswith(f"removed {record.id}")
    assert not alive(row["pid"])
    assert terminal.store.records() == []


def test_a_terminal_sees_the_table_and_then_the_end(terminal: Terminal) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [str(VMBENCH), "run", "-endless"],
        cwd=terminal.folder,
        env=terminal.environ | {"COLUMNS": "100", "LINES": "30"},
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    seen = b""
    with contextlib.suppress(OSError):  # raised when the other end is closed
        while chunk := os.read(leader, 65536):
            seen += chunk
    os.close(leader)
    assert process.wait(PATIENCE) == 1
    text = harmless(seen.decode())
    assert "booting" in text
    assert "0/2" in text
    assert "1/1 shell" in text
    end = text[text.rindex("━━ ✗ failed: box-right") :]
    assert "│ went wrong" in end
    assert "1 passed, 1 failed in" in end
    assert "artifacts: " in end
    assert b"\x1b[?25h" in seen  # the cursor is back
