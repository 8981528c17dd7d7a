"""Machines that are measured again and again, on fakes; a real one is measured by its conformance tests."""

from __future__ import annotations

from dataclasses import replace

from app.engine.measuring import Measuring
from backends.base import BackendError, MachineRequest, MachineState, MachineStats
from backends.store import MachineRecord
from tests.fakes import FakeBackend


class Counting(FakeBackend):
    """Counts who walks in."""

    visits = 0

    async def visit(self, name: str):
        self.visits += 1
        return await super().visit(name)


async def test_a_machine_is_walked_into_once_for_as_long_as_it_is_the_same(tmp_path) -> None:
    backend = Counting(tmp_path / "machines")
    first, second = [await backend.create(MachineRequest(image="tiny")) for _ in range(2)]
    for machine in (first, second):
        await machine.start()
    records = [
        MachineRecord(
            id=machine.id,
            backend="fake",
            image="tiny",
            image_digest="",
            cpus=1,
            memory=256,
            disk=None,
            label="",
            run="",
            created=0.0,
            state=MachineState.RUNNING,
        )
        for machine in (first, second)
    ]
    measuring = Measuring(lambda name: backend)
    for _ in range(3):
        assert all(isinstance(found, MachineStats) for found in await measuring.stats(records))
    assert backend.visits == 2

    # one that was paused may be reached in another way
    await first.pause()
    records[0] = replace(records[0], state=MachineState.PAUSED)
    await measuring.stats(records)
    assert backend.visits == 3 and first.released and not second.released

    # one that ended is told, and the others are measured nevertheless
    second.die()
    records[1] = replace(records[1], state=MachineState.DIED)
    found = await measuring.stats(records)
    assert isinstance(found[0], MachineStats)
    assert isinstance(found[1], BackendError) and "vmbench start" in found[1].remedy
    assert second.released
    first.released = False
    await measuring.stats([])
    assert first.released, "nobody asks after it any more"
    await measuring.close()
