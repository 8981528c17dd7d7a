"""Made-up images, checks and garbage: what screenshots, trials and tests of those places show."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from app.engine.doctor import Check, Status
from app.engine.garbage import Garbage
from app.engine.image_shelf import ShelvedImage
from app.tui import demo
from backends.base import BackendError
from backends.images.builds import ImageInfo
from backends.images.progress import Progress

if TYPE_CHECKING:
    from backends.images.progress import OnProgress

DAY = 86400.0
MIB = 1 << 20


def _image(name: str, digest: str, size: int, days: float, what: str) -> ImageInfo:
    return ImageInfo(
        name=name,
        recipe=name.partition("@")[0],
        digest=digest * 8 if digest else "",
        built=bool(digest),
        size=size * MIB,
        created=datetime.fromtimestamp(demo.EPOCH - days * DAY, UTC) if digest else None,
        description=what,
    )


@dataclass
class DemoImages:
    """Fulfils ``ImagesApi`` without building anything."""

    images: list[ShelvedImage] = field(
        default_factory=lambda: [
            ShelvedImage(
                info=_image("tiny", "5e1f90aa", 19, 2, "A shell and an SSH server, up in a second."),
                machines=("m-41c9",),
                templates=3,
                snapshots=("before-upgrade",),
            ),
            ShelvedImage(
                info=_image("tiny@0b77c2d41e09", "0b77c2d4", 18, 40, "A shell and an SSH server."),
            ),
            ShelvedImage(info=_image("debian", "", 0, 0, "Debian 12 with systemd, on a disk.")),
        ]
    )
    wrong: list[str] = field(default_factory=list)
    """What ``verify`` finds."""
    failure: str = ""
    """What ``build`` raises."""
    asked: list[str] = field(default_factory=list)
    """What was called, in order."""
    going: asyncio.Event = field(default_factory=asyncio.Event)
    """A build ends when it is set."""
    error: BackendError | None = None
    """What ``list`` raises."""

    async def build(self, name: str, *, force: bool = False, on_progress: OnProgress | None = None) -> str:
        """Report half a download and wait for ``going``."""
        self.asked.append(f"build {name}{' force' if force else ''}")
        if on_progress is not None:
            on_progress(Progress("downloading", 9 * MIB, 18 * MIB, "linux-image-6.1.0-cloud-amd64"))
        try:
            await self.going.wait()
        except asyncio.CancelledError:
            self.asked.append(f"cancelled {name}")
            raise
        if self.failure:
            raise BackendError(self.failure, remedy="look at the network, then try again")
        return f"{name} 7c0ffee7c0ff"

    async def verify(self, name: str, on_progress: OnProgress | None = None) -> list[str]:
        """Return what is wrong."""
        self.asked.append(f"verify {name}")
        return self.wrong

    def remove(self, name: str) -> int:
        """Forget an image."""
        self.asked.append(f"remove {name}")
        gone = [image for image in self.images if image.info.name == name]
        self.images = [
            replace(image, info=replace(image.info, built=False, digest="", size=0, created=None))
            if image in gone and not image.replaced
            else image
            for image in self.images
            if image not in gone or not image.replaced
        ]
        return sum(image.info.size for image in gone)

    # The name hides the type from annotations that follow it, so it comes last.
    def list(self) -> list[ShelvedImage]:
        """Return the images."""
        if self.error is not None:
            raise self.error
        return list(self.images)


@dataclass
class DemoDoctor:
    """Fulfils ``DoctorApi`` without looking at anything."""

    found: list[Check] = field(
        default_factory=lambda: [
            Check(name="python", status=Status.OK, found="3.12.4"),
            Check(name="qemu", status=Status.OK, found="8.2.2 (/usr/bin/qemu-system-x86_64)"),
            Check(
                name="qemu-img",
                status=Status.FAIL,
                found="not installed; machines with a disk need it",
                remedy="sudo apt-get install -y --no-install-recommends qemu-utils",
            ),
            Check(
                name="acceleration",
                status=Status.WARN,
                found="tcg, software emulation: /dev/kvm cannot be opened",
                remedy="sudo usermod -aG kvm $USER, then log in again",
            ),
            Check(name="memory", status=Status.OK, found="11402 of 15884 MiB available, 1588 are left"),
            Check(name="cores", status=Status.OK, found="8"),
        ]
    )
    items: list[tuple[str, str, str, float, int]] = field(
        default_factory=lambda: [
            ("machine", "calm-otter", "running of cache-evicts-oldest; its vmbench is gone", 0.2, 214),
            ("snapshot", "half-saved", "unfinished: the vmbench that saved it is gone", 1.5, 96),
            ("checkpoint", "20251201-101500-k3f9.web.2", "a run saved it", 31.0, 77),
            ("image", "tiny@0b77c2d41e09", "a newer build replaced it", 40.0, 18),
        ]
    )
    """Kind, name, why, days and MiB of what can go."""
    asked: list[float] = field(default_factory=list)
    """The ages that garbage was looked for with."""
    reclaimed: list[str] = field(default_factory=list)
    stuck: str = ""
    """Name of what cannot be reclaimed."""
    error: BackendError | None = None
    """What ``garbage`` raises."""
    gate: threading.Event | None = None
    """Looking for garbage waits for it, if there is one."""

    def checks(self) -> list[Check]:
        """Return the checks."""
        return list(self.found)

    def garbage(self, older_than: float) -> list[Garbage]:
        """Return what can go."""
        self.asked.append(older_than)
        if self.gate is not None:
            self.gate.wait()
        if self.error is not None:
            raise self.error
        return [
            Garbage(
                kind=kind,
                name=name,
                why=why,
                age=days * DAY,
                size=size * MIB,
                reclaim=partial(self._reclaim, name),
            )
            for kind, name, why, days, size in self.items
            if kind in ("machine", "snapshot") or days * DAY >= older_than
        ]

    def _reclaim(self, name: str) -> None:
        if name == self.stuck:
            raise BackendError(f"{name} is in use", remedy="stop it first")
        self.reclaimed.append(name)
        self.items = [item for item in self.items if item[1] != name]
