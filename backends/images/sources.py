"""Where package files come from, and which way is taken on this host."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Protocol

from backends.base import BackendError
from backends.images.apt import AptSource
from backends.images.downloads import Downloads
from backends.images.http import HttpSource
from backends.images.progress import OnProgress
from backends.images.recipe import PackageFile, Requirement

ENV_SOURCE = "VMBENCH_IMAGE_SOURCE"
ENV_MIRROR = "VMBENCH_IMAGE_MIRROR"


class PackageSource(Protocol):
    """A way to find and fetch the packages an image is made of."""

    @property
    def name(self) -> str:
        """What users call the source."""
        ...

    async def resolve(
        self, requirements: Sequence[Requirement], on_progress: OnProgress
    ) -> tuple[PackageFile, ...]:
        """Name, sorted by name, the exact packages that fulfil the requirements.

        Raises:
            BackendError: a package cannot be found.
        """
        ...

    async def fetch(
        self, packages: Sequence[PackageFile], downloads: Downloads, on_progress: OnProgress
    ) -> None:
        """Bring packages into ``downloads``, verified.

        Raises:
            BackendError: one cannot be fetched, or its checksum is wrong.
        """
        ...


def select_source(environment: Mapping[str, str] = os.environ) -> PackageSource:
    """Choose apt where there is one, else the pinned list; ``VMBENCH_IMAGE_SOURCE`` overrides.

    Raises:
        BackendError: the variable holds something else than ``apt`` or ``http``.
    """
    wanted = environment.get(ENV_SOURCE, "")
    if wanted not in ("", AptSource.name, HttpSource.name):
        raise BackendError(
            f"{ENV_SOURCE}={wanted} is not an image source",
            remedy=f"unset it, or set it to {AptSource.name} or {HttpSource.name}",
        )
    if wanted == AptSource.name or (not wanted and AptSource.available()):
        return AptSource()
    return HttpSource(mirror=environment.get(ENV_MIRROR) or None)
