from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backends.base import BackendError
from backends.images.manifest import MANIFEST
from backends.images.progress import Progress
from backends.images.store import ImageStore
from tests.image_bench import SmallRecipe, SmallSource

REPO = Path(__file__).resolve().parents[3]

BUILDER = """
import asyncio, sys
from pathlib import Path
from backends.images.store import ImageStore
from tests.image_bench import SmallRecipe, SmallSource

root, gate = Path(sys.argv[1]), Path(sys.argv[2])
source = SmallSource(one=b"kernel")

def report(progress):
    if progress.stage == "waiting":
        print("waiting", progress.detail, flush=True)

store = ImageStore(root, recipes=[SmallRecipe(gate=gate)], source=lambda: source)
image = asyncio.run(store.ensure("small", report))
print("built", image.digest, flush=True)
"""


def make_store(
    root: Path, source: SmallSource | None = None, recipe: SmallRecipe | None = None
) -> ImageStore:
    chosen = source or SmallSource(one=b"kernel")
    return ImageStore(root, recipes=[recipe or SmallRecipe()], source=lambda: chosen)


def start_builder(root: Path, gate: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILDER, str(root), str(gate)], cwd=REPO, stdout=subprocess.PIPE, text=True
    )


async def until(path_pattern: str, folder: Path) -> Path:
    async with asyncio.timeout(120):
        while not (found := sorted(folder.glob(path_pattern))):  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
    return found[0]


def rubbish(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.name.startswith(".build") or path.suffix == ".part"]


async def test_an_image_is_built_once_and_found_again(tmp_path: Path) -> None:
    source = SmallSource(one=b"ker", two=b"nel")
    store = make_store(tmp_path, source)
    stages: list[str] = []
    image = await store.ensure("small", lambda progress: stages.append(progress.stage))
    assert image.kernel.read_bytes() == b"kernel"
    assert image.initramfs.read_bytes() == b"initramfs"
    assert (image.name, image.cmdline, image.size) == ("small", ("quiet",), 15)
    assert image.folder.name == image.digest
    assert "building" in stages

    stages.clear()
    assert await store.ensure("small", lambda progress: stages.append(progress.stage)) == image
    assert stages == []
    assert source.resolved == 1
    assert rubbish(tmp_path) == []


async def test_the_digest_follows_what_goes_in(tmp_path: Path) -> None:
    first = await make_store(tmp_path / "a").ensure("small")
    same = await make_store(tmp_path / "b").ensure("small")
    other_package = await make_store(tmp_path / "c", SmallSource(one=b"other")).ensure("small")
    other_recipe = await make_store(tmp_path / "d", recipe=SmallRecipe(version=2)).ensure("small")
    assert first.digest == same.digest
    assert len({first.digest, other_package.digest, other_recipe.digest}) == 3


async def test_a_newer_recipe_is_built_from_the_packages_that_are_here(tmp_path: Path) -> None:
    await make_store(tmp_path).ensure("small")
    source = SmallSource(one=b"newer kernel")
    image = await make_store(tmp_path, source, SmallRecipe(version=2)).ensure("small")
    assert image.kernel.read_bytes() == b"kernel"
    assert source.resolved == 0


async def test_build_takes_newer_packages_and_keeps_the_older_build(tmp_path: Path) -> None:
    source = SmallSource(one=b"old")
    store = make_store(tmp_path, source)
    old = await store.ensure("small")
    source.contents["one"] = b"new"
    assert await store.ensure("small") == old
    new = await store.build("small")
    assert new.kernel.read_bytes() == b"new"
    assert await store.ensure("small") == new
    assert [(info.name, info.digest) for info in store.list()] == [
        ("small", new.digest),
        (f"small@{old.digest[:12]}", old.digest),
    ]
    assert await store.ensure(f"small@{old.digest[:12]}") == old

    assert store.remove(f"small@{old.digest[:12]}") > 0
    assert [info.digest for info in store.list()] == [new.digest]
    assert await store.ensure("small") == new


