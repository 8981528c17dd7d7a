"""The screens of vttest (https://invisible-island.net/vttest), cell by cell as tmux shows them."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from terminal_emulators import emulator, known_difference  # noqa: F401 -- fixtures of every test here
from terminal_tmux import Tmux, compare, needs_tmux

from app.tui.terminal.keys import Mouse, encode_mouse
from app.tui.terminal.model import TerminalModel

needs_vttest = pytest.mark.skipif(shutil.which("vttest") is None, reason="vttest is not installed")
pytestmark = [needs_tmux, needs_vttest]

COLUMNS, ROWS = 80, 24
PUSH = b"Push <RETURN>"
MENU = re.compile(rb"Enter choice number \(0 - \d+\): $")

CHAPTERS = {
    "cursor movements": ["1"],
    "screen features": ["2"],
    "character sets": ["3/8", "3/9", "10/3"],
    "insert and delete": ["8"],
    "known bugs": ["9/1", "9/2", "9/3", "9/5", "9/6", "9/7", "9/8"],
    "VT220": ["11/1/2/2", "11/1/2/3", "11/1/6", "11/2/2/1", "11/2/2/2"],
    "ISO 6429 movements": [f"11/5/{number}" for number in range(1, 10)],
    "colours": [f"11/6/{number}" for number in (2, 3, 4, 5, 6, 7, 8, 9)],
    "repeat and scroll": ["11/7/2", "11/7/3", "11/7/6"],
    "alternate screen": ["11/8/7/3", "11/8/7/4", "11/8/7/5"],
}
"""Tests of vttest by the menu choices that lead to them."""


def columns_in_order(shown: list[str]) -> bool:
    """Both edges hold the alphabet; tmux wraps after a backspace in the last column."""
    left, right = ("".join(line[x] for line in shown[2:20]) for x in (0, -1))
    return (left, right) == ("IJKLMNOPQRSTUVWXYZ", "ijklmnopqrstuvwxyz")


def at_the_bottom(shown: list[str]) -> bool:
    """Two lines at the bottom; tmux does not go to the region's home in origin mode."""
    told = "".join(shown[:22]).strip(), shown[22][:56], shown[23][:66]
    return told == (
        "",
        "This line should be the one above the bottom of the scre",
        "Origin mode test. This line should be at the bottom of the screen."[:66],
    )


def drawn(shown: list[str]) -> bool:
    """British pounds and all of the line drawing; tmux has but a part."""
    text = "\n".join(shown)
    lines = "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"
    return text.count(' !"£$%&') == 2 and text.count(lines) == 4


def pounds(shown: list[str]) -> bool:
    """A British pound; tmux has none."""
    return shown[3][9:14] == ' !"#$' and shown[7][9:14] == ' !"£$'


def same_tabs(shown: list[str]) -> bool:
    """Tabs as many as asked for, which wrap once; tmux takes each for one."""
    stars = "        *       *       *       *       *       *       *       *       *      *"
    wrapped = "*       *       *       *       *       *       *       *       *       *"
    tabs = [shown[1], shown[2].rstrip(), shown[7], shown[8].rstrip()]
    return tabs == [stars, wrapped] * 2 and shown[4] == stars.replace("*", "+")


def box(shown: list[str]) -> bool:
    """A box in the middle; tmux lacks relative positions."""
    rows = [line.strip() for line in shown[5:18]]
    hollow = f"*{' ' * 38}*"
    return rows == ["*" * 40, *[hollow] * 11, "*" * 40] and shown[5].index("*") == 19


UNLIKE_TMUX = {
    ("1", 2): columns_in_order,
    ("1", 3): columns_in_order,
    ("2", 10): at_the_bottom,
    ("3/8", 1): drawn,
    ("3/9", 1): pounds,
    ("11/5/4", 2): same_tabs,
    ("11/5/5", 2): box,
    ("11/5/9", 2): box,
}
"""Screens where some tmux is wrong, by the way to them and their number, with what must be seen instead."""

REPORTS = {
    "6/3": ["TERMINAL OK", "-- OK"],
    "6/4": ["VT200 family", "22 = color"],
    "6/5": ["VT420", "ROM cartridge registration number ok"],
    "6/6": ["0 0 0 0 0 0 0 0", "ok"],
    "6/7": ["[ 2 ; 1 ; 1", "[ 3 ; 1 ; 1", "-- OK", "Parity NONE, 8 bits"],
    "11/1/1/1/1": ["North American"],
    "11/1/1/1/2": ["Terminal is in good operating condition"],
    "11/1/1/1/3": ["No printer"],
    "11/1/1/1/4": ["UDKs locked"],
    "11/2/5/2/6": ["Line 2, Column 1"],
    "11/2/5/3/6/7": ["1 ; 2 4 r", "valid request"],
    "11/2/5/3/6/8": ["$ r 0 m", "valid request"],
}
"""What vttest says of the answers to its questions."""
WRONG = re.compile(r"[Bb]ad format|[Uu]nexpected|[Ii]llegal|[Ff]ailed|[Ii]nvalid")


