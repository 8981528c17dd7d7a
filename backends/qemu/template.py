"""Templates: the saved state of a freshly booted image of one shape, from which machines are forked.

The first machine of a shape boots and becomes the template; every later one, and that first request
too, maps its memory privately and resumes. A template's key holds everything that matters to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import json
import time
from pathlib import Path
from typing import Protocol

from backends.base import WARNING, BackendError, MachineRequest, PhaseSink
from backends.files import make_room
from backends.qemu import furnish, saving
from backends.qemu.argv import LaunchSpec, MachineType, cpu_model, kernel_arguments
from backends.qemu.parts import Parts
from backends.snapshots import SnapshotError, SnapshotStore
from backends.store import held

FORMAT = 3
"""Raised when templates of an older vmbench must not be used."""


AGAIN_AFTER = 60.0
"""Seconds until a template that could not be had is tried again; each try boots one machine more."""


class Origin(Protocol):
    """The machine that becomes the template."""

    async def become_template(self, store: SnapshotStore, name: str, say: PhaseSink) -> None:
        """Boot, save the state the guest is ready in, and end."""
        ...

    async def remove(self) -> None:
        """Delete what is left of it."""
        ...


class Maker(Protocol):
    """Makes the machine that becomes the template."""

    async def create(
        self, request: MachineRequest, backend: str, machine_type: MachineType, *, accel: str
    ) -> Origin:
        """Make a machine that boots."""
        ...


def key(launch: LaunchSpec, image_digest: str, disk: int | None) -> str:
    """Return the name of the template for machines of this shape.

    QEMU is told by its program's path, size and time, which a new version changes, too.
    """
    try:
        stat = Path(launch.binary).stat()
        program = [launch.binary, stat.st_size, stat.st_mtime_ns]
    except OSError:
        program = [launch.binary]
    facts = [
        *(FORMAT, image_digest, launch.machine_type, launch.accel, cpu_model(launch.accel)),
        *(launch.cpus, launch.memory, disk, kernel_arguments(launch), launch.tsc_khz, program),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]


class Template:
    """What one machine knows of its template.

    Args:
        maker: Makes the machine that becomes the template.
        store: Where templates live.
        machine: The machine to be forked.
        request: What was asked for.
        backend: The backend's name.
        image_digest: Digest of the image.
        failed: When templates could not be had, in monotonic seconds by their names; shared by all machines.
    """

    def __init__(
        self,
        maker: Maker,
        store: SnapshotStore,
        machine: Parts,
        request: MachineRequest,
        backend: str,
        image_digest: str,
        failed: dict[str, float],
    ) -> None:
        self._failed = failed
        self._maker = maker
        self._store = store
        self._machine = machine
        self._request = request
        self._backend = backend
        self.name = key(machine.launch, image_digest, request.disk)

    async def lay(self, say: PhaseSink) -> bool:
        """Have the template, making it if there is none or a damaged one, and lay it into the folder.

        Returns:
            Whether that worked; where it did not, the machine boots, and whoever waits is told why, once.
        """
        try:
            if not await asyncio.to_thread(self._usable) and not await self._made(say):
                return False
            await asyncio.to_thread(self._take_over)
        except (BackendError, OSError) as error:
            self._failed[self.name] = time.monotonic()
            with contextlib.suppress(OSError):
                await asyncio.to_thread(furnish.clear_resume, self._machine.folder)
            say(WARNING, f"no template can be forked, so machines boot: {_why(error)}")
            return False
        return True

    async def _made(self, say: PhaseSink) -> bool:
        """Make the template, or wait until somebody has; return whether it is there."""
        if self._failed_lately():
            return False
        self._store.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = self._store.root / f".{self.name}.lock"
        say("booting", "waiting for a template")
        async with held(lock, "make a template", timeout=self._request.boot_timeout):
            if await asyncio.to_thread(self._usable):
                return True
            if self._failed_lately():
                return False
            await self._make(say)
        return True

    def _failed_lately(self) -> bool:
        failed = self._failed.get(self.name)
        return failed is not None and time.monotonic() - failed < AGAIN_AFTER

    def _usable(self) -> bool:
        try:
            self._store.get(self.name)
        except SnapshotError:
            self.distrust()
            return False
        return True

    def _take_over(self) -> None:
        saving.take_over(self._machine, self._store, self.name, env=self._request.env)

    async def _make(self, say: PhaseSink) -> None:
        launch = self._machine.launch
        request = dataclasses.replace(self._request, label="template", cold=True, env={}, run="")
        made = await self._maker.create(request, self._backend, launch.machine_type, accel=launch.accel)
        try:
            await made.become_template(
                self._store, self.name, lambda _, detail: say("booting", f"template, {detail}")
            )
        finally:
            await asyncio.shield(asyncio.ensure_future(made.remove()))

    def distrust(self) -> None:
        """Discard the template. Blocking, shortly."""
        with contextlib.suppress(SnapshotError, OSError):
            self._store.remove(self.name)

    def forget(self) -> None:
        """Discard the template and what was laid of it. Blocking, shortly."""
        self.distrust()
        furnish.clear_resume(self._machine.folder)


def _why(error: BackendError | OSError) -> str:
    if isinstance(error, BackendError):
        said, remedy = error.message, error.remedy
    else:
        where = f"{error.filename}: " if error.filename is not None else ""
        said, remedy = f"{where}{error.strerror or error}", make_room(error)
    return f"{said} (try: {remedy})" if remedy else said
