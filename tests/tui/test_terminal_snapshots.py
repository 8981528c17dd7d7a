"""Terminals as they look, from recorded programs."""

# ruff: noqa: E501 -- a sequence reads better on one line
from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from textual.app import App

from app.tui import theme
from app.tui.screens.terminal import TerminalScreen
from tests.waiting import until

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "terminal"))
import terminal_streams


class Played:
    """A terminal that prints a recording and then waits."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.done = asyncio.Event()

    async def read(self) -> bytes:
        data, self.data = self.data, b""
        if not data:
            await self.done.wait()
        return data

    def write(self, data: bytes) -> None:
        pass

    def resize(self, columns: int, rows: int) -> None:
        pass

    async def wait(self) -> int:
        return 0

    async def close(self) -> None:
        self.done.set()


class Host(App[None]):
    def __init__(self, data: bytes, theme_name: str) -> None:
        super().__init__()
        self.data = data
        self.animation_level = "none"
        for known in theme.THEMES:
            self.register_theme(known)
        self.theme = theme_name

    def on_mount(self) -> None:
        async def opener(columns: int, rows: int) -> Played:
            return Played(self.data)

        self.push_screen(TerminalScreen(opener, label="guest"))


STYLES = "\r\n".join(
    [
        "\x1b[1mbold\x1b[m \x1b[2mfaint\x1b[m \x1b[3mitalic\x1b[m \x1b[4munder\x1b[m \x1b[4:2mdouble\x1b[m \x1b[9mstrike\x1b[m",
        " ".join(f"\x1b[{n}m{n}\x1b[m" for n in (*range(30, 38), *range(90, 98))),
        "".join(f"\x1b[48;5;{n}m " for n in range(16, 80)) + "\x1b[m",
        "".join(f"\x1b[48;2;{n * 4};{255 - n * 4};128m " for n in range(64)) + "\x1b[m",
        "\x1b(0lqqqqk\x1b(B 漢字 wide e\u0301 👩\u200d💻",
        "\x1b[7mreverse\x1b[m \x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\",
    ]
).encode()


async def settled(pilot) -> None:
    def all_read() -> bool:
        return all(p.source is not None and not p.source.data for p in pilot.app.screen.panes)

    await until(all_read, "the end of what is printed")
    await pilot.pause()
    for pane in pilot.app.screen.panes:
        pane.paint()
    await pilot.pause()


@pytest.mark.parametrize("theme_name", [known.name for known in theme.THEMES])
@pytest.mark.parametrize("name", ["vim", "htop", "dialog", "styles"])
def test_program(snap_compare, name, theme_name) -> None:
    stream = None if name == "styles" else terminal_streams.load(name)
    data = STYLES if stream is None else stream.data[: stream.stops[len(stream.stops) // 2]]
    size = (80, 26) if stream is None else (stream.columns, stream.rows + 2)
    assert snap_compare(Host(data, theme_name), terminal_size=size, run_before=settled)


@pytest.mark.parametrize(
    ("name", "keys", "panes"),
    [
        ("split", ["ctrl+g", "percent_sign", "ctrl+g", "minus"], 3),
        ("search", ["ctrl+g", "slash", *"w", "enter"], 1),
    ],
)
def test_panes(snap_compare, name, keys, panes) -> None:
    async def prepare(pilot) -> None:
        await settled(pilot)
        await pilot.press(*keys)
        await until(lambda: len(pilot.app.screen.panes) == panes, f"{panes} panes")
        await settled(pilot)

    assert snap_compare(Host(STYLES, theme.DARK.name), terminal_size=(120, 24), run_before=prepare)
