"""The screens of real programs, cell by cell as tmux shows them."""

# ruff: noqa: E501 -- a sequence reads better on one line
from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import time
from typing import NamedTuple

import pytest
import terminal_streams as streams
from terminal_emulators import emulator, known_difference  # noqa: F401 -- fixtures of every test here

from app.tui.terminal.cells import RGB, Cell
from app.tui.terminal.model import TerminalModel

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

CONFIG = """
set -g status off
set -g default-terminal tmux-256color
set -as terminal-features ",*:RGB"
set -g history-limit 2000
set -g allow-rename off
set -s escape-time 0
"""
SIGN = "played to the end"
SGR_NAMES = {
    1: "bold",
    2: "faint",
    3: "italics",
    5: "blink",
    7: "reverse",
    8: "conceal",
    9: "strike",
    53: "overline",
}


class Seen(NamedTuple):
    """A cell as either terminal shows it, in the same words."""

    data: str
    fg: str
    bg: str
    attributes: frozenset[str]


# tmux does not tell of the cells after the last one drawn in a line, which may have been erased in a colour.
UNTOLD = Seen(" ", "untold", "untold", frozenset())


def colour(value: int) -> str:
    return "default" if value < 0 else f"#{value - RGB:06x}" if value >= RGB else str(value)


def ours(cell: Cell) -> Seen:
    style = cell.style
    names = {name for name in SGR_NAMES.values() if getattr(style, name)}
    if style.underline:
        names.add(f"underline{style.underline}")
    return Seen(cell.data, colour(style.fg), colour(style.bg), frozenset(names))


class Captured:
    """Reads what ``capture-pane -e -p -N`` prints; knows only what tmux writes there."""

    def __init__(self) -> None:
        self.fg = self.bg = "default"
        self.names: set[str] = set()
        self.drawing = False

    def line(self, text: str, columns: int) -> list[Seen]:
        cells: list[Seen] = []
        text = re.sub(r"\x1b\]8;[^\x1b]*\x1b\\", "", text)
        for found in re.finditer(r"\x1b\[([0-9;:]*)m|\x0e|\x0f|(.)", text):
            if found[1] is not None:
                self._sgr(found[1])
            elif found[2] is None:
                self.drawing = found[0] == "\x0e"
            else:
                self._char(cells, found[2])
        return cells + [UNTOLD] * (columns - len(cells))

    def _char(self, cells: list[Seen], char: str) -> None:
        from wcwidth import wcwidth

        if self.drawing:
            char = dict(zip("`afgjklmnopqrstuvwxyz{|}~", "◆▒°±┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·", strict=True)).get(
                char, char
            )
        width = wcwidth(char)
        if width == 0:
            last = -2 if cells[-1].data == "" else -1
            cells[last] = cells[last]._replace(data=cells[last].data + char)
            return
        cells.append(Seen(char, self.fg, self.bg, frozenset(self.names)))
        if width == 2:
            cells.append(Seen("", self.fg, self.bg, frozenset(self.names)))

    def _sgr(self, text: str) -> None:
        items = text.split(";")
        while items:
            item = items.pop(0)
            if item in ("", "0"):
                self.fg = self.bg = "default"
                self.names = set()
            elif item in ("38", "48", "58"):
                kind = items.pop(0)
                if kind == "5":
                    value = items.pop(0)
                else:
                    value = "#" + "".join(f"{int(items.pop(0)):02x}" for _ in range(3))
                self._colour(item, value)
            elif ":" in item:
                parts = item.split(":")
                if parts[0] == "4":
                    self._underline(int(parts[1]))
                else:
                    value = (
                        parts[2] if parts[1] == "5" else "#" + "".join(f"{int(p):02x}" for p in parts[-3:])
                    )
                    self._colour(parts[0], value)
            else:
                self._plain(int(item))

    def _underline(self, kind: int) -> None:
        self.names = {name for name in self.names if not name.startswith("underline")}
        if kind:
            self.names.add(f"underline{kind}")

    def _colour(self, target: str, value: str) -> None:
        if target == "38":
            self.fg = value
        elif target == "48":
            self.bg = value

    def _plain(self, code: int) -> None:
        if code in SGR_NAMES:
            self.names.add(SGR_NAMES[code])
        elif code == 4:
            self._underline(1)
        elif 30 <= code <= 37 or code == 39:
            self.fg = "default" if code == 39 else str(code - 30)
        elif 40 <= code <= 47 or code == 49:
            self.bg = "default" if code == 49 else str(code - 40)
        elif 90 <= code <= 97:
            self.fg = str(code - 82)
        elif 100 <= code <= 107:
            self.bg = str(code - 92)
        else:
            raise AssertionError(f"tmux wrote SGR {code}")


class Tmux:
    """A tmux of our own, into whose pane streams are played."""

    def __init__(self, folder, columns: int, rows: int) -> None:
        self.folder = folder
        self.columns, self.rows = columns, rows
        (folder / "conf").write_text(CONFIG)
        self.pipe = folder / "pipe"
        self.pipe.write_bytes(b"")
        command = f"stty raw -echo; exec tail -c +1 -f {shlex.quote(str(self.pipe))}"
        self.run(
            "-f",
            str(folder / "conf"),
            "-u",
            "new-session",
            "-d",
            "-x",
            str(columns),
            "-y",
            str(rows),
            command,
        )
        self.played = 0

    def run(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self.folder / "socket"), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    def play(self, data: bytes) -> None:
        """Print bytes into the pane and wait until tmux has taken them all."""
        self.played += 1
        sign = f"{SIGN} {self.played}"
        with self.pipe.open("ab") as file:
            file.write(data + f"\x1b]2;{sign}\x1b\\".encode())
        until = time.monotonic() + 120
        while self.run("display-message", "-p", "#{pane_title}").strip() != sign:
            assert time.monotonic() < until, "tmux did not play the stream in time"
            time.sleep(0.02)

    def screen(self) -> list[list[Seen]]:
        reader = Captured()
        text = self.run("capture-pane", "-e", "-p", "-N")
        lines = text.split("\n")[: self.rows]
        return [reader.line(line, self.columns) for line in lines]

    def cursor(self) -> tuple[int, int]:
        x, y = self.run("display-message", "-p", "#{cursor_x} #{cursor_y}").split()
        return min(int(x), self.columns - 1), int(y)

    def close(self) -> None:
        subprocess.run(
            ["tmux", "-S", str(self.folder / "socket"), "kill-server"], check=False, capture_output=True
        )


def tell(expected: list[list[Seen]], got: list[list[Seen]]) -> str:
    """Return the first differences, in words."""
    found = []
    for y, (theirs, mine) in enumerate(zip(expected, got, strict=True)):
        for x, (a, b) in enumerate(zip(theirs, mine, strict=True)):
            if a != b and not (a is UNTOLD and b.data == " "):
                found.append(f"row {y} column {x}: tmux {a}, ours {b}")
    return "\n".join([f"{len(found)} cells differ", *found[:12]] if found else [])


def compare(tmux: Tmux, model: TerminalModel, what: str) -> None:
    expected = tmux.screen()
    got = [[ours(cell) for cell in model.line(number)] for number in range(model.top, model.end)]
    difference = tell(expected, got)
    assert not difference, f"{what}: {difference}"
    assert (model.cursor.x, model.cursor.y) == tmux.cursor(), what


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
