"""Puts the pieces together: from a working folder, flags and environment to an engine."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.paths import Paths, user_paths
from app.settings import REGISTRY_ENV, Settings, load_settings
from registry.location import Location, find_registry

if TYPE_CHECKING:
    from app.engine.checkup import Doctor
    from app.engine.engine import Engine
    from app.engine.image_shelf import ImageShelf
    from app.engine.latency.lab import Lab
    from app.engine.lazy import LazyHouse
    from app.engine.machines import Machines
    from app.engine.past import PastRuns
    from app.engine.raising import OnLost
    from app.engine.snapshots import Snapshots
    from app.settings_desk import SettingsDesk
    from backends.base import Backend
    from backends.images.store import ImageStore
    from backends.snapshots import SnapshotStore
    from backends.store import MachineStore
    from registry.model import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Everything a command needs to know about where it was started."""

    paths: Paths
    settings: Settings
    location: Location

    def load(self) -> Registry:
        """Load the registry. Blocking."""
        from registry.discovery import load_location

        return load_location(self.location)


def find_workplace(
    *,
    registry: str | None = None,
    project: str | None = None,
    flags: Mapping[str, object] | None = None,
    start: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Workplace:
    """Find the registry and read the settings. Blocking, shortly.

    Args:
        registry: The registry's folder, as a flag named it.
        project: A project's folder, as a flag named it.
        flags: Settings given as flags, by key.
        start: The working folder.
        environ: The environment.

    Raises:
        RegistryError: the registry that was asked for is not there.
    """
    env = os.environ if environ is None else environ
    here = start or Path.cwd()
    paths = user_paths(env)
    named = registry or (None if project else env.get(REGISTRY_ENV))
    location = find_registry(here, Path(named) if named else None, Path(project) if project else None)
    settings = load_settings(
        project_file=location.config, user_file=paths.user_settings, environ=env, flags=flags
    )
    return Workplace(paths=paths, settings=settings, location=location)


def machine_store(paths: Paths) -> MachineStore:
    """Return the store of this user's machines."""
    from backends.store import MachineStore

    return MachineStore(paths.machines)


def image_store(paths: Paths) -> ImageStore:
    """Return the store of this user's images."""
    from backends.images.store import ImageStore

    return ImageStore(paths.images)


def snapshot_store(paths: Paths) -> SnapshotStore:
    """Return the store of this user's snapshots."""
    from backends.snapshots import SnapshotStore

    return SnapshotStore(paths.snapshots)


def template_store(paths: Paths) -> SnapshotStore:
    """Return the store of the templates that new machines are forked from."""
    from backends.snapshots import SnapshotStore

    return SnapshotStore(paths.templates)


def past_runs(paths: Paths) -> PastRuns:
    """Return this user's runs."""
    from app.engine.past import PastRuns

    return PastRuns(paths.runs)


def image_shelf(paths: Paths) -> ImageShelf:
    """Return this user's images, and who uses them."""
    from app.engine.image_shelf import ImageShelf

    return ImageShelf(paths)


def backends_for(paths: Paths, accel: str, isolation: str = "auto") -> Mapping[str, Backend]:
    """Return every backend by its name, the ones to prefer first."""
    from backends.qemu.backend import make_backends

    return make_backends(
        machine_store(paths),
        image_store(paths),
        accel,
        snapshots=snapshot_store(paths),
        templates=template_store(paths),
        isolation=isolation,
    )


def default_backend(backends: Mapping[str, Backend]) -> str:
    """Return the first backend that works on this host, or the first of all where none does."""
    return next((name for name, b in backends.items() if b.available().ok), next(iter(backends)))


def make_machines(
    paths: Paths,
    settings: Settings,
    *,
    backends: Callable[[], Mapping[str, Backend]] | None = None,
    on_lost: OnLost | None = None,
) -> Machines:
    """Return the machines of this user, as every face reads and commands them.

    Args:
        paths: The user's folders.
        settings: The settings that hold in the working folder.
        backends: Returns every backend by its name; by default they are made when one is first needed.
        on_lost: Is told of machines that could not be removed.
    """
    from app.engine.admission import Admission
    from app.engine.machines import Machines

    @functools.cache
    def made() -> Mapping[str, Backend]:
        paths.make()
        return backends_for(paths, settings.run.accel, settings.run.isolation)

    find = backends or made
    return Machines(
        machine_store(paths),
        find,
        default_backend=lambda: settings.run.backend or default_backend(find()),
        admission=Admission(paths.state, reserve=settings.run.reserve),
        snapshot=lambda name: snapshot_store(paths).get(name),
        images=lambda: [info.name for info in image_store(paths).list() if "@" not in info.name],
        on_lost=on_lost or (lambda machine, error: None),
    )


def make_snapshots(paths: Paths) -> Snapshots:
    """Return the snapshots of this user, as every face reads and commands them."""
    from app.engine.snapshots import Snapshots

    return Snapshots(snapshot_store(paths), machine_store(paths), template_store(paths))


def make_house(place: Workplace) -> LazyHouse:
    """Return what outlives a run, for the workbench opened at ``place``."""
    from app.engine.lazy import LazyHouse, Makers

    paths, settings = place.paths, place.settings

    def desk() -> SettingsDesk:
        from app.settings_desk import SettingsDesk

        return SettingsDesk(paths, place.location)

    def doctor() -> Doctor:
        from app.engine.checkup import Doctor

        return Doctor(paths=paths, accel=settings.run.accel, isolation=settings.run.isolation)

    return LazyHouse(
        Makers(
            settings=desk,
            machines=lambda: make_machines(paths, settings),
            snapshots=lambda: make_snapshots(paths),
            lab=lambda: make_lab(paths, settings),
            runs=lambda: past_runs(paths),
            images=lambda: image_shelf(paths),
            doctor=doctor,
            reclaim=lambda: reclaim(paths),
        )
    )


def reclaim(paths: Paths) -> list[str]:
    """Remove what a vmbench that died left and nobody kept; return a line for each. Blocking."""
    store = machine_store(paths)
    swept = [*snapshot_store(paths).sweep(), *template_store(paths).sweep()]
    return [*store.take_reports(), *store.reclaim(), *swept]


def make_lab(paths: Paths, settings: Settings) -> Lab:
    """Return what takes and keeps measurements of latency."""
    from app.engine.admission import Admission
    from app.engine.latency.lab import Lab

    paths.make()

    def backend(isolation: str) -> Backend:
        backends = backends_for(paths, settings.run.accel, isolation)
        return backends[settings.run.backend or default_backend(backends)]

    admission = Admission(paths.state, reserve=settings.run.reserve)
    return Lab(paths.latency, machine_store(paths), backend, admission, settings.latency)


def make_engine(place: Workplace) -> Engine:
    """Return the engine that both faces call, for the registry and settings of ``place``."""
    from app.engine.checkpoints import CheckpointBudget
    from app.engine.engine import Engine
    from registry.model import Keep

    place.paths.make()
    settings = place.settings.run
    backends = backends_for(place.paths, settings.accel, settings.isolation)
    return Engine(
        place.load,
        backends,
        settings.backend or default_backend(backends),
        place.paths.runs,
        place.paths.state,
        default_keep=settings.keep or Keep.NEVER,
        default_parallel=settings.parallel,
        default_retry_errors=settings.retry_errors,
        reserve=settings.reserve,
        snapshots=snapshot_store(place.paths),
        checkpoint_budget=CheckpointBudget(count=settings.checkpoint_count, size=settings.checkpoint_size),
        secrets=settings.secrets,
        kept_runs=settings.history,
    )
