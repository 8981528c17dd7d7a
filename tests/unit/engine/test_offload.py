from __future__ import annotations

import asyncio

import pytest

from app.engine.artifacts import safe_name
from app.engine.images import ImageGate
from app.engine.offload import Writer, unbroken
from app.engine.pool import auto_parallel
from tests.fakes import FakeBackend


async def test_a_cancellation_waits_for_the_clean_up():
    go, done = asyncio.Event(), []

    async def clean_up() -> None:
        await go.wait()
        done.append(True)

    task = asyncio.create_task(unbroken(clean_up()))
    await asyncio.sleep(0)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [True]


async def test_results_and_errors_pass_through():
    async def give() -> int:
        return 7

    async def fail() -> None:
        raise ValueError("no")

    assert await unbroken(give()) == 7
    with pytest.raises(ValueError, match="no"):
        await unbroken(fail())


async def test_a_writer_keeps_the_order():
    writer, seen = Writer(), []
    for n in range(100):
        writer.submit(seen.append, n)
    await writer.close()
    assert seen == list(range(100))


async def test_one_test_that_gives_up_does_not_take_the_image_from_the_others(tmp_path):
    class Slow(FakeBackend):
        go = asyncio.Event()

        async def prepare(self, image: str, *, on_phase=None) -> None:
            on_phase("image", "10%")
            await self.go.wait()
            self.prepared.append(image)

    backend = Slow(tmp_path)
    gate = ImageGate({"slow": backend})
    told: list[str] = []
    first = asyncio.create_task(gate.ready("slow", "tiny", told.append))
    second = asyncio.create_task(gate.ready("slow", "tiny", told.append))
    while len(told) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0)
    first.cancel()
    backend.go.set()
    await second
    with pytest.raises(asyncio.CancelledError):
        await first
    await gate.ready("slow", "tiny", told.append)
    assert backend.prepared == ["tiny"]
    assert told == ["10%", "10%"]
    await gate.close()


@pytest.mark.parametrize(
    ("memories", "room", "cores", "expected"),
    [
        ([256] * 20, 100_000, 2, 4),
        ([256] * 20, 100_000, 64, 8),
        ([256] * 20, 700, 8, 2),
        ([256] * 20, 0, 8, 1),
        ([256] * 3, 100_000, 8, 3),
        ([], 100_000, 8, 1),
    ],
)
def test_how_many_machines_at_once(memories, room, cores, expected):
    assert auto_parallel(memories, room, cores) == expected


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../../etc", "x" * 300, "ünï", "a\0b", "a\nb"])
def test_no_name_of_a_test_leads_out_of_its_folder(name, tmp_path):
    safe = safe_name(name)
    (tmp_path / safe).mkdir()
    assert (tmp_path / safe).parent == tmp_path and safe not in ("", ".", "..")


def test_different_names_have_different_folders():
    names = ["a b", "a_b", "a/b", "a  b", "ä", "ö", "x" * 150, "x" * 151]
    assert len({safe_name(name) for name in names}) == len(names)
    assert safe_name("web-serves.pages_2") == "web-serves.pages_2"
