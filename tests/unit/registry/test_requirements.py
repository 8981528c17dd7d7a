from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from registry.model import MachineSpec, Service, Test
from registry.requirements import (
    GUEST_MEMORY,
    LEAST_MEMORY,
    MEMORY_STEP,
    UNKNOWN_SERVICE_MEMORY,
    disk_for,
    memory_for,
)

ANY = MachineSpec()


def make(*services: str, machine: MachineSpec = ANY) -> Test:
    return Test(name="x", file=Path("x"), key="", group="g", steps=(), services=services, machine=machine)


def service(name: str, memory: int | None = None, disk: int | None = None) -> Service:
    return Service(name=name, folder=Path("x"), memory=memory, disk=disk)


def test_a_test_of_its_own_gets_the_least() -> None:
    assert memory_for(make(), {}) == LEAST_MEMORY
    assert disk_for(make(), {}) is None


def test_what_a_test_asks_for_wins() -> None:
    services = {"a": service("a", 4096, 4096)}
    asked = make("a", machine=MachineSpec(memory=100, disk=10))
    assert (memory_for(asked, services), disk_for(asked, services)) == (100, 10)


def test_memory_adds_up_and_the_largest_disk_counts() -> None:
    services = {"a": service("a", 200, 10), "b": service("b", 100, 30), "c": service("c")}
    assert memory_for(make("a", "b"), services) == 512  # 192 + 300, rounded up
    assert disk_for(make("a", "b", "c"), services) == 30


@given(st.lists(st.one_of(st.none(), st.integers(1, 4096)), max_size=5))
def test_memory_is_enough_and_rounded(amounts: list[int | None]) -> None:
    services = {str(i): service(str(i), memory) for i, memory in enumerate(amounts)}
    memory = memory_for(make(*services), services)
    needed = GUEST_MEMORY + sum(m or UNKNOWN_SERVICE_MEMORY for m in amounts)
    assert memory >= max(needed, LEAST_MEMORY)
    assert memory % MEMORY_STEP == 0
    assert memory < max(needed, LEAST_MEMORY) + MEMORY_STEP
