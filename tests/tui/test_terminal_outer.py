"""Real programs in the terminal screen in a real terminal: what a person sees on the outermost PTY."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.tui.terminal.local_pty import LocalPty
from app.tui.terminal.model import TerminalModel
from tests.waiting import PATIENCE, until

PLAYER = Path(__file__).with_name("play_terminal.py")


class Outer:
    """The outermost terminal: a PTY and what it shows."""

    def __init__(self, pty: LocalPty, columns: int, rows: int) -> None:
        self.pty = pty
        self.model = TerminalModel(columns, rows)
        self.model.on_reply = pty.write
        self.reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while data := await self.pty.read():
            self.model.feed(data)

    @property
    def lines(self) -> list[str]:
        return [self.model.line(n).text() for n in range(self.model.top, self.model.end)]

    async def until(self, check, what: str) -> None:
        await until(lambda: check("\n".join(self.lines)), what, lambda: "\n".join(self.lines))

    def type(self, keys: str) -> None:
        self.pty.write(keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        self.model.resize(columns, rows)
        self.pty.resize(columns, rows)


@asynccontextmanager
async def shown(tmp_path, *command: str, columns: int = 90, rows: int = 26):
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    pty = await LocalPty.open(
        [sys.executable, str(PLAYER), *command], columns=columns, rows=rows, env=env, cwd=tmp_path
    )
    outer = Outer(pty, columns, rows)
    try:
        yield outer
        outer.type("\x07d")
        await outer.until(lambda text: "Leave" in text or outer.reader.done(), "the question")
        outer.type("y")
        async with asyncio.timeout(PATIENCE):
            assert await pty.wait() == 0
        assert not outer.model.modes.alternate
        assert not outer.model.modes.mouse
    finally:
        await pty.close()
        outer.reader.cancel()


def needs(program: str):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@needs("vim")
async def test_vim(tmp_path) -> None:
    (tmp_path / "text").write_text("".join(f"line {n}\n" for n in range(1, 200)))
    async with shown(tmp_path, "vim", "-u", "NONE", "-N", "text") as outer:
        await outer.until(lambda text: "line 23\n" in text and '"text"' in text, "the text")
        outer.type("50GIhello ")
        await outer.until(lambda text: "hello line 50\n" in text and "INSERT" in text, "what was typed")
        outer.type("\x1b")
        await outer.until(lambda text: "INSERT" not in text, "the end of the insertion")
        outer.type("othere\x1b:s/there/in one go/\r")
        await outer.until(lambda text: "\nin one go\n" in text, "what was typed at once")
        outer.resize(70, 40)
        await outer.until(lambda text: "line 35\n" in text, "more lines")
        outer.type(":split\r:help\r")
        await outer.until(lambda text: "help.txt" in text, "the help")
        outer.type(":qa!\r")
        await outer.until(lambda text: "ended with exit code 0" in text, "the end")


@needs("less")
async def test_less(tmp_path) -> None:
    (tmp_path / "text").write_text("".join(f"line {n}\n" for n in range(1, 500)))
    async with shown(tmp_path, "less", "text") as outer:
        await outer.until(lambda text: "line 22\n" in text, "the text")
        outer.type(" ")
        await outer.until(lambda text: "line 30\n" in text, "the next page")
        outer.type("/line 400\r")
        await outer.until(lambda text: outer.lines[1].startswith("line 400"), "what was searched")
        outer.resize(60, 35)
        await outer.until(lambda text: "line 430\n" in text, "more lines")
        outer.type("q")
        await outer.until(lambda text: "ended with exit code 0" in text, "the end")


@needs("htop")
async def test_htop(tmp_path) -> None:
    async with shown(tmp_path, "htop") as outer:
        await outer.until(lambda text: "Load average" in text and "F10Quit" in text, "its screen")
        outer.type("\x1bOQ")  # F2
        await outer.until(lambda text: "Display options" in text, "its settings")
        outer.resize(110, 40)
        await outer.until(lambda text: "F10Done" in outer.lines[38], "its last line on the new last one")
        outer.type("\x1b[21~")  # F10
        await outer.until(lambda text: "F10Quit" in text, "its screen again")
        outer.type("q")
        await outer.until(lambda text: "ended with exit code 0" in text, "the end")


async def test_two_shells_side_by_side(tmp_path) -> None:
    async with shown(tmp_path, "sh") as outer:
        await outer.until(lambda text: "#" in outer.lines[1] or "$" in outer.lines[1], "a prompt")
        outer.type("\x07%")
        await outer.until(lambda text: "host 2" in text, "a second pane")
        outer.type("stty size; echo right\r")
        await outer.until(lambda text: any(line[45:].startswith("right") for line in outer.lines), "its echo")
        # What is typed before the shell reads stands before its prompt.
        assert any("24 45" in line[45:] for line in outer.lines)
        outer.type("\x07oecho left\r")
        await outer.until(lambda text: any(line.startswith("left ") for line in outer.lines), "the other's")
