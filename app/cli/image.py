"""``vmbench image``: what machines boot, built once and kept in the cache."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, TypeVar

import click

from app.cli import options
from app.cli.plain import moving
from app.cli.text import count, size, table

if TYPE_CHECKING:
    from backends.images.progress import Progress
    from backends.images.store import ImageStore

T = TypeVar("T")

EPILOG = """\b
Examples:
  vmbench image list
  vmbench image build tiny
  vmbench image verify tiny
"""


@click.group("image", epilog=EPILOG)
def command() -> None:
    """Build, list, verify and remove what machines boot."""


@command.command("list", epilog="\b\nExamples:\n  vmbench image list --json | jq '.[].digest'\n")
@options.plain
@options.json_output
def list_images(as_json: bool) -> int:
    """List the images: built ones and those that can be, and who uses them."""
    from app.paths import user_paths
    from app.wiring import image_shelf

    shelved = image_shelf(user_paths()).list()
    if as_json:
        rows = [
            {
                "name": i.name,
                "recipe": i.recipe,
                "digest": i.digest,
                "built": i.built,
                "size": i.size,
                "created": i.created.isoformat() if i.created else None,
                "description": i.description,
                "machines": list(image.machines),
                "snapshots": list(image.snapshots),
                "templates": image.templates,
            }
            for image in shelved
            for i in (image.info,)
        ]
        print(json.dumps(rows, indent=1))
        return 0
    rows_ = [
        (
            i.name,
            i.digest[:12] if i.built else "not built",
            size(i.size) if i.built else "",
            i.created.astimezone().strftime("%Y-%m-%d %H:%M") if i.created else "",
            image.users,
            i.description,
        )
        for image in shelved
        for i in (image.info,)
    ]
    print(table(("IMAGE", "DIGEST", "SIZE", "BUILT", "USED BY", "WHAT"), rows_))
    return 0


@command.command(
    "build",
    epilog="\b\nExamples:\n  vmbench image build tiny --if-missing\n  vmbench image build tiny --force\n",
)
@click.argument("name", default="tiny")
@click.option("--if-missing", is_flag=True, help="Do nothing where a good one is cached.")
@click.option("--force", is_flag=True, help="Build anew even if the newest one is cached.")
def build(name: str, if_missing: bool, force: bool) -> int:
    """Build an image (tiny unless named) from the newest packages."""
    if if_missing and force:
        raise click.UsageError("--if-missing and --force exclude each other", click.get_current_context())
    store = _store()
    with ProgressLine() as progress:
        if if_missing:
            image = _wait(store.ensure(name, progress))
        else:
            image = _wait(store.build(name, force=force, on_progress=progress))
    if progress.used or not if_missing:
        print(f"{image.name} {image.digest[:12]} {size(image.size)} {image.folder}")
    return 0


@command.command("rm", epilog="\b\nExamples:\n  vmbench image rm tiny\n")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def remove(names: tuple[str, ...]) -> int:
    """Remove images from the cache; they are built again when they are needed."""
    store = _store()
    for name in names:
        freed = store.remove(name)
        print(f"removed {name}, {size(freed)}" if freed else f"{name} was not in the cache")
    return 0


@command.command("clean", epilog="\b\nExamples:\n  vmbench image clean\n")
@options.yes
def clean(yes: bool) -> int:
    """Remove replaced builds that no machine and no snapshot is made from."""
    from app.paths import user_paths
    from app.wiring import image_shelf

    shelf = image_shelf(user_paths())
    unused = [image.info for image in shelf.list() if image.unused]
    if not unused:
        print("no replaced build is left unused")
        return 0
    print(table(("IMAGE", "SIZE"), [(info.name, size(info.size)) for info in unused]), flush=True)
    if options.confirmed(f"{count(len(unused), 'build')} will be lost. Remove?", yes):
        for info in unused:
            print(f"removed {info.name}, {size(shelf.remove(info.name))}")
    return 0


@command.command("verify", epilog="\b\nExamples:\n  vmbench image verify\n  vmbench image verify tiny\n")
@click.argument("names", nargs=-1, metavar="[NAME]...")
def verify(names: tuple[str, ...]) -> int:
    """Check every file of images (all built ones unless named) against its checksum."""
    store = _store()
    chosen = names or tuple(i.name for i in store.list() if i.built)
    if not chosen:
        print("no image is built yet; vmbench image build builds one")
        return 0
    wrong = 0
    for name in chosen:
        with ProgressLine() as progress:
            found = _wait(store.verify(name, progress))
        for line in found:
            print(f"{name}: {line}")
        if found:
            print(f"{name}: damaged\n    try: vmbench image build {name} --force")
        else:
            print(f"{name}: good")
        wrong += bool(found)
    return 1 if wrong else 0


class ProgressLine:
    """Shows progress on stderr: a bar on a terminal, a line a stage elsewhere."""

    WIDTH = 30

    def __init__(self) -> None:
        self.used = False
        self._terminal = moving()
        self._last = ""

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal and self.used:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def __call__(self, progress: Progress) -> None:
        """Show one report."""
        self.used = True
        if not self._terminal:
            if progress.stage != self._last:
                print(f"image: {progress.stage} {progress.detail}".rstrip(), file=sys.stderr, flush=True)
            self._last = progress.stage
            return
        line = f"image: {progress.stage:<11} {self._bar(progress)} {progress.detail}".rstrip()[
            : self._columns()
        ]
        if line != self._last:
            print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)
        self._last = line

    def _bar(self, progress: Progress) -> str:
        if not progress.total:
            return " " * (self.WIDTH + 5)
        share = min(1.0, progress.done / progress.total)
        full = round(share * self.WIDTH)
        return "█" * full + "░" * (self.WIDTH - full) + f" {share:4.0%}"

    @staticmethod
    def _columns() -> int:
        import shutil

        return shutil.get_terminal_size().columns - 1


def _store() -> ImageStore:
    from app.paths import user_paths
    from app.wiring import image_store

    return image_store(user_paths())


def _wait(work: Coroutine[object, object, T]) -> T:
    return asyncio.run(work)
