"""Fixtures of the command line's tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import app.wiring
from app.paths import Paths, user_paths
from backends.base import Backend
from backends.snapshots import SnapshotStore
from tests.cli_desk import GOOD, Desk
from tests.fakes import FakeBackend


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
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
