"""What machine a test needs, where its author left that to its services."""

from __future__ import annotations

from collections.abc import Mapping

from registry.model import Service, Test

GUEST_MEMORY = 192
"""MiB that the guest itself takes."""
UNKNOWN_SERVICE_MEMORY = 128
"""MiB for a service that does not say what it needs."""
MEMORY_STEP = 64
"""Memory is rounded up to a multiple of this many MiB."""
LEAST_MEMORY = 256
"""MiB below which no machine is made unless its test asks for it."""


def memory_for(test: Test, services: Mapping[str, Service]) -> int:
    """Return the memory in MiB that a test's machine gets."""
    if test.machine.memory is not None:
        return test.machine.memory
    needed = GUEST_MEMORY
    for name in test.services:
        service = services.get(name)
        needed += (service.memory if service else None) or UNKNOWN_SERVICE_MEMORY
    return max(LEAST_MEMORY, -(-needed // MEMORY_STEP) * MEMORY_STEP)


def disk_for(test: Test, services: Mapping[str, Service]) -> int | None:
    """Return the size in MiB of a test's scratch disk: its own, or its services' largest."""
    if test.machine.disk is not None:
        return test.machine.disk
    sizes = [s.disk for name in test.services if (s := services.get(name)) and s.disk]
    return max(sizes, default=None)