async def test_build_does_nothing_twice_unless_forced(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    image = await store.build("small")
    before = (image.folder / MANIFEST).stat().st_ino
    await store.build("small")
    assert (image.folder / MANIFEST).stat().st_ino == before
    assert await store.build("small", force=True) == image
    assert (image.folder / MANIFEST).stat().st_ino != before
    assert rubbish(tmp_path) == []


async def test_verify_names_what_is_wrong_and_ensure_mends_it(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    image = await store.ensure("small")
    assert await store.verify("small") == []

    image.kernel.write_bytes(b"KERNEL")
    assert await store.verify("small") == [f"{image.kernel}: its content has changed since it was built"]
    # The quick way compares sizes only.
    assert await store.ensure("small") == image
    await store.build("small", force=True)
    assert await store.verify("small") == []

    image.kernel.write_bytes(b"short")
    assert await store.verify("small") == [f"{image.kernel}: it has 5 bytes instead of 6"]
    assert (await store.ensure("small")).kernel.read_bytes() == b"kernel"

    image.initramfs.unlink()
    assert await store.verify("small") == [f"{image.initramfs}: it is missing"]
    assert (await store.ensure("small")).initramfs.exists()


@pytest.mark.parametrize("content", ["", "{", '{"format": 99}', '{"format": 1, "name": 3}', "[1]", "null"])
async def test_a_damaged_manifest_means_not_built(tmp_path: Path, content: str) -> None:
    store = make_store(tmp_path)
    image = await store.ensure("small")
    (image.folder / MANIFEST).write_text(content)
    assert await store.verify("small") == [f"{image.folder}: the manifest is missing or damaged"]
    assert await store.ensure("small") == image
    assert await store.verify("small") == []


async def test_a_manifest_of_another_build_is_noticed(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    image = await store.ensure("small")
    data = json.loads((image.folder / MANIFEST).read_text())
    data["packages"][0]["version"] = "2"
    (image.folder / MANIFEST).write_text(json.dumps(data))
    assert await store.verify("small") == [f"{image.folder}: the manifest does not belong to this build"]


async def test_a_package_damaged_in_the_cache_is_fetched_again(tmp_path: Path) -> None:
    source = SmallSource(one=b"kernel")
    store = make_store(tmp_path, source)
    image = await store.ensure("small")
    next((tmp_path / "downloads").glob("*.deb")).write_bytes(b"kernle")
    assert (await store.build("small", force=True)).kernel.read_bytes() == b"kernel"
    assert image.digest in {info.digest for info in store.list()}
    assert source.fetched == ["one", "one"]


async def test_unknown_names_come_with_a_guess(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    with pytest.raises(BackendError, match="there is no image smal") as caught:
        await store.ensure("smal")
    assert caught.value.remedy == "did you mean small?"
    with pytest.raises(BackendError) as caught:
        store.remove("xyzzy")
    assert caught.value.remedy == "there are: small"
    with pytest.raises(BackendError, match="there is no build small@123"):
        await store.ensure("small@123")
    with pytest.raises(BackendError, match="was not built yet"):
        await store.verify("small")


async def test_lists_and_removes_what_is_there(tmp_path: Path) -> None:
    store = make_store(tmp_path / "not" / "made")
    (info,) = store.list()
    assert (info.name, info.built, info.size, info.created) == ("small", False, 0, None)
    assert store.remove("small") == 0
    assert not (tmp_path / "not").exists()

    image = await store.ensure("small")
    (info,) = store.list()
    assert (info.built, info.digest, info.size) == (True, image.digest, 15)
    assert store.remove("small") > 15
    assert not image.folder.exists()
    assert list((store.root / "downloads").iterdir()) == []
    assert not store.list()[0].built
    assert (await store.ensure("small")).kernel.exists()


async def test_of_two_processes_one_builds_and_the_other_says_that_it_waits(tmp_path: Path) -> None:
    root, gate = tmp_path / "root", tmp_path / "gate"
    gate.mkdir()
    first = start_builder(root, gate)
    await until("started-*", gate)
    second = start_builder(root, gate)
    assert second.stdout and first.stdout
    line = await asyncio.to_thread(second.stdout.readline)
    assert line == f"waiting another vmbench (process {first.pid}) is building small\n"
    with pytest.raises(BackendError, match="is building small"):
        make_store(root).remove("small")
    (gate / "go").touch()
    ends = [(await asyncio.to_thread(each.communicate))[0].splitlines()[-1] for each in (first, second)]
    assert ends[0] == ends[1]
    assert ends[0].startswith("built ")
    assert [path.name for path in gate.glob("started-*")] == [f"started-{first.pid}"]
    assert rubbish(root) == []


async def test_what_a_killed_builder_left_is_swept_by_the_next(tmp_path: Path) -> None:
    root, gate = tmp_path / "root", tmp_path / "gate"
    gate.mkdir()
    builder = start_builder(root, gate)
    await until("started-*", gate)
    os.kill(builder.pid, signal.SIGKILL)
    builder.communicate()
    assert rubbish(root) != []
    (root / "small" / ".build-current").touch()
    store = make_store(root)
    assert not store.list()[0].built
    image = await store.ensure("small")
    assert await store.verify("small") == []
    assert image.kernel.read_bytes() == b"kernel"
    assert rubbish(root) == []


async def test_a_cancelled_build_leaves_nothing_and_gives_the_lock_back(tmp_path: Path) -> None:
    root, gate = tmp_path / "root", tmp_path / "gate"
    gate.mkdir()
    building = asyncio.create_task(make_store(root, recipe=SmallRecipe(gate=gate)).ensure("small"))
    await until("started-*", gate)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert rubbish(root) == []
    async with asyncio.timeout(120):
        assert (await make_store(root).ensure("small")).kernel.exists()


async def test_a_waiting_process_can_be_cancelled(tmp_path: Path) -> None:
    root, gate = tmp_path / "root", tmp_path / "gate"
    gate.mkdir()
    building = asyncio.create_task(make_store(root, recipe=SmallRecipe(gate=gate)).ensure("small"))
    await until("started-*", gate)
    waits = asyncio.Event()

    def report(progress: Progress) -> None:
        if progress.stage == "waiting":
            waits.set()

    waiting = asyncio.create_task(make_store(root).ensure("small", report))
    await waits.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    (gate / "go").touch()
    assert (await building).kernel.exists()


async def test_a_recipe_that_fails_leaves_nothing(tmp_path: Path) -> None:
    class Broken(SmallRecipe):
        def build(self, *_: object) -> None:
            raise BackendError("the packages are no good")

    with pytest.raises(BackendError, match="no good"):
        await make_store(tmp_path, recipe=Broken()).ensure("small")
    assert rubbish(tmp_path) == []
    assert not make_store(tmp_path).list()[0].built


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_cache_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BackendError, match="cannot be written") as caught:
        await make_store(tmp_path / "images").ensure("small")
    assert caught.value.remedy


async def test_a_cache_below_a_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackendError, match="cannot be written"):
        await make_store(tmp_path / "file" / "images").ensure("small")
