"""Where the command line's tests call it from: a user's folders, a registry, a backend of fakes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import app.wiring
from app.cli.main import run
from app.paths import Paths, user_paths
from backends.base import Backend
from backends.snapshots import SnapshotStore
from backends.store import MachineFolder, MachineRecord, MachineStore
from tests.fakes import FakeBackend, FakeMachine, Script

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


def make_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    """Give vmbench folders, a working folder with a registry, and a backend of fakes."""
    for name in ("CACHE", "STATE", "CONFIG"):
        monkeypatch.setenv(f"VMBENCH_{name}", str(tmp_path / name.lower()))
    monkeypatch.delenv("VMBENCH_REGISTRY", raising=False)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    backend = FakeBackend(tmp_path / "fakes", {})

    def backends_for(paths: Paths, accel: str, isolation: str = "auto") -> Mapping[str, Backend]:
        return {"fake": backend}

    monkeypatch.setattr(app.wiring, "backends_for", backends_for)
    made = Desk(folder, user_paths(), backend, capsys)
    backend.snapshots = SnapshotStore(made.paths.snapshots)
    made.write("registry/web/test.toml", GOOD)
    return made


class StoredBackend(FakeBackend):
    """Fakes whose records are in the real store, as commands about machines look for them there."""

    def __init__(self, root: Path, paths: Paths, scripts: Mapping[str, Script] | None = None) -> None:
        super().__init__(root, scripts)
        self.snapshots = SnapshotStore(paths.snapshots)
        self.store = MachineStore(paths.machines)
        self.held: dict[str, MachineFolder] = {}

    def _add(self, machine: FakeMachine) -> FakeMachine:
        request = machine.request

        def record(name: str) -> MachineRecord:
            return MachineRecord(
                id=name,
                backend=self.name,
                image=request.image,
                image_digest="",
                cpus=request.cpus,
                memory=request.memory,
                disk=request.disk,
                label=request.label,
                run="",
                created=time.time(),
                parent=machine.origin,
            )

        held = self.store.create(record)
        held.close()
        machine.id, machine.folder = held.record.id, held.path
        machine.console_log = held.path / "console.log"
        machine.console_log.touch()
        self.held[machine.id] = held
        return super()._add(machine)

    async def adopt(self, name: str) -> FakeMachine:
        machine = await super().adopt(name)
        machine._death = asyncio.get_running_loop().create_future()  # each command has a loop of its own
        return machine

    def sync(self) -> None:
        """Write to the records what happened to the machines, as real ones do by themselves."""
        for machine in self.machines:
            held = self.held[machine.id]
            if machine.removed:
                held.delete()
            elif held.path.exists():
                held.update(state=machine.state, keep=bool(machine.kept), keep_reason=machine.kept)
