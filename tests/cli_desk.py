"""Where the command line's tests call it from: a user's folders, a registry, a backend of fakes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from app.cli.main import run
from app.paths import Paths
from tests.fakes import FakeBackend

GOOD = """
[[tests]]
name = "first"
summary = "the first of all"
tags = ["quick"]
steps = [{ action = "shell", run = "one" }, { action = "shell", run = "two" }]

[[tests]]
name = "second"
tags = ["slow"]
machine = { cpus = 2, memory = 512 }
steps = [{ action = "shell", run = "three" }]
"""


@dataclass
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str


@dataclass
class Desk:
    """Where the command line is called from."""

    folder: Path
    paths: Paths
    backend: FakeBackend
    capsys: pytest.CaptureFixture[str]

    def write(self, name: str, text: str) -> Path:
        """Write a file of the working folder."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def call(self, *words: str) -> Result:
        """Call vmbench."""
        self.capsys.readouterr()
        code = run(list(words))
        said = self.capsys.readouterr()
        return Result(code, said.out, said.err)
