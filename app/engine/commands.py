"""The command log: what was run on the person's behalf, in memory for all, and in a file for each run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING

from backends import commands
from backends.commands import Command

if TYPE_CHECKING:
    from app.engine.offload import Writer

FILE = "commands.jsonl"
MOST = 5000
"""Commands that are held in memory."""


class CommandLog:
    """The newest commands of this process.

    Args:
        changed: Called when there is something new; from any thread.
    """

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self._commands: dict[str, Command] = {}
        self._changed = changed

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take in what is run meanwhile."""
        commands.listeners.append(self.take)
        try:
            yield
        finally:
            commands.listeners.remove(self.take)

    def take(self, command: Command) -> None:
        """Take in a command that began or ended."""
        self._commands[command.id] = command
        while len(self._commands) > MOST:
            self._commands.pop(next(iter(self._commands)))
        self._changed()

    def all(self) -> list[Command]:
        """Return the commands in the order in which they began."""
        return list(self._commands.values())


class RunCommands:
    """Writes down the commands of one run.

    Args:
        run: Its id.
        folder: Its folder.
        writer: Does its file work.
    """

    def __init__(self, run: str, folder: Path, writer: Writer) -> None:
        self._run = run
        self._file = folder / FILE
        self._writer = writer

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Write down what is run meanwhile."""
        commands.listeners.append(self._take)
        try:
            yield
        finally:
            commands.listeners.remove(self._take)

    def _take(self, command: Command) -> None:
        if command.run == self._run:
            line = json.dumps(asdict(command), separators=(",", ":")) + "\n"
            with contextlib.suppress(RuntimeError):  # the run is over, and its writer closed
                self._writer.submit(self._append, line)

    def _append(self, line: str) -> None:
        with contextlib.suppress(OSError), self._file.open("a") as file:
            file.write(line)


def read_commands(folder: Path) -> list[Command]:
    """Return the commands of a run in the order in which they began. Blocking.

    Raises:
        OSError: the file cannot be read; a run of before there was one has none.
    """
    known = {field.name for field in fields(Command)}
    found: dict[str, Command] = {}
    with (folder / FILE).open(errors="replace") as file:
        for line in file:
            with contextlib.suppress(ValueError, TypeError, AttributeError):
                command = Command(**{k: v for k, v in json.loads(line).items() if k in known})
                found[command.id] = command
    return list(found.values())
