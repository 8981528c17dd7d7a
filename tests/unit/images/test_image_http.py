"""The source for hosts without apt, against a real server on a real socket that misbehaves on demand."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backends.base import BackendError
from backends.images.apt import AptSource
from backends.images.downloads import Downloads
from backends.images.http import MIRROR, HttpSource, read_pins
from backends.images.progress import Progress, silent
from backends.images.recipe import Requirement
from backends.images.sources import select_source
from backends.images.store import ImageStore
from backends.images.tiny import TinyGuest
from tests.image_bench import SmallRecipe, sha256

REQUIREMENT = Requirement(role="all", alternatives=(), follow=lambda name: False)


@dataclass
class Server:
    """Serves files by their SHA-1 and notes what was asked.

    ``cut`` closes the connection after so many bytes of a body, once for each number in it.
    """

    files: Mapping[str, bytes]
    cut: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ignore_range: bool = False
    stall: bool = False
    stalled: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[tuple[str, int]] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ")[1].decode().rpartition("/")[2]
                found = re.search(rb"(?i)range: bytes=(\d+)-", head)
                start = int(found[1]) if found else 0
                self.requests.append((path, start))
                await self.answer(writer, path, 0 if self.ignore_range else start)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, writer: asyncio.StreamWriter, path: str, start: int) -> None:
        status = self.statuses.pop(0) if self.statuses else 200
        body = self.files.get(path)
        if body is None:
            status = 404
        if status != 200 or body is None:
            writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n".encode())
            return
        if start > len(body):
            writer.write(b"HTTP/1.1 416 x\r\nContent-Length: 0\r\n\r\n")
            return
        rest = body[start:]
        writer.write(
            f"HTTP/1.1 {206 if start else 200} OK\r\nContent-Length: {len(rest)}\r\n"
            f"Content-Range: bytes {start}-{len(body) - 1}/{len(body)}\r\n\r\n".encode()
        )
        if self.stall:
            writer.write(rest[:1])
            await writer.drain()
            self.stalled.set()
            await asyncio.Event().wait()
        if self.cut:
            writer.write(rest[: self.cut.pop(0)])
            await writer.drain()
            raise ConnectionAbortedError
        writer.write(rest)
        await writer.drain()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Server]:
    running: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        running.add(task)
        with suppress(asyncio.CancelledError):
            await server.serve(reader, writer)

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/file"
    try:
        yield server
    finally:
        listening.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


CONTENTS = {"kernel": bytes(range(256)) * 2000, "tools": b"tools" * 1000}


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def pins(tmp_path: Path, contents: Mapping[str, bytes] = CONTENTS) -> Path:
    path = tmp_path / "pins.toml"
    path.write_text(
        "".join(
            f'[[package]]\nname = "{name}"\nversion = "1"\nroles = ["all"]\nsize = {len(data)}\n'
            f'sha1 = "{sha1(data)}"\nsha256 = "{sha256(data)}"\n'
            for name, data in contents.items()
        )
    )
    return path


def files(contents: Mapping[str, bytes] = CONTENTS) -> dict[str, bytes]:
    return {sha1(data): data for data in contents.values()}


async def fetch(server: Server, tmp_path: Path, on_progress: object = silent) -> tuple[Downloads, HttpSource]:
    source = HttpSource(mirror=server.url, pins=pins(tmp_path), retry_wait=0.001)
    downloads = Downloads(tmp_path / "downloads")
    packages = await source.resolve([REQUIREMENT], silent)
    await source.fetch(packages, downloads, on_progress)  # type: ignore[arg-type]
    return downloads, source


def fetched(downloads: Downloads) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in downloads.folder.iterdir()}


COMPLETE = {f"{sha256(data)}.deb": data for data in CONTENTS.values()}


async def test_packages_come_verified_and_with_progress(tmp_path: Path) -> None:
    reports: list[Progress] = []
    async with serving(Server(files())) as server:
        downloads, _ = await fetch(server, tmp_path, reports.append)
    assert fetched(downloads) == COMPLETE
    total = sum(map(len, CONTENTS.values()))
    assert reports[-1].done == reports[-1].total == total
    assert [report.done for report in reports] == sorted(report.done for report in reports)


async def test_a_cut_connection_is_resumed_where_it_broke(tmp_path: Path) -> None:
    only = {"kernel": CONTENTS["kernel"]}
    source_pins = pins(tmp_path, only)
    async with serving(Server(files(only), cut=[100_000, 50_000])) as server:
        source = HttpSource(mirror=server.url, pins=source_pins, retry_wait=0.001)
        downloads = Downloads(tmp_path / "downloads")
        await source.fetch(await source.resolve([REQUIREMENT], silent), downloads, silent)
    assert fetched(downloads) == {f"{sha256(only['kernel'])}.deb": only["kernel"]}
    starts = [start for _, start in server.requests]
    assert starts[0] == 0
    assert 0 < starts[1] <= 100_000
    assert starts[1] < starts[2] <= 150_000


async def test_an_interrupted_download_goes_on_in_the_next_process(tmp_path: Path) -> None:
    async with serving(Server(files(), cut=[10_000] * 20)) as server:
        with pytest.raises(BackendError, match="in 5 attempts") as caught:
            await fetch(server, tmp_path)
    assert "VMBENCH_IMAGE_MIRROR" in caught.value.remedy
    assert list((tmp_path / "downloads").glob("*.part"))
    async with serving(Server(files())) as server:
        downloads, _ = await fetch(server, tmp_path)
    assert max(start for _, start in server.requests) > 0
    assert fetched(downloads) == COMPLETE


async def test_a_server_that_cannot_resume_starts_over(tmp_path: Path) -> None:
    async with serving(Server(files(), cut=[3000, 3000], ignore_range=True)) as server:
        downloads, _ = await fetch(server, tmp_path)
    assert fetched(downloads) == COMPLETE


async def test_a_part_with_wrong_bytes_in_it_is_fetched_anew(tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / f"{sha256(CONTENTS['kernel'])}.part").write_bytes(b"wrong" * 10)
    (tmp_path / "downloads" / f"{sha256(CONTENTS['tools'])}.part").write_bytes(b"too long" * 1000)
    async with serving(Server(files())) as server:
        downloads, _ = await fetch(server, tmp_path)
    assert fetched(downloads) == COMPLETE


async def test_a_complete_part_needs_no_request(tmp_path: Path) -> None:
    (tmp_path / "downloads").mkdir()
    for data in CONTENTS.values():
        (tmp_path / "downloads" / f"{sha256(data)}.part").write_bytes(data)
    async with serving(Server(files())) as server:
        downloads, _ = await fetch(server, tmp_path)
    assert server.requests == []
    assert fetched(downloads) == COMPLETE


async def test_errors_of_the_server_are_tried_again(tmp_path: Path) -> None:
    async with serving(Server(files(), statuses=[500, 503, 429])) as server:
        downloads, _ = await fetch(server, tmp_path)
    assert fetched(downloads) == COMPLETE


async def test_a_missing_file_is_an_error_at_once(tmp_path: Path) -> None:
    async with serving(Server({})) as server:
        with pytest.raises(BackendError, match=r"(kernel|tools) 1 is not at http://\S+: .* 404"):
            await fetch(server, tmp_path)
    assert len(server.requests) <= 2


async def test_another_file_of_the_same_size_is_refused(tmp_path: Path) -> None:
    wrong = {name: bytes(len(data)) for name, data in files().items()}
    async with serving(Server(wrong)) as server:
        with pytest.raises(BackendError, match="wrong checksum"):
            await fetch(server, tmp_path)
    assert list((tmp_path / "downloads").glob("*.deb")) == []


async def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    large = {name: data + b"more" for name, data in files().items()}
    async with serving(Server(large)) as server:
        with pytest.raises(BackendError, match="is larger than"):
            await fetch(server, tmp_path)
    assert list((tmp_path / "downloads").glob("*.deb")) == []


async def test_no_server_at_all_is_explained(tmp_path: Path) -> None:
    async with serving(Server({})) as server:
        pass
    with pytest.raises(BackendError, match="could not be downloaded") as caught:
        await fetch(server, tmp_path)
    assert caught.value.remedy


async def test_a_slow_download_can_be_cancelled_and_kept(tmp_path: Path) -> None:
    async with serving(Server(files(), stall=True)) as server:
        fetching = asyncio.create_task(fetch(server, tmp_path))
        await server.stalled.wait()
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
    async with serving(Server(files())) as server:
        downloads, _ = await fetch(server, tmp_path)
    assert fetched(downloads) == COMPLETE


async def test_an_image_is_built_over_http(tmp_path: Path) -> None:
    class Wanting(SmallRecipe):
        requirements = (REQUIREMENT,)

    async with serving(Server(files())) as server:
        source = HttpSource(mirror=server.url, pins=pins(tmp_path))
        store = ImageStore(tmp_path / "images", recipes=[Wanting()], source=lambda: source)
        image = await store.ensure("small")
    assert image.kernel.read_bytes() == b"".join(CONTENTS.values())
    assert await store.verify("small") == []


def test_the_shipped_list_has_all_that_the_tiny_guest_needs() -> None:
    pinned = read_pins()
    assert {role for pin in pinned for role in pin.roles} == {
        requirement.role for requirement in TinyGuest.requirements
    }
    names = [pin.package.name for pin in pinned]
    assert len(names) == len(set(names))
    for pin in pinned:
        assert re.fullmatch("[0-9a-f]{40}", pin.package.locator)
        assert re.fullmatch("[0-9a-f]{64}", pin.package.sha256)
        assert pin.package.size > 0


@pytest.mark.parametrize("text", ["[[package]]\nname = 'x'\n", "package = 3\n", "not toml", ""])
def test_a_list_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(BackendError, match=r"mine\.toml is not a list of pinned packages"):
        read_pins(path)


async def test_a_role_without_a_pin_is_explained(tmp_path: Path) -> None:
    source = HttpSource(pins=pins(tmp_path))
    missing = Requirement(role="browser", alternatives=(), follow=lambda name: False)
    with pytest.raises(BackendError, match="none for browser"):
        await source.resolve([missing], silent)


def test_the_environment_chooses_the_source() -> None:
    assert isinstance(select_source({"VMBENCH_IMAGE_SOURCE": "apt"}), AptSource)
    chosen = select_source({"VMBENCH_IMAGE_SOURCE": "http", "VMBENCH_IMAGE_MIRROR": "http://mirror/x/"})
    assert isinstance(chosen, HttpSource)
    assert chosen.mirror == "http://mirror/x"
    plain = select_source({"VMBENCH_IMAGE_SOURCE": "http"})
    assert isinstance(plain, HttpSource)
    assert plain.mirror == MIRROR
    assert isinstance(select_source({}), AptSource) == AptSource.available()
    with pytest.raises(BackendError, match="VMBENCH_IMAGE_SOURCE=ftp is not an image source"):
        select_source({"VMBENCH_IMAGE_SOURCE": "ftp"})
