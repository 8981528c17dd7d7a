"""The images of this host as people see them: what there is, who uses it, how to build and remove it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from app.paths import Paths

if TYPE_CHECKING:
    from backends.images.builds import ImageInfo
    from backends.images.progress import OnProgress
    from backends.images.store import ImageStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelvedImage:
    """An image, or a build of one that a newer one replaced."""

    info: ImageInfo
    machines: tuple[str, ...] = ()
    """Ids of the machines that were made from it."""
    templates: int = 0
    """Templates that new machines are forked from."""
    snapshots: tuple[str, ...] = ()
    """Names of the snapshots of machines that were made from it."""

    @property
    def replaced(self) -> bool:
        """Whether a newer build has its name now."""
        return "@" in self.info.name

    @property
    def unused(self) -> bool:
        """Whether nobody would miss it: it is replaced, and no machine or snapshot is made from it."""
        return self.replaced and self.info.built and not self.machines and not self.snapshots

    @property
    def users(self) -> str:
        """Who uses it, in words."""
        parts = []
        for number, word in (
            (len(self.machines), "machine"),
            (len(self.snapshots), "snapshot"),
            (self.templates, "template"),
        ):
            if number:
                parts.append(f"{number} {word}{'' if number == 1 else 's'}")
        return ", ".join(parts)


class ImagesApi(Protocol):
    """What the workbench and the command line ask and command."""

    async def build(self, name: str, *, force: bool = False, on_progress: OnProgress | None = None) -> str:
        """Build an image from the newest packages, and return what was made, in words.

        Raises:
            BackendError: it cannot be built.
        """
        ...

    async def verify(self, name: str, on_progress: OnProgress | None = None) -> list[str]:
        """Return what is wrong with an image's files; empty when all is well.

        Raises:
            BackendError: there is no such build.
        """
        ...

    def remove(self, name: str) -> int:
        """Delete an image's builds, or one build; return the bytes freed. Blocking.

        Raises:
            BackendError: it is unknown, or being built.
        """
        ...

    # The name hides the type from annotations that follow it, so it comes last.
    def list(self) -> list[ShelvedImage]:
        """Return all images. Blocking."""
        ...


class ImageShelf:
    """Fulfils ``ImagesApi``; the stores are imported when they are asked.

    Args:
        paths: The user's folders.
    """

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    @cached_property
    def _store(self) -> ImageStore:
        from backends.images.store import ImageStore

        return ImageStore(self._paths.images)

    async def build(self, name: str, *, force: bool = False, on_progress: OnProgress | None = None) -> str:
        """Build an image from the newest packages, and return what was made, in words."""
        image = await self._store.build(name, force, on_progress)
        return f"{image.name} {image.digest[:12]}"

    async def verify(self, name: str, on_progress: OnProgress | None = None) -> list[str]:
        """Return what is wrong with an image's files; empty when all is well."""
        return await self._store.verify(name, on_progress)

    def remove(self, name: str) -> int:
        """Delete an image's builds, or one build; return the bytes freed. Blocking."""
        return self._store.remove(name)

    # The name hides the type from annotations that follow it, so it comes last.
    def list(self) -> list[ShelvedImage]:
        """Return all images. Blocking."""
        from backends.snapshots import SnapshotStore
        from backends.store import MachineStore

        machines: dict[str, list[str]] = {}
        for machine in MachineStore(self._paths.machines).records():
            machines.setdefault(machine.image_digest, []).append(machine.id)
        snapshots: dict[str, list[str]] = {}
        for snapshot in SnapshotStore(self._paths.snapshots).records():
            snapshots.setdefault(snapshot.image_digest, []).append(snapshot.name)
        templates = Counter(t.image_digest for t in SnapshotStore(self._paths.templates).records())
        return [
            ShelvedImage(
                info=info,
                machines=tuple(machines.get(info.digest, ())) if info.digest else (),
                snapshots=tuple(snapshots.get(info.digest, ())) if info.digest else (),
                templates=templates[info.digest] if info.digest else 0,
            )
            for info in self._store.list()
        ]
