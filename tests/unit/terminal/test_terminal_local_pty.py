"""Programs on PTYs of this host."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.tui.terminal.local_pty import LocalPty

ENV = {"PATH": "/usr/bin:/bin"}


async def read_all(terminal: LocalPty) -> bytes:
    got = b""
    while data := await terminal.read():
        got += data
    return got


async def test_output_and_exit_code() -> None:
    terminal = await LocalPty.open(["sh", "-c", "echo out; exit 7"], env=ENV)
    assert await read_all(terminal) == b"out\r\n"
    assert await terminal.wait() == 7
    await terminal.close()


async def test_a_little_is_handed_on_at_once_and_what_is_not_wanted_so_is_read() -> None:
    command = "stty -echo; echo ready; while read word; do echo $word; done"
    terminal = await LocalPty.open(["sh", "-c", command], env=ENV)
    assert await terminal.read() == b"ready\r\n"
    at_once: list[bytes] = []

    def take(data: bytes) -> bool:
        if data.startswith(b"fault"):
            raise ValueError("no way to show it")
        if data.startswith(b"later"):
            return False
        at_once.append(data)
        return True

    terminal.on_little = take
    for words in (b"one", b"two"), (b"three",):
        reading = asyncio.ensure_future(terminal.read())
        for word in words:
            await asyncio.sleep(0)  # it waits
            terminal.write(word + b"\n")
            async with asyncio.timeout(20):
                while not at_once or not at_once[-1].startswith(word):  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
        assert not reading.done()
        terminal.write(b"later\n")
        assert await reading == b"later\r\n"
    reading = asyncio.ensure_future(terminal.read())
    await asyncio.sleep(0)
    terminal.write(b"fault\n")
    with pytest.raises(ValueError, match="no way"):
        await reading
    assert at_once == [b"one\r\n", b"two\r\n", b"three\r\n"]
    terminal.write(b"\x04")
    assert await terminal.read() == b""
    await terminal.close()


async def test_killed_by_a_signal() -> None:
    terminal = await LocalPty.open(["sh", "-c", "kill -TERM $$"], env=ENV)
    await read_all(terminal)
    assert await terminal.wait() == 128 + 15
    await terminal.close()


async def test_it_is_the_controlling_terminal_with_a_size() -> None:
    terminal = await LocalPty.open(
        ["sh", "-c", "stty size </dev/tty; echo $TERM"], columns=33, rows=11, env=ENV
    )
    assert await read_all(terminal) == b"11 33\r\nxterm-256color\r\n"
    await terminal.close()


async def test_resize_is_told() -> None:
    terminal = await LocalPty.open(["sh", "-c", "echo go; read x; stty size"], env=ENV)
    assert b"go" in await terminal.read()
    terminal.resize(50, 20)
    terminal.write(b"\n")
    assert b"20 50" in await read_all(terminal)
    await terminal.close()


async def test_more_is_typed_than_fits_at_once() -> None:
    data = bytes(range(65, 91)) * 10_000
    command = f"stty raw -echo; echo go; head -c {len(data)} | cksum"
    terminal = await LocalPty.open(["sh", "-c", command], env=ENV)
    assert b"go" in await terminal.read()
    terminal.write(data)
    checked = await asyncio.create_subprocess_exec(
        "cksum", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    expected, _ = await checked.communicate(data)
    assert expected.split() == (await read_all(terminal)).split()
    await terminal.close()


async def test_close_hangs_up_even_what_does_not_mind() -> None:
    terminal = await LocalPty.open(["sh", "-c", "trap '' HUP; echo go; while :; do sleep 1; done"], env=ENV)
    assert b"go" in await terminal.read()
    await terminal.close()
    await terminal.close()
    assert terminal._process.returncode is not None
    assert await terminal.read() == b""
    terminal.write(b"nobody")
    terminal.resize(1, 1)


async def test_what_cannot_start_leaves_nothing_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(FileNotFoundError):
        await LocalPty.open(["/nonexistent"], env=ENV)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
