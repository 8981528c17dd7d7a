"""Real guests for tests: one cached image, a store per test, machines that are always removed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from backends.base import MachineRequest
from backends.images.store import ImageStore
from backends.qemu.backend import QemuBackend, make_backends
from backends.qemu.machine import QemuMachine
from backends.snapshots import SnapshotStore
from backends.store import MachineStore
from tests.real_user import User

REPO = Path(__file__).resolve().parents[2]

Boot = Callable[..., Awaitable[QemuMachine]]


@pytest.fixture(scope="session")
def image_store() -> ImageStore:
    """The image cache that all tests share; the tiny guest is in it."""
    root = Path(os.environ.get("VMBENCH_TEST_CACHE", REPO / ".cache" / "images"))
    store = ImageStore(root)
    asyncio.run(store.ensure("tiny"))
    return store


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> SnapshotStore:
    """The templates that all tests fork their machines from, unless they ask for ``cold`` ones.

    The workers of a parallel run share them too.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    return SnapshotStore(root / "templates")


@pytest.fixture
def snapshots(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "snapshots")


@pytest.fixture
def machine_store(tmp_path: Path) -> MachineStore:
    return MachineStore(tmp_path / "machines")


@pytest.fixture
async def backends(
    machine_store: MachineStore,
    image_store: ImageStore,
    snapshots: SnapshotStore,
    templates: SnapshotStore,
) -> AsyncIterator[dict[str, QemuBackend]]:
    made = dict(make_backends(machine_store, image_store, snapshots=snapshots, templates=templates))
    yield made
    for backend in made.values():
        await backend.close()


@pytest.fixture
async def boot(backends: dict[str, QemuBackend]) -> AsyncIterator[Boot]:
    """Makes machines: ``await boot("microvm", memory=256)``; all are removed after the test.

    They are forks of a template unless asked to be ``cold=True``.
    """
    machines: list[QemuMachine] = []

    async def boot_one(backend: str = "microvm", **wishes: object) -> QemuMachine:
        machine = await backends[backend].create(MachineRequest(**wishes))  # type: ignore[arg-type]
        machines.append(machine)
        await machine.start()
        return machine

    yield boot_one
    for machine in machines:
        await machine.remove()


@pytest.fixture
def user(tmp_path: Path, image_store: ImageStore, templates: SnapshotStore) -> Iterator[User]:
    """Someone who types ``vmbench``; what they leave behind is removed after the test."""
    made = User.at(tmp_path, image_store.root, templates)
    yield made
    made.leave()
