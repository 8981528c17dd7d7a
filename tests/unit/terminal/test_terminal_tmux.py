"""The screens of real programs, cell by cell as tmux shows them."""

# ruff: noqa: E501 -- a sequence reads better on one line
from __future__ import annotations

import pytest
import terminal_streams as streams
from terminal_emulators import emulator, known_difference  # noqa: F401 -- fixtures of every test here
from terminal_tmux import Tmux, compare, needs_tmux

from app.tui.terminal.model import TerminalModel

pytestmark = needs_tmux


@pytest.mark.parametrize("name", streams.NAMES)
def test_recorded_program(name, tmp_path) -> None:
    stream = streams.load(name)
    tmux = Tmux(tmp_path, stream.columns, stream.rows)
    model = TerminalModel(stream.columns, stream.rows)
    try:
        begin = 0
        for number, stop in enumerate(stream.stops):
            model.feed(stream.data[begin:stop])
            tmux.play(stream.data[begin:stop])
            compare(tmux, model, f"{name}, stop {number}")
            begin = stop
    finally:
        tmux.close()


SEQUENCES = {
    "line drawing": b"\x1b(0lqqk\r\nx\x1b(B  x\x1b(0jm~`",
    "regions": b"\x1b[2;5r\x1b[5;1Ha\r\nb\r\nc\r\nd\x1b[3;1H\x1b[Lx\r\x1b[Myy\x1b[r",
    "insert and delete": b"abcdefghij\x1b[5G\x1b[3@\x1b[8G\x1b[2P\x1b[2G\x1b[2X",
    "origin": b"\x1b[3;6r\x1b[?6h\x1b[2;2Hx\x1b[99;1Hy\x1b[?6lz",
    "colours": b"\x1b[31;48;5;17ma\x1b[38;2;9;8;7mb\x1b[97;105mc\x1b[0;1;2;3;4;5;7;8;9md\x1b[m\x1b[4:3me\x1b[21mf",
    "background erase": b"\x1b[44mab\x1b[K\r\n\x1b[2L\x1b[41m\x1b[3;3H\x1b[1J\x1b[5;5H\x1b[P\x1b[@",
    "wide": "漢字テスト\x1b[3GX\x1b[8Gé\u0301\r\n👩".encode(),
    "wide at the edge": ("a" * 19 + "漢字").encode(),
    "tabs": b"a\tb\tc\x1b[2Zd\r\n\x1b[3g\tx",
    "save and restore": b"\x1b[2;5H\x1b[31m\x1b7\x1b[5;5H\x1b[m\x1b[1mX\x1b8Y\x1b[s\x1b[H\x1b[uZ",
    "repeat and scroll": b"ab\x1b[5b\r\nx\r\ny\r\nz\x1b[2S\x1b[1T",
    "alternate": b"main\x1b[?1049h\x1b[2;2Halt\x1b[?1049lback",
    "wrap": b"0123456789" * 5 + b"\x1b[?7l" + b"x" * 50,
    "reverse index": b"a\r\nb\x1b[H\x1bM\x1bMc",
    "insert mode": b"abcdef\x1b[3G\x1b[4hXY\x1b[4lZ",
    "strings": b"a\x1bPjunk\x1b\\b\x1b_apc\x1b\\c\x1b^pm\x1b\\d\x1b]99;x\x07e",
}


def test_sequences(tmp_path) -> None:
    tmux = Tmux(tmp_path, 20, 8)
    try:
        for name, data in SEQUENCES.items():
            model = TerminalModel(20, 8)
            clean = b"\x1bc\x1b[?1049l\x1b[r\x1b[m\x1b[H\x1b[2J"
            model.feed(clean + data)
            tmux.play(clean + data)
            compare(tmux, model, name)
    finally:
        tmux.close()
