"""The command log: what is told of commands, written down with a run, and read again."""

from __future__ import annotations

import json
import subprocess

import pytest

from app.engine.commands import FILE, MOST, CommandLog, read_commands
from backends import commands
from backends.commands import Command, Scope, noted, scope
from tests.fakes import FakeMachine, Reply, Script, make_registry, make_test, shell


def test_a_command_is_told_when_it_begins_and_when_it_ends() -> None:
    changes = []
    log = CommandLog(lambda: changes.append(1))
    with log.listening():
        with noted("tool", ["qemu-img", "create", "a b"], "calm-otter") as ending:
            (begun,) = log.all()
            assert begun.duration is None and begun.text == "qemu-img create 'a b'"
            ending.exit_code = 3
        with pytest.raises(subprocess.TimeoutExpired), noted("tool", ["sleep"]):
            raise subprocess.TimeoutExpired("sleep", 1)
    with noted("tool", "unheard"):
        pass
    first, second = log.all()
    assert (first.exit_code, first.error, first.id) == (3, "", begun.id) and first.duration is not None
    assert second.exit_code is None and "timed out" in second.error
    assert len(changes) == 4 and not commands.listeners


def test_keys_and_secrets_are_masked() -> None:
    log = CommandLog()
    token = scope.set(Scope(run="r", test="t", mask=lambda text: text.replace("hunter2", "•••")))
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\nBBBB\n-----END OPENSSH PRIVATE KEY-----"
    try:
        with log.listening(), noted("guest", f"echo hunter2 '{key}' x", "m"):
            pass
    finally:
        scope.reset(token)
    (command,) = log.all()
    assert command.text == "echo ••• '•••' x" and (command.run, command.test) == ("r", "t")
    assert command.typed == """vmbench exec m -- sh -c 'echo ••• '"'"'•••'"'"' x'"""


def test_a_listener_that_fails_hurts_nobody_and_memory_is_bounded() -> None:
    def bad(_command: Command) -> None:
        raise RuntimeError

    log = CommandLog()
    commands.listeners.append(bad)
    try:
        with log.listening():
            for _ in range(MOST + 10):
                with noted("tool", "x"):
                    pass
    finally:
        commands.listeners.remove(bad)
    assert len(log.all()) == MOST


async def test_a_run_writes_down_its_commands_and_no_others(bench) -> None:
    async def act(machine: FakeMachine) -> Reply:
        with noted("guest", "one", machine.id) as ending:
            ending.exit_code = 0
        return Reply()

    with noted("tool", "before"):
        done = await bench.run(
            make_registry(make_test("t", shell("one"))), {"t": Script(commands={"one": act})}
        )
    (command,) = read_commands(done.run.folder)
    assert (command.text, command.run, command.test, command.exit_code) == ("one", done.run.id, "t", 0)
    file = done.run.folder / FILE
    file.write_text(file.read_text() + "{torn\n[]\n" + json.dumps({"id": "x"}) + "\n")
    assert read_commands(done.run.folder) == [command]
    assert not commands.listeners
