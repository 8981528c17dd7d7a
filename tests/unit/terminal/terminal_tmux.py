"""A tmux that streams are played into, and whose screen is compared with ours cell by cell."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import time
from typing import NamedTuple

import pytest

from app.tui.terminal.cells import RGB, Cell
from app.tui.terminal.model import TerminalModel

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

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
