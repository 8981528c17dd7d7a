from __future__ import annotations

import pytest

from app.engine.api import RunOptions
from app.engine.history import ResultIndex
from app.engine.lazy import LazyEngine
from backends.base import BackendError
from tests.engine_bench import finished
from tests.fakes import make_registry, make_test


async def test_an_engine_is_made_when_it_is_needed_and_closed_only_then(bench, tmp_path) -> None:
    made = []
    registry = make_registry(make_test("t"))

    def make():
        made.append(1)
        if len(made) == 1:
            raise BackendError("not yet")
        return bench.engine

    lazy = LazyEngine(lambda: registry, make, tmp_path / "state")
    assert lazy.load() is registry and lazy.last_results() == {}
    await lazy.close()
    assert not made
    with pytest.raises(BackendError, match="not yet"):
        await lazy.start(registry, RunOptions())
    await lazy.close()
    done = await finished(await lazy.start(registry, RunOptions()))
    assert done.outcomes == {"t": "passed"} and len(made) == 2
    assert lazy.last_results() == ResultIndex(tmp_path / "state").last_results(str(registry.root)) != {}
    with pytest.raises(BackendError, match="no machine"):
        await lazy.adopt("nobody")
    await lazy.close()
    with pytest.raises(BackendError, match="closing"):
        await lazy.start(registry, RunOptions())
