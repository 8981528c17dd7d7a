"""Packages from the host's own apt: its mirrors, its proxies, its keys. Nothing is installed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from backends.base import BackendError, HostNotAble
from backends.images.deb import parse_control
from backends.images.downloads import Downloads
from backends.images.progress import OnProgress, Progress
from backends.images.recipe import PackageFile, Requirement

_UPDATE = "sudo apt-get update"


class AptSource:
    """Resolves and fetches packages as this machine's apt is configured."""

    name = "apt"

    @staticmethod
    def available() -> bool:
        """Tell whether this host has apt for the architecture that images have."""
        return (
            shutil.which("apt-get") is not None
            and shutil.which("apt-cache") is not None
            and os.uname().machine == "x86_64"
        )

    async def resolve(
        self, requirements: Sequence[Requirement], on_progress: OnProgress
    ) -> tuple[PackageFile, ...]:
        """Name the newest packages that fulfil the requirements.

        Raises:
            HostNotAble: apt does not know a package.
        """
        on_progress(Progress("resolving", 0, len(requirements), "asking apt for packages"))
        await self._ensure_lists(on_progress)
        found: dict[str, PackageFile] = {}
        for index, requirement in enumerate(requirements):
            on_progress(Progress("resolving", index, len(requirements), requirement.role))
            known = await _show(requirement.alternatives)
            root = next((known[name] for name in requirement.alternatives if name in known), None)
            if root is None:
                raise HostNotAble(
                    f"apt knows no package {' or '.join(requirement.alternatives)}",
                    remedy=f"{_UPDATE}, or set VMBENCH_IMAGE_SOURCE=http",
                )
            found.setdefault(root.name, root)
            level = [root]
            while level:
                names = {name for each in level for name in each.depends if requirement.follow(name)}
                level = list((await _show(sorted(names - found.keys()))).values())
                found.update((each.name, each) for each in level)
        return tuple(found[name] for name in sorted(found))

    async def fetch(
        self, packages: Sequence[PackageFile], downloads: Downloads, on_progress: OnProgress
    ) -> None:
        """Download packages into ``downloads``.

        Raises:
            BackendError: apt failed, or what it fetched is not what it announced.
        """
        total = sum(each.size for each in packages)
        downloads.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="apt-", dir=downloads.folder) as name:
            folder = Path(name)
            command = ["apt-get", "download", "-q", *(f"{each.name}={each.version}" for each in packages)]
            if os.geteuid() == 0:
                # Else apt drops to a user that cannot write here, and says so.
                command[1:1] = ["-o", "APT::Sandbox::User=root"]
            running = asyncio.create_task(_run(command, folder))
            try:
                while not running.done():
                    on_progress(Progress("downloading", _size_of(folder), total, "by apt"))
                    await asyncio.wait([running], timeout=0.2)
            finally:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError, BackendError):
                    await running
            code, _, errors = running.result()
            if code:
                raise BackendError(
                    "apt could not download the packages of the image",
                    remedy=f"{_UPDATE}, then try again; or set VMBENCH_IMAGE_SOURCE=http",
                    detail=errors,
                )
            # apt names its files as it likes: the checksum says which is which.
            await asyncio.to_thread(_sort_in, folder, packages, downloads)
        missing = [each.title for each in packages if not downloads.has(each)]
        if missing:
            raise BackendError(
                f"apt downloaded something else than it announced for {', '.join(missing)}",
                remedy=_UPDATE,
            )

    async def _ensure_lists(self, on_progress: OnProgress) -> None:
        if await _show(["libc6"]):
            return
        if os.geteuid() != 0:
            raise HostNotAble("apt has no package lists yet", remedy=_UPDATE)
        on_progress(Progress("resolving", 0, None, "apt-get update"))
        code, _, errors = await _run(["apt-get", "update", "-q"])
        if code:
            raise HostNotAble("apt-get update failed", remedy=_UPDATE, detail=errors)


def _sort_in(folder: Path, packages: Sequence[PackageFile], downloads: Downloads) -> None:
    by_size = {each.size: [other for other in packages if other.size == each.size] for each in packages}
    for file in sorted(folder.glob("*.deb")):
        for package in by_size.get(file.stat().st_size, []):
            if file.exists():
                copy = file.with_suffix(".try")
                os.link(file, copy)
                if downloads.accept(package, copy):
                    file.unlink()


async def _show(names: Iterable[str]) -> dict[str, PackageFile]:
    wanted = list(names)
    if not wanted:
        return {}
    # The exit code only says that one of the names is unknown.
    _, output, _ = await _run(["apt-cache", "show", "--no-all-versions", *wanted])
    packages: dict[str, PackageFile] = {}
    for stanza in output.split("\n\n"):
        fields = parse_control(stanza)
        if {"Package", "Version", "SHA256", "Size"} <= fields.keys():
            packages[fields["Package"]] = PackageFile(
                name=fields["Package"],
                version=fields["Version"],
                sha256=fields["SHA256"],
                size=int(fields["Size"]),
                depends=tuple(depended(f"{fields.get('Pre-Depends', '')},{fields.get('Depends', '')}")),
            )
    return packages


def depended(field: str) -> Iterable[str]:
    """List the package names in a ``Depends`` field, alternatives included."""
    for clause in field.replace("\n", " ").split(","):
        for alternative in clause.split("|"):
            name = alternative.split("(")[0].split(":")[0].strip()
            if name:
                yield name


def _size_of(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in os.scandir(folder) if entry.is_file())


async def _run(command: Sequence[str], cwd: Path | None = None) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
    )
    try:
        output, errors = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace").strip()
