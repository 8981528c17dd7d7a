"""The workbench in a real terminal, on real machines."""

from __future__ import annotations

from tests.real_user import User

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


def test_marking_running_and_reading_a_failure(user: User) -> None:
    user.write("registry/box/test.toml", REGISTRY)
    with user.terminal() as terminal:
        terminal.wait("3 tests")
        terminal.type("/-endless\rR")
        terminal.wait("running")
        # Both machines are at work at the same time.
        terminal.wait("2 machines at work")
        terminal.wait("1/1 shell")
        screen = terminal.wait("2/2")
        assert "1 passed" in screen and "1 failed" in screen
        terminal.wait("went wrong")
        terminal.type("j")
        terminal.wait("here I am")
        terminal.type("q")
        assert terminal.exit_code() == 0
    assert user.store.records() == []


def test_leaving_a_run_leaves_no_machine(user: User) -> None:
    user.write("registry/box/test.toml", REGISTRY)
    with user.terminal() as terminal:
        terminal.wait("3 tests")
        terminal.type("/endless\rR")
        terminal.wait(lambda _: len(user.store.records()) == 1)  # a machine is at work
        terminal.wait("1 machine at work")
        terminal.type("q")
        terminal.wait("Quit while a run is going on?")
        terminal.type("y")
        assert terminal.exit_code() == 0
    assert user.store.records() == []
