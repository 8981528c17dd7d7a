"""The workbench in a real terminal: a test fails, is run again, and is taken back to before it failed."""

from __future__ import annotations

from tests.real_user import User

TESTS = """
[[tests]]
name = "breaks"
steps = [
  { action = "shell", run = "echo whole >/tmp/mark" },
  { action = "shell", run = "echo mark was $(cat /tmp/mark); echo broken >/tmp/mark; exit 3" },
]
"""


def test_a_failed_test_is_rewound_and_walked_into(user: User) -> None:
    user.write("registry/tests/breaks.toml", TESTS)
    with user.terminal() as terminal:
        terminal.wait("breaks")
        terminal.type("R")
        terminal.wait("1 failed in")
        terminal.type("f")
        terminal.wait("rewind")
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
    (record,) = user.store.records()
    assert record.keep and record.pid is not None
    assert record.id in screen
