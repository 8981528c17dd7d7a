"""Fixtures of the engine's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.engine.engine import Engine
from registry.model import Registry
from tests.engine_bench import Bench
from tests.fakes import FakeBackend


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    backend = FakeBackend(tmp_path / "machines")
    engine = Engine(
        lambda: Registry(root=tmp_path),
        {"fake": backend},
        "fake",
        tmp_path / "runs",
        tmp_path / "state",
        available=lambda: 1 << 20,
        snapshots=backend.snapshots,
    )
    yield Bench(engine, backend, tmp_path / "runs")
    await engine.close()