class Vttest:
    """The program on a PTY, and what we make of it."""

    def __init__(self) -> None:
        self.model = TerminalModel(COLUMNS, ROWS)
        self.since = b""
        """What was printed since the last wait."""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", LANG="C.UTF-8")
            os.execlp("vttest", "vttest", f"{ROWS}x{COLUMNS}.{COLUMNS}")
        self.model.on_reply = self.type

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def settle(self) -> bool:
        """Wait until it asks for something; return whether that is a choice from a menu."""
        self.since = b""
        while True:
            self._read()
            plain = re.sub(rb"\x1b\[[0-9;?]*[@-~]|\x1b[()].|\x1b[78=>]|[\x0e\x0f]", b"", self.since[-300:])
            if plain.endswith(PUSH):
                return False
            if MENU.search(plain):
                return True

    def type_until(self, data: bytes, words: str) -> None:
        """Type again and again, as vttest drops what comes before it reads, until words are seen."""
        for _ in range(60):
            self.type(data)
            while select.select([self.master], [], [], 1)[0]:
                self._read()
                if words in "\n".join(self.shown()):
                    return
        raise AssertionError(f"no {words!r}:\n" + "\n".join(self.shown()))

    def read_until(self, true: Callable[[], bool]) -> None:
        """Read until something is true."""
        while not true():
            self._read()

    def _read(self) -> None:
        if not select.select([self.master], [], [], 60)[0]:
            raise AssertionError("vttest says no more:\n" + "\n".join(self.shown()))
        data = os.read(self.master, 65536)
        self.since += data
        self.model.feed(data)

    def shown(self) -> list[str]:
        model = self.model
        return ["".join(cell.data for cell in model.line(y)) for y in range(model.top, model.end)]

    def close(self) -> None:
        os.close(self.master)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@contextmanager
def walk_to(way: str) -> Iterator[tuple[Vttest, Iterator[int]]]:
    """Run a test of vttest: yield it, and the numbers of its screens as they come."""
    program = Vttest()

    def screens() -> Iterator[int]:
        at_menu = program.settle()
        yield -1
        for number, choice in enumerate(way.split("/")):
            program.type(choice.encode() + b"\r")
            at_menu = program.settle()
            yield number
        while not at_menu:
            number += 1
            program.type(b"\r")
            at_menu = program.settle()
            yield number

    try:
        yield program, screens()
    finally:
        program.close()


@pytest.mark.parametrize("name", CHAPTERS)
def test_screens_of_vttest(name, tmp_path) -> None:
    for place, way in enumerate(CHAPTERS[name]):
        folder = tmp_path / str(place)
        folder.mkdir()
        tmux = Tmux(folder, COLUMNS, ROWS)
        try:
            with walk_to(way) as (program, screens):
                for number in screens:
                    tmux.play(program.since)
                    instead = UNLIKE_TMUX.get((way, number))
                    if instead is None:
                        compare(tmux, program.model, f"vttest {way}, screen {number}")
                    else:
                        seen = program.shown()
                        assert instead(seen), f"vttest {way}, screen {number}:\n" + "\n".join(seen)
        finally:
            tmux.close()


@pytest.mark.parametrize("name", REPORTS)
def test_answers_to_vttest(name) -> None:
    told = ""
    with walk_to(name) as (program, screens):
        for _ in screens:
            text = "\n".join(program.shown())
            if "Enter choice" not in text:
                told += text
    assert not WRONG.search(told), told
    for words in REPORTS[name]:
        assert words in told, told


@pytest.mark.parametrize(("choice", "mode"), [("4", 1000), ("7", 1002), ("6", 1003)])
def test_mouse_of_vttest(choice, mode) -> None:
    program = Vttest()
    try:
        program.settle()
        for step in ["11", "8", "5"]:
            program.type(step.encode() + b"\r")
            program.settle()
        program.type_until(choice.encode() + b"\r", "Mouse events will be marked")
        program.read_until(lambda: program.model.modes.mouse == mode)
        modes = program.model.modes
        program.type_until(encode_mouse(Mouse.PRESS, 1, 9, 11, modes), "code 0x0 (12,10) button 1")
        program.type_until(encode_mouse(Mouse.RELEASE, 1, 9, 11, modes), "<27> [ M # * ,")
    finally:
        program.close()
