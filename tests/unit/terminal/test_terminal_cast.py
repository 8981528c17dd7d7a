"""Asciicast recordings."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from app.tui.terminal.cast import MASK, CastWriter
from app.tui.terminal.line_writer import MOST_WAITING, LineWriter


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def lines(path) -> list:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_version_3(tmp_path) -> None:
    clock = Clock()
    cast = CastWriter(tmp_path / "a.cast", 80, 24, title="t", clock=clock)
    clock.now += 1.5
    cast.output(b"h\xc3")
    cast.output(b"\xa9llo\r\n")
    clock.now += 1
    cast.marker("step 1")
    cast.resize(80, 24)
    cast.resize(100, 30)
    cast.input(b"not asked for")
    cast.exit(3)
    cast.close()
    header, *events = lines(cast.path)
    assert (header["version"], header["term"]["cols"], header["title"]) == (3, 80, "t")
    assert events == [
        [1.5, "o", "h"], [0.0, "o", "éllo\r\n"], [1.0, "m", "step 1"], [0.0, "r", "100x30"], [0.0, "x", "3"],
    ]  # fmt: skip
    assert cast.path.stat().st_mode & 0o777 == 0o600


def test_version_2(tmp_path) -> None:
    clock = Clock()
    cast = CastWriter(tmp_path / "a.cast", 80, 24, version=2, typed=True, clock=clock)
    clock.now += 1
    cast.output(b"a")
    clock.now += 1
    cast.input(b"b")
    cast.exit(0)
    cast.close()
    header, *events = lines(cast.path)
    assert (header["version"], header["width"], header["height"]) == (2, 80, 24)
    assert events == [[1.0, "o", "a"], [2.0, "i", "b"]]


@pytest.mark.parametrize("cut", range(12))
def test_secrets_are_masked_wherever_they_are_cut(tmp_path, cut) -> None:
    data = b"x hunter2 ok"
    cast = CastWriter(tmp_path / "a.cast", 80, 24, secrets=["hunter2", ""])
    cast.output(data[:cut])
    cast.output(data[cut:])
    cast.output(b" hunt")
    cast.close()
    assert "".join(event[2] for event in lines(cast.path)[1:]) == f"x {MASK} ok hunt"


def test_nothing_is_overwritten(tmp_path) -> None:
    path = tmp_path / "a.cast"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        CastWriter(path, 80, 24)
    assert path.read_text() == "mine"


def test_a_full_disk_is_told_once_and_holds_nobody_up() -> None:
    told = []
    writer = LineWriter(Path("/dev/full"))
    writer.on_failure = lambda: told.append(writer.failure)
    for _ in range(100):
        writer.write(b"x" * 10000)
    writer.close()
    writer.write(b"late")
    writer.close()
    assert [error.errno for error in told] == [errno.ENOSPC]


def test_a_disk_that_stands_still_ends_the_recording_before_memory_does(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)  # nobody reads it: writing it waits
    writer = LineWriter(tmp_path / "pipe")
    line = b"x" * (1 << 20)
    for _ in range(2 * MOST_WAITING // len(line)):
        writer.write(line)
    assert writer.failure is not None and "keep up" in str(writer.failure)
    os.close(reader)
    writer.close()
