"""The places of machines and snapshots in a real terminal, on a real machine."""

from __future__ import annotations

from pathlib import Path

from backends.base import MachineState
from backends.snapshots import SnapshotStore
from tests.real_user import User, until


def test_a_machine_is_made_saved_forked_and_removed(user: User) -> None:
    user.write(
        "registry/box/test.toml", '[[tests]]\nname = "one"\nsteps = [{ action = "shell", run = "true" }]\n'
    )
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
        until(lambda: len(names()) == 1, "a machine is made")
        (made,) = names()
        terminal.wait("root@127.0.0.1 port")
        terminal.type("s")
        terminal.wait("under which name?")
        terminal.type("fresh\r")
        until(lambda: [record.name for record in snapshots.records()] == ["fresh"], "it is saved")
        terminal.type("5")
        terminal.wait("disk+ram")
        terminal.type("f")
        # The fork is selected among the machines.
        terminal.wait("fork of fresh")
        until(lambda: len(names()) == 2, "the fork is kept")
        (fork,) = set(names()) - {made}
        terminal.wait(f"vmbench exec {fork}")
        terminal.type("x")
        terminal.wait(f"Stop {fork}?")
        terminal.type("y")
        until(lambda: user.store.find(fork).state is MachineState.STOPPED, "the fork is stopped")
        terminal.wait("■ stopped")
        terminal.type("d")
        terminal.wait(f"Remove {fork}?")
        terminal.type("y")
        until(lambda: names() == [made], "the fork is gone")
        terminal.type("5")
        terminal.wait("SNAPSHOT")
        terminal.type("d")
        terminal.wait("Remove fresh?")
        terminal.type("y")
        until(lambda: snapshots.records() == [], "the snapshot is gone")
        terminal.wait("0 snapshots")
        terminal.type("q")
        assert terminal.exit_code() == 0
    assert names() == [made]
    assert user.run("exec", made, "--", "echo", "alive").stdout == "alive\n"
