from __future__ import annotations

import pytest

from app.engine.api import RunOptions
from app.engine.history import ResultIndex
from app.engine.lazy import LazyEngine, LazyHouse, Makers
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


async def test_a_registry_that_is_read_again_is_the_engines_too(tmp_path) -> None:
    registries = [make_registry(make_test("old"))]

    class Engine:
        registry = None

        def load(self):
            self.registry = registries[-1]
            return self.registry

    engine = Engine()
    lazy = LazyEngine(lambda: registries[-1], lambda: engine, tmp_path / "state")
    lazy.load()
    assert await lazy.engine() is engine and engine.registry is registries[0]
    registries.append(make_registry(make_test("new")))
    assert lazy.load() is registries[1]
    assert engine.registry is registries[1], "a rewind would type what the step was before"


async def test_a_house_makes_a_part_when_it_is_asked_for_and_all_of_them_as_it_is_furnished() -> None:
    made: list[str] = []

    class Part:
        def __init__(self, name: str) -> None:
            self.name = name

        async def close(self) -> None:
            made.append(f"{self.name} closed")

    def maker(name: str):
        def make() -> Part:
            made.append(name)
            return Part(name)

        return make

    parts = ("machines", "snapshots", "lab", "settings", "runs", "images", "doctor")

    def house() -> LazyHouse:
        made.clear()
        return LazyHouse(Makers(**{part: maker(part) for part in parts}, reclaim=lambda: ["one went"]))

    lazy = house()
    assert lazy.runs is lazy.runs and made == ["runs"]
    await lazy.close()
    assert made == ["runs"], "machines are not made to be closed"
    lazy = house()
    assert lazy.settings.name == "settings"
    assert lazy.furnish() == ["one went"]
    assert sorted(made) == sorted(parts)
    await lazy.close()
    assert made[-1] == "machines closed"
