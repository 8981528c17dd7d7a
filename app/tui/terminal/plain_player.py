"""Plays a recording in a plain terminal. What it holds is drawn, never passed on as it is."""

from __future__ import annotations

import contextlib
import os
import re
import select
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from app.tui.terminal.ansi_rows import row_text
from app.tui.terminal.playing import Player

FRAME = 1 / 30
"""Seconds between two drawings, at least."""
LEAP = 5.0
"""Seconds that an arrow key goes."""
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
_KEYS = {"C": "right", "D": "left", "A": "up", "B": "down", "H": "home", "F": "end"}
_TILDES = {"1": "home", "7": "home", "4": "end", "8": "end"}
_SEQUENCE = re.compile(r"\x1b(?:\[([0-9;]*)([A-Za-z~])|O([A-Za-z]))")
_PLAIN = {" ": "space", "\x03": "ctrl+c", "\x04": "q"}


def clock(seconds: float) -> str:
    """Return a moment as people write it: ``1:05``."""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{whole // 60}:{whole % 60:02}"


class Pace:
    """Which moment of a recording it is now.

    Args:
        player: The recording.
        speed: How fast time goes in it.
    """

    def __init__(self, player: Player, speed: float = 1.0) -> None:
        self.player = player
        self.speed = speed
        self.playing = True
        self.held = False
        """Whether its clock stands still because the moment is still being sought."""
        self._since = time.monotonic()
        self._from = player.time

    @property
    def now(self) -> float:
        """The moment to show."""
        if not self.playing or self.held:
            return self._from
        return self._from + (time.monotonic() - self._since) * self.speed

    def be_at(self, moment: float) -> None:
        """Be at another moment, and go on from there."""
        self._from = min(max(moment, 0.0), self.player.cast.duration)
        self._since = time.monotonic()

    def press(self, key: str) -> bool:
        """Do what a key says, and return whether it says anything."""
        player = self.player
        match key:
            case "space":
                self.be_at(self.now)
                self.playing = not self.playing
            case "left" | "right":
                self.be_at(self.now + (LEAP if key == "right" else -LEAP))
            case "home":
                self.be_at(0.0)
            case "end":
                self.playing = False
                self.be_at(player.cast.duration)
            case "up" | "down":
                faster = [s for s in SPEEDS if s > self.speed]
                slower = [s for s in SPEEDS if s < self.speed]
                self.be_at(self.now)
                if key == "up" and faster:
                    self.speed = faster[0]
                elif key == "down" and slower:
                    self.speed = slower[-1]
            case ".":
                player.seek(self.now)
                player.step()
                self.playing = False
                self.be_at(player.time)
            case "[" | "]":
                player.time = self.now
                moment = player.marker(1 if key == "]" else -1)
                if moment is not None or key == "[":
                    self.be_at(moment or 0.0)
            case _:
                return False
        return True


class PlainPlayer:
    """Shows a recording on this terminal.

    Args:
        player: The recording.
        speed: How fast time goes in it.
        stdin: Descriptor that keys come from.
        stdout: Descriptor of the terminal.
    """

    def __init__(self, player: Player, *, speed: float = 1.0, stdin: int = 0, stdout: int = 1) -> None:
        self.player = player
        self._stdin = stdin
        self._stdout = stdout
        self.pace = Pace(player, speed)
        self._shown: list[str] = []
        self._size = (0, 0)

    def run(self) -> None:
        """Play until its end, or until ``q``."""
        with self._screen():
            while True:
                moment = self.pace.now
                self.player.prepare(moment)
                self.player.advance(moment)
                self._draw()
                if self.player.over and self.pace.playing and moment >= self.player.cast.duration:
                    return
                for key in self._keys(self._pause()):
                    if key in ("q", "ctrl+c"):
                        return
                    self.pace.press(key)

    def _pause(self) -> float:
        """Return how long nothing is to be done unless a key comes."""
        if not self.pace.playing:
            return 1.0
        later = self.player.next_time
        until = 0.0 if later is None else (later - self.pace.now) / self.pace.speed
        return min(max(until, FRAME), 0.25)  # the time in the line below goes on

    def _keys(self, timeout: float) -> Iterator[str]:
        ready, _, _ = select.select([self._stdin], [], [], timeout)
        data = os.read(self._stdin, 1024) if ready else b""
        if ready and not data:
            yield "q"
        text = data.decode("latin-1")
        at = 0
        while at < len(text):
            found = _SEQUENCE.match(text, at)
            if found is None:
                yield _PLAIN.get(text[at], text[at])
                at += 1
                continue
            at = found.end()
            yield _TILDES.get(found[1], "") if found[2] == "~" else _KEYS.get(found[2] or found[3], "")

    def _draw(self) -> None:
        size = os.get_terminal_size(self._stdout)
        parts: list[str] = []
        if size != self._size:
            self._size = (size.columns, size.lines)
            self._shown = []
            parts.append("\x1b[0m\x1b[2J")
        model, room = self.player.model, max(size.lines - 1, 1)
        # The rows at the cursor are shown where there is no room for all of them.
        first = max(0, min(model.cursor.y - room + 1, model.lines - room)) if model.lines > room else 0
        rows = [
            row_text(model.line(model.top + y), size.columns) if y < model.lines else ""
            for y in range(first, first + room)
        ]
        rows.append(self._bar(size.columns))
        for y, row in enumerate(rows):
            if y >= len(self._shown) or self._shown[y] != row:
                parts.append(f"\x1b[{y + 1}H{row}\x1b[0m\x1b[K")
        self._shown = rows
        if parts:
            cursor = model.cursor
            visible = cursor.visible and 0 <= cursor.y - first < room
            at = f"\x1b[{cursor.y - first + 1};{min(cursor.x + 1, size.columns)}H"
            parts.append(f"{at}\x1b[?25h" if visible else "\x1b[?25l")
            _write(self._stdout, "".join(parts).encode())

    def _bar(self, width: int) -> str:
        cast, pace = self.player.cast, self.pace
        speed = "" if pace.speed == 1.0 else f" x{pace.speed:g}"
        left = f" {'▶' if pace.playing else '⏸'} {clock(self.player.time)} / {clock(cast.duration)}{speed} "
        right = " space  ← →  . step  [ ] marks  q "
        slider = max(width - len(left) - len(right), 0)
        if slider < 10:
            right, slider = "", max(width - len(left) - 1, 0)
        share = self.player.time / cast.duration if cast.duration else 1.0
        cells = ["━" if x < share * slider else "─" for x in range(slider)]
        for marker in cast.markers:
            if slider and cast.duration:
                cells[min(int(marker.time / cast.duration * slider), slider - 1)] = "◆"
        return f"\x1b[7m{(left + ''.join(cells) + right)[:width]}"

    @contextmanager
    def _screen(self) -> Iterator[None]:
        before = termios.tcgetattr(self._stdin)
        try:
            tty.setraw(self._stdin, termios.TCSADRAIN)
            _write(self._stdout, b"\x1b[?1049h\x1b[2J")
            yield
        finally:
            with contextlib.suppress(OSError, termios.error):
                _write(self._stdout, b"\x1b[0m\x1b[?25h\x1b[?1049l")
                termios.tcsetattr(self._stdin, termios.TCSADRAIN, before)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
