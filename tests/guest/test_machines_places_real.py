"""The places of machines and snapshots in a real terminal, on a real machine."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from backends.base import MachineState
from backends.snapshots import SnapshotStore
from tests.real_user import User

REGISTRY = '[[tests]]\nname = "one"\nsteps = [{ action = "shell", run = "true" }]\n'


def test_a_machine_is_made_saved_forked_and_removed(user: User) -> None:
    user.write("registry/box/test.toml", REGISTRY)
    snapshots = SnapshotStore(Path(user.environ["VMBENCH_STATE"]) / "snapshots")

    def names() -> list[str]:
        return [record.id for record in user.store.records() if record.keep]

    with user.terminal() as terminal:
        terminal.wait("1 test")
        terminal.type("4")
        terminal.wait("There is no machine")
        terminal.type("n")
        terminal.wait("New machine")
        terminal.type("\r")
        terminal.wait(lambda _: len(names()) == 1)  # a machine is made
        (made,) = names()
        terminal.wait("root@127.0.0.1 port")
        terminal.type("s")
        terminal.wait("under which name?")
        terminal.type("fresh\r")
        terminal.wait(lambda _: [record.name for record in snapshots.records()] == ["fresh"])  # it is saved
        terminal.type("5")
        terminal.wait("disk+ram")
        terminal.type("f")
        # The fork is selected among the machines.
        terminal.wait("fork of fresh")
        terminal.wait(lambda _: len(names()) == 2)  # the fork is kept
        (fork,) = set(names()) - {made}
        terminal.wait(f"vmbench exec {fork}")
        terminal.type("x")
        terminal.wait(f"Stop {fork}?")
        terminal.type("y")
        terminal.wait(lambda _: user.store.find(fork).state is MachineState.STOPPED)  # the fork is stopped
        terminal.wait("■ stopped")
        terminal.type("d")
        terminal.wait(f"Remove {fork}?")
        terminal.type("y")
        terminal.wait(lambda _: names() == [made])  # the fork is gone
        terminal.type("5")
        terminal.wait("SNAPSHOT")
        terminal.type("d")
        terminal.wait("Remove fresh?")
        terminal.type("y")
        terminal.wait(lambda _: snapshots.records() == [])  # the snapshot is gone
        terminal.wait("0 snapshots")
        terminal.type("q")
        assert terminal.exit_code() == 0
    assert names() == [made]
    assert user.run("exec", made, "--", "echo", "alive").stdout == "alive\n"


def test_a_machine_that_is_killed_gives_the_screen_back_and_says_what_happened(user: User) -> None:
    user.write("registry/box/test.toml", REGISTRY)
    name = user.run("up").stdout.strip()

    def kill() -> None:
        process = user.store.find(name).process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)

    with user.terminal() as terminal:
        terminal.wait("1 test")
        terminal.type("4")
        terminal.wait("root@127.0.0.1 port")
        terminal.type("a")
        terminal.wait(lambda text: terminal.lent)
        terminal.type("clear; echo wal''ked\r")
        terminal.wait("walked")
        kill()
        screen = terminal.wait(lambda text: "It ended" in text and not terminal.lent)
        assert f"vmbench start {name}" in screen
        terminal.wait("✗ died")
        terminal.type("o")
        terminal.wait(f"Started {name}.")
        terminal.type("A")
        terminal.wait("d leave")
        terminal.type("clear; echo op''ened\r")
        terminal.wait("opened")
        kill()
        terminal.wait("enter: again")
        terminal.type("\x07d")
        terminal.wait(lambda text: "Leave" in text or "✗ died" in text)
