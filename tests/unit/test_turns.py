"""Short turns on the processor."""

from __future__ import annotations

import re
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.tui.turns import TURN, ask_for_short_turns


def slice_of(task: str) -> int:
    """Return the length of a task's turns in nanoseconds."""
    told = Path(f"/proc/{task}/sched")
    found = re.search(r"se\.slice\s*:\s*(\d+)", told.read_text() if told.exists() else "")
    if found is None:
        pytest.skip("this system does not tell how long turns are")
    return int(found[1])


def test_a_thread_gets_short_turns_and_what_it_starts_does_not() -> None:
    before = slice_of("self")
    found: list[tuple[bool, int, int]] = []

    def ask() -> None:
        done = ask_for_short_turns()
        with subprocess.Popen(["sleep", "60"]) as child:
            found.append((done, slice_of("thread-self"), slice_of(str(child.pid))))
            child.kill()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    if found[0][0]:
        assert found[0][1:] == (TURN, before)
    else:
        assert found[0][1:] == (before, before)
    assert slice_of("self") == before


def test_an_unknown_machine_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.uname", lambda: SimpleNamespace(machine="pdp11"))
    assert not ask_for_short_turns()
