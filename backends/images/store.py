"""The cache of images: made once, named by what went into them, shared by every process.

Layout below the root::

    downloads/<sha256>.deb     package files
    tiny/current               digest of the build that the name "tiny" means
    tiny/<digest>/             kernel, initramfs, manifest.json
    tiny/.build-XXXX/          a build in the making; only the holder of the lock has one
    tiny.lock                  held by whoever builds or removes
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from backends.base import BackendError
from backends.images.builds import BUILD, BootImage, ImageInfo, complete, info, sync, usage, write_text, wrong
from backends.images.downloads import Downloads, sha256_of
from backends.images.manifest import Manifest, read_manifest, write_manifest
from backends.images.progress import OnProgress, Progress, silent
from backends.images.recipe import INITRAMFS, KERNEL, PackageFile, Recipe, digest_of
from backends.images.sources import PackageSource, select_source
from backends.images.tiny import TinyGuest

CURRENT = "current"
_LOCK_POLL = 0.1
_SHORT = 12

_T = TypeVar("_T")


class _Cancelled(Exception):
    """Ends a builder's thread between two steps."""


class ImageStore:
    """The images of one cache folder.

    Args:
        root: The cache folder; made when something is built.
        recipes: What can be built; the ones vmbench ships unless given.
        source: Where packages come from; chosen when it is needed unless given.
    """

    def __init__(
        self,
        root: Path,
        *,
        recipes: Sequence[Recipe] | None = None,
        source: Callable[[], PackageSource] = select_source,
    ) -> None:
        self.root = root
        self.downloads = Downloads(root / "downloads")
        self._recipes: dict[str, Recipe] = {each.name: each for each in (recipes or (TinyGuest(),))}
        self._source = source

    async def ensure(self, name: str, on_progress: OnProgress | None = None) -> BootImage:
        """Return an image, building it first if it is missing, damaged or of an older recipe.

        A cached image costs a few file look-ups. Of several processes that ask for a missing one,
        one builds and the others wait for it.

        Raises:
            BackendError: the name is unknown or the image cannot be built.
        """
        recipe, digest = self._resolve(name)
        found = self._cached(recipe, digest)
        if found:
            return found
        if digest:
            raise BackendError(
                f"the build {name} is damaged", remedy=f"vmbench image rm {name}, and use {recipe.name}"
            )
        report = on_progress or silent
        async with self._lock(recipe, report):
            return self._cached(recipe, "") or await self._build(recipe, report, newest=False)

    async def build(self, name: str, force: bool = False, on_progress: OnProgress | None = None) -> BootImage:
        """Build an image from the newest packages; what exists already is built anew with ``force`` only.

        Raises:
            BackendError: the name is unknown or the image cannot be built.
        """
        recipe, digest = self._resolve(name)
        if digest:
            raise BackendError(
                f"{name} is a build, not a recipe", remedy=f"vmbench image build {recipe.name}"
            )
        report = on_progress or silent
        async with self._lock(recipe, report):
            return await self._build(recipe, report, newest=True, force=force)

    async def verify(self, name: str, on_progress: OnProgress | None = None) -> list[str]:
        """Hash every file of an image and compare it with what was built.

        Returns:
            What is wrong, one line each; empty when all is well.

        Raises:
            BackendError: the name is unknown, or there is no such build.
        """
        recipe, digest = self._resolve(name)
        folder = self._home(recipe) / (digest or self._current(recipe) or "none")
        manifest = read_manifest(folder)
        if manifest is None:
            if folder.exists():
                return [f"{folder}: the manifest is missing or damaged"]
            raise BackendError(f"{name} was not built yet", remedy=f"vmbench image build {recipe.name}")
        return await asyncio.to_thread(wrong, folder, manifest, on_progress or silent)

    def remove(self, name: str) -> int:
        """Delete an image's builds, or the one build that ``name@digest`` names.

        Package files that no build is made of any more go too.

        Returns:
            How many bytes that freed.

        Raises:
            BackendError: the name is unknown, or the image is being built at this moment.
        """
        recipe, digest = self._resolve(name)
        if not self._home(recipe).exists():
            return 0
        descriptor = self._open_lock(recipe)
        try:
            if not _try_lock(descriptor):
                raise BackendError(
                    f"{_holder(descriptor)} is building {recipe.name}", remedy="wait until it is done"
                )
            return self._remove(recipe, digest)
        finally:
            os.close(descriptor)

    # -- looking up

    def _resolve(self, name: str) -> tuple[Recipe, str]:
        base, _, short = name.partition("@")
        recipe = self._recipes.get(base)
        if recipe is None:
            close = difflib.get_close_matches(base, self._recipes, n=1, cutoff=0.4)
            guess = f"did you mean {close[0]}?" if close else f"there are: {', '.join(self._recipes)}"
            raise BackendError(f"there is no image {base}", remedy=guess)
        if not short:
            return recipe, ""
        matches = [digest for digest in self._builds(recipe) if digest.startswith(short)]
        if len(matches) != 1:
            raise BackendError(
                f"there is no build {name}" if not matches else f"{name} names several builds",
                remedy="vmbench image list",
            )
        return recipe, matches[0]

    def _home(self, recipe: Recipe) -> Path:
        return self.root / recipe.name

    def _current(self, recipe: Recipe) -> str:
        try:
            return (self._home(recipe) / CURRENT).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def _builds(self, recipe: Recipe) -> dict[str, Manifest]:
        home = self._home(recipe)
        folders = sorted(home.iterdir()) if home.exists() else []
        manifests = {each.name: read_manifest(each) for each in folders if not each.name.startswith(".")}
        return {name: manifest for name, manifest in manifests.items() if manifest}

    def _cached(self, recipe: Recipe, digest: str) -> BootImage | None:
        folder = self._home(recipe) / (digest or self._current(recipe) or "none")
        manifest = read_manifest(folder)
        if manifest is None or not complete(folder, manifest):
            return None
        if not digest and manifest.fingerprint != recipe.fingerprint():
            return None
        return BootImage(
            name=recipe.name,
            digest=manifest.digest,
            folder=folder,
            kernel=folder / KERNEL,
            initramfs=folder / INITRAMFS,
            cmdline=recipe.cmdline,
            description=recipe.description,
            size=manifest.size,
        )

    # -- making and removing; the lock is held

    async def _build(
        self, recipe: Recipe, report: OnProgress, *, newest: bool, force: bool = False
    ) -> BootImage:
        await asyncio.to_thread(self._sweep, recipe)
        source_name, packages = ("", ()) if newest else await self._reusable(recipe, report)
        if not packages:
            source = self._source()
            source_name = source.name
            packages = await source.resolve(recipe.requirements, report)
            missing = await asyncio.to_thread(self._missing, packages, report)
            if missing:
                await source.fetch(missing, self.downloads, report)
        digest = digest_of(recipe.fingerprint(), packages)
        folder = self._home(recipe) / digest
        manifest = read_manifest(folder)
        if force or manifest is None or not complete(folder, manifest):

            def make(check: Callable[[], None]) -> None:
                self._make(recipe, digest, source_name, packages, report, check)

            await _in_thread(make)
        await asyncio.to_thread(write_text, self._home(recipe) / CURRENT, digest)
        found = self._cached(recipe, "")
        assert found is not None
        return found

    async def _reusable(self, recipe: Recipe, report: OnProgress) -> tuple[str, tuple[PackageFile, ...]]:
        """Packages of the current build when all are still here: an upgrade needs no network then."""
        manifest = read_manifest(self._home(recipe) / (self._current(recipe) or "none"))
        if manifest and not await asyncio.to_thread(self._missing, manifest.packages, report):
            return manifest.source, manifest.packages
        return "", ()

    def _missing(self, packages: Sequence[PackageFile], report: OnProgress) -> tuple[PackageFile, ...]:
        """Those that are not here; one that was damaged since it came is deleted and missing too."""
        missing = tuple(each for each in packages if not self.downloads.has(each))
        here = [each for each in packages if each not in missing]
        for index, package in enumerate(here):
            report(Progress("verifying", index, len(here), package.title))
            if not self.downloads.is_good(package):
                missing += (package,)
        return missing

    def _make(
        self,
        recipe: Recipe,
        digest: str,
        source: str,
        packages: tuple[PackageFile, ...],
        report: OnProgress,
        check: Callable[[], None],
    ) -> None:
        home = self._home(recipe)
        folder = Path(tempfile.mkdtemp(prefix=BUILD, dir=home))
        folder.chmod(0o755)
        try:

            def step(done: int, total: int, detail: str) -> None:
                check()
                report(Progress("building", done, total, detail))

            recipe.build({each: self.downloads.path(each) for each in packages}, folder, step)
            write_manifest(
                folder,
                Manifest(
                    name=recipe.name,
                    digest=digest,
                    fingerprint=recipe.fingerprint(),
                    source=source,
                    created=datetime.now(UTC),
                    packages=packages,
                    files={
                        each.name: (each.stat().st_size, sha256_of(each)) for each in sorted(folder.iterdir())
                    },
                ),
            )
            for each in [*folder.iterdir(), folder]:
                sync(each)
            target = home / digest
            if target.exists():
                # Only a forced or a damaged build is replaced; whoever boots from it has read it already.
                target.rename(home / f"{BUILD}replaced-{os.getpid()}")
            folder.rename(target)
            sync(home)
        except OSError as error:
            raise BackendError(
                f"the image {recipe.name} cannot be written below {home}: {error.strerror or error}",
                remedy="make room or mend the folder's permissions, then try again",
            ) from error
        finally:
            self._sweep(recipe)

    def _sweep(self, recipe: Recipe) -> None:
        """Delete what builders that died left behind: whoever holds the lock is the only builder."""
        for left in self._home(recipe).glob(f"{BUILD}*"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)

    def _remove(self, recipe: Recipe, digest: str) -> int:
        home = self._home(recipe)
        before = usage(home) + usage(self.downloads.folder)
        if not digest or digest == self._current(recipe):
            (home / CURRENT).unlink(missing_ok=True)
        for folder in [home / digest] if digest else [each for each in home.iterdir() if each.is_dir()]:
            # Renamed first, so that a crash leaves rubbish to sweep and never half an image.
            doomed = folder.rename(home / f"{BUILD}removed-{folder.name}")
            shutil.rmtree(doomed, ignore_errors=True)
        used = {
            package.sha256
            for other in self._recipes.values()
            for manifest in self._builds(other).values()
            for package in manifest.packages
        }
        for file in self.downloads.folder.glob("*.deb"):
            if file.stem not in used:
                file.unlink()
        return before - usage(home) - usage(self.downloads.folder)

    @asynccontextmanager
    async def _lock(self, recipe: Recipe, report: OnProgress) -> AsyncIterator[None]:
        descriptor = self._open_lock(recipe)
        try:
            waited = 0.0
            while not _try_lock(descriptor):
                detail = f"{_holder(descriptor)} is building {recipe.name}"
                report(Progress("waiting", int(waited), None, detail))
                await asyncio.sleep(_LOCK_POLL)
                waited += _LOCK_POLL
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def _open_lock(self, recipe: Recipe) -> int:
        try:
            self._home(recipe).mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            return os.open(self.root / f"{recipe.name}.lock", flags, 0o644)
        except OSError as error:
            raise BackendError(
                f"the image cache {self.root} cannot be written: {error.strerror}",
                remedy="mend its permissions, or name another cache folder",
            ) from error

    # The name hides the type from annotations that follow it, so it comes last.
    def list(self) -> list[ImageInfo]:
        """List every recipe with its current build, then the builds that newer ones replaced."""
        infos: list[ImageInfo] = []
        for recipe in self._recipes.values():
            current = self._current(recipe)
            builds = self._builds(recipe)
            newest = builds.pop(current, None)
            infos.append(info(recipe, recipe.name, newest))
            infos += [
                info(recipe, f"{recipe.name}@{digest[:_SHORT]}", manifest)
                for digest, manifest in sorted(builds.items(), key=lambda item: item[1].created)
            ]
        return infos


def _holder(descriptor: int) -> str:
    process = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return f"another vmbench (process {process})" if process else "another vmbench"


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _in_thread(work: Callable[[Callable[[], None]], _T]) -> _T:
    """Run blocking work that calls the check it is given between its steps; cancelling stops it there."""
    cancelled = False

    def check() -> None:
        if cancelled:
            raise _Cancelled

    running = asyncio.ensure_future(asyncio.to_thread(work, check))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        cancelled = True
        # The thread owns files: it must have ended before the lock is given back.
        with contextlib.suppress(_Cancelled, BackendError):
            await running
        raise
