"""Packages from a pinned list of addresses and checksums, for hosts without apt."""

from __future__ import annotations

import asyncio
import contextlib
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path

import httpx
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from backends.base import BackendError
from backends.images.downloads import Downloads
from backends.images.progress import OnProgress, Progress
from backends.images.recipe import PackageFile, Requirement

MIRROR = "https://snapshot.debian.org/file"
"""Serves every file that Debian ever published by its SHA-1."""

_PARALLEL = 4
_ATTEMPTS = 5
_TIMEOUT = httpx.Timeout(30.0, connect=15.0)
_REMEDY = "check the network, or set VMBENCH_IMAGE_MIRROR to a mirror; what is there already is kept"


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of the pinned list: a package of one requirement, and its path below the mirror."""

    roles: tuple[str, ...]
    package: PackageFile


class _WorthAnotherTry(Exception):
    """The transfer broke; what arrived is kept."""


class HttpSource:
    """Fetches the packages of a pinned list.

    Args:
        mirror: Base address; Debian's archive of snapshots unless given.
        pins: The list; the one that vmbench ships unless given.
        retry_wait: Most seconds before the first retry; doubled each time.
    """

    name = "http"

    def __init__(
        self, *, mirror: str | None = None, pins: Path | None = None, retry_wait: float = 0.5
    ) -> None:
        self.mirror = (mirror or MIRROR).rstrip("/")
        self._pins = pins
        self._retry_wait = retry_wait

    async def resolve(
        self, requirements: Sequence[Requirement], on_progress: OnProgress
    ) -> tuple[PackageFile, ...]:
        """Name the pinned packages of these requirements.

        Raises:
            BackendError: the list has none for one of them, or cannot be read.
        """
        pins = read_pins(self._pins)
        found: dict[str, PackageFile] = {}
        for requirement in requirements:
            of_role = [pin.package for pin in pins if requirement.role in pin.roles]
            if not of_role:
                raise BackendError(
                    f"the list of pinned packages has none for {requirement.role}",
                    remedy="set VMBENCH_IMAGE_SOURCE=apt on a host with apt",
                )
            found.update((package.name, package) for package in of_role)
        return tuple(found[name] for name in sorted(found))

    async def fetch(
        self, packages: Sequence[PackageFile], downloads: Downloads, on_progress: OnProgress
    ) -> None:
        """Download packages side by side, resuming what an earlier attempt left.

        Raises:
            BackendError: the server cannot be reached, lacks a file, or serves another one.
        """
        await asyncio.to_thread(downloads.folder.mkdir, parents=True, exist_ok=True)
        total = sum(each.size for each in packages)
        done = dict.fromkeys(packages, 0)

        def report(package: PackageFile, size: int) -> None:
            done[package] = size
            on_progress(Progress("downloading", sum(done.values()), total, package.title))

        limit = asyncio.Semaphore(_PARALLEL)
        async with httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=True) as client:

            async def one(package: PackageFile) -> None:
                async with limit:
                    await self._fetch(client, package, downloads, report)

            try:
                async with asyncio.TaskGroup() as group:
                    for package in packages:
                        group.create_task(one(package))
            except* BackendError as errors:
                raise _first(errors) from None

    async def _fetch(
        self,
        client: httpx.AsyncClient,
        package: PackageFile,
        downloads: Downloads,
        report: Callable[[PackageFile, int], None],
    ) -> None:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((_WorthAnotherTry, httpx.TransportError)),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=self._retry_wait, max=15),
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    await self._transfer(client, package, downloads, report)
        except (_WorthAnotherTry, httpx.TransportError) as error:
            raise BackendError(
                f"{package.title} could not be downloaded from {self.mirror} in {_ATTEMPTS} attempts: "
                f"{error or type(error).__name__}",
                remedy=_REMEDY,
            ) from error

    async def _transfer(
        self,
        client: httpx.AsyncClient,
        package: PackageFile,
        downloads: Downloads,
        report: Callable[[PackageFile, int], None],
    ) -> None:
        partial = downloads.partial(package)
        have = partial.stat().st_size if partial.exists() else 0
        if have > package.size:
            partial.unlink()
            have = 0
        report(package, have)
        if have < package.size:
            await self._receive(client, package, partial, have, report)
        if partial.stat().st_size < package.size:
            raise _WorthAnotherTry("the connection was closed before the end")
        if not await asyncio.to_thread(downloads.accept, package, partial):
            # Bytes of a broken transfer may be in it, so a fresh one gets its chance.
            raise _WorthAnotherTry("what came has the wrong checksum")

    async def _receive(
        self,
        client: httpx.AsyncClient,
        package: PackageFile,
        partial: Path,
        have: int,
        report: Callable[[PackageFile, int], None],
    ) -> None:
        url = f"{self.mirror}/{package.locator}"
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        async with client.stream("GET", url, headers=headers) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                partial.unlink()
                raise _WorthAnotherTry("the server has fewer bytes than were received before")
            if response.status_code >= 500 or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                raise _WorthAnotherTry(f"the server answered {response.status_code}")
            if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
                raise BackendError(
                    f"{package.title} is not at {url}: the server answered {response.status_code}",
                    remedy=_REMEDY,
                )
            resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
            size = have if resumed else 0
            # Chunks are small enough for the page cache to take without a noticeable wait.
            with partial.open("ab" if resumed else "wb") as file:
                async for chunk in response.aiter_raw():
                    size += len(chunk)
                    if size > package.size:
                        break
                    file.write(chunk)
                    report(package, size)
        if size > package.size:
            with contextlib.suppress(FileNotFoundError):
                partial.unlink()
            raise BackendError(
                f"{url} is larger than {package.title}, so it is something else", remedy=_REMEDY
            )


def read_pins(path: Path | None = None) -> list[Pin]:
    """Read a pinned list; the one that vmbench ships unless ``path`` is given.

    Raises:
        BackendError: it is not such a list.
    """
    where = str(path) if path else "pins.toml"
    try:
        text = (path or package_files("backends.images") / "pins.toml").read_text(encoding="utf-8")
        return [
            Pin(
                roles=tuple(entry["roles"]),
                package=PackageFile(
                    name=entry["name"],
                    version=entry["version"],
                    sha256=entry["sha256"],
                    size=entry["size"],
                    locator=entry["sha1"],
                ),
            )
            for entry in tomllib.loads(text)["package"]
        ]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise BackendError(f"{where} is not a list of pinned packages: {error!r}") from error


def _first(group: BaseExceptionGroup[BackendError]) -> BackendError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
