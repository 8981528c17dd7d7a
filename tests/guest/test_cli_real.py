"""The command line as a process of its own, on real machines."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from app.cli.text import harmless
from tests.real_user import PATIENCE, VMBENCH, User, read_events_until, until

REGISTRY = """
[[tests]]
name = "left"
steps = [{ action = "shell", run = "uname -s; sleep 1" }]

[[tests]]
name = "right"
steps = [{ action = "shell", run = "sleep 1; echo went wrong >&2; exit 4" }]

[[tests]]
name = "endless"
steps = [{ action = "shell", run = "echo begun; sleep 1000", timeout = 2000 }]
"""


@pytest.fixture
def user(user: User) -> User:
    user.write("registry/box/test.toml", REGISTRY)
    return user


def read_until_begun(process: subprocess.Popen[str]) -> None:
    """Read events until the endless test's step has printed something."""
    read_events_until(process, "StepOutput")


def guest_pids(user: User) -> list[int]:
    return [r.pid for r in user.store.records() if r.pid is not None]


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def test_a_run_with_a_failure(user: User) -> None:
    process = user.start("run", "--json", "--parallel", "2", "-endless")
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, err
    events = [json.loads(line) for line in out.splitlines()]
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    finished = {e["test"]: e for e in events if e["type"] == "TestFinished"}
    assert finished["box-left"]["outcome"] == "passed"
    assert finished["box-right"]["outcome"] == "failed"
    assert "4" in finished["box-right"]["message"]
    # Both went on at once: each began before the other's end.
    began = [e["mono"] for e in events if e["type"] == "TestStarted"]
    assert len(began) == 2 and max(began) < min(e["mono"] for e in finished.values())
    assert user.store.records() == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_behind(user: User, number: signal.Signals, code: int) -> None:
    process = user.start("run", "--json", "endless")
    read_until_begun(process)
    (pid,) = guest_pids(user)
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert "cancelled" in err
    assert not alive(pid)
    assert user.store.records() == []


@pytest.mark.parametrize("words", [["--json"], []], ids=["json", "lines"])
def test_a_reader_that_goes_away_ends_the_run_quietly(user: User, words: list[str]) -> None:
    process = user.start("run", "-endless", *words)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(PATIENCE) == 141
    assert err == ""
    assert user.store.records() == []


def test_kill_9_leaves_no_machine_and_the_next_start_says_so(user: User) -> None:
    process = user.start("run", "--json", "endless")
    read_until_begun(process)
    (pid,) = guest_pids(user)
    (record,) = user.store.records()
    process.kill()
    process.communicate()
    until(lambda: not alive(pid), "the guest is gone")
    until(lambda: user.store.records() == [], "its folder is gone")
    again = user.start("run", "--json", "left")
    _, err = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0
    assert f"reclaimed {record.id}" in err


def test_a_kept_machine_is_listed_and_removed(user: User) -> None:
    process = user.start("run", "right", "--keep", "on-failure")
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    (record,) = user.store.records()
    assert record.id in out
    listed = user.start("ps", "--json")
    (row,) = json.loads(listed.communicate(timeout=PATIENCE)[0])
    assert (row["id"], row["keep"], row["state"]) == (record.id, True, "running")
    removed = user.start("rm", "-y", record.id)
    assert removed.communicate(timeout=PATIENCE)[0].startswith(f"removed {record.id}")
    assert not alive(row["pid"])
    assert user.store.records() == []


def test_a_terminal_sees_the_table_and_then_the_end(user: User) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*VMBENCH, "run", "-endless"],
        cwd=user.folder,
        env=user.environ | {"COLUMNS": "100", "LINES": "30"},
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
