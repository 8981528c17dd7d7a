"""Handing this terminal to a program in a guest."""

from __future__ import annotations

import asyncio
import os
import pty
import termios
from collections.abc import Iterator

import pytest

from app import attach
from app.tui.terminal.model import TerminalModel
from tests.waiting import until


class Talker:
    """A terminal in which a program says what it is told to say."""

    def __init__(self) -> None:
        self.typed = b""
        self._said: asyncio.Queue[bytes] = asyncio.Queue()

    def say(self, data: bytes) -> None:
        self._said.put_nowait(data)

    async def read(self) -> bytes:
        return await self._said.get()

    def write(self, data: bytes) -> None:
        self.typed += data

    def resize(self, columns: int, rows: int) -> None:
        pass

    async def wait(self) -> int:
        return 0

    async def close(self) -> None:
        pass


@pytest.fixture
def outer() -> Iterator[tuple[int, int]]:
    master, slave = pty.openpty()
    yield master, slave
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("shows_prompt", [True, False])
async def test_what_is_to_be_typed_waits_for_a_prompt(
    outer: tuple[int, int], monkeypatch: pytest.MonkeyPatch, shows_prompt: bool
) -> None:
    # Where there is a prompt, nothing but that is waited for; where there is none, it is typed all the same.
    monkeypatch.setattr(attach, "_PROMPT_LIMIT", 1000.0 if shows_prompt else 0.0)
    master, slave = outer
    talker = Talker()
    handed = asyncio.ensure_future(attach.hand_over(talker, typed="sh step", stdin=slave, stdout=slave))
    talker.say(b"\r\nWelcome\r\n\r\n")
    seen = b""
    while b"Welcome" not in seen:
        seen += await asyncio.to_thread(os.read, master, 1024)
    if shows_prompt:
        assert talker.typed == b""
        talker.say(b"root@guest:~# ")
    await until(lambda: talker.typed == b"sh step", "what is typed for the person")
    talker.say(b"sh step")
    talker.say(b"")
    assert await handed == 0
    assert talker.typed == b"sh step"


def test_a_fresh_page_leaves_what_was_there_to_the_scrollback(outer: tuple[int, int]) -> None:
    master, slave = outer
    os.set_blocking(master, False)
    model = TerminalModel(40, 6)
    model.feed(b"earlier shell\r\n# exit\r\n")
    termios.tcsetwinsize(slave, (6, 40))
    attach.fresh_page("guest · exit leads back", slave)
    model.feed(os.read(master, 1024))
    screen = ["".join(cell.data for cell in model.line(y)).rstrip() for y in range(model.top, model.end)]
    assert screen[0] == "guest · exit leads back" and not any(screen[1:])
    assert model.cursor.y == 1
    kept = ["".join(cell.data for cell in model.line(y)).rstrip() for y in range(model.first, model.top)]
    assert kept[:2] == ["earlier shell", "# exit"]
