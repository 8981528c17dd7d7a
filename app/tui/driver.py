"""Textual's driver for a real terminal, which hands on plain characters before anything is made of them."""

from __future__ import annotations

import os
import re
import select
import signal
import time
from codecs import getincrementaldecoder
from functools import lru_cache
from pathlib import Path
from typing import Any

import textual
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from app.tui.turns import ask_for_short_turns

KNOWN = ("8.2.",)
"""Beginnings of the versions of Textual whose inside is as it is used here and by what paints straight."""

_INSTALLED = re.compile(r"textual-([\d.]+)\.dist-info")
"""Folder of an installed Textual, beside it."""
_LOOK = 0.1
"""Seconds between two looks whether to stop."""
_MOST = 4096
_FEW_WRITES = 4
"""Writes that may wait for the terminal; the loop itself has to wait when there are 30."""
_LONGEST_MARK = len("\x1b[200~") - 1
_ESCAPE = re.compile("\x1b(?=[^A-Za-z\x1b[\\]\x80-\U0010ffff]|[^\x1b[\\]]\x1b|[^\x1b[\\]NOPX^_].)", re.DOTALL)
"""An escape before what begins no sequence; before a letter alone it is the alt key, which sends the same."""


@lru_cache(1)
def known() -> bool:
    """Return whether this version of Textual is one of those whose inside is known."""
    # What reads a package's metadata is slow to import, and this is asked before the first paint.
    beside = Path(textual.__file__).parents[1].iterdir()
    found = [m[1] for folder in beside if (m := _INSTALLED.fullmatch(folder.name))]
    version = found[0] if len(found) == 1 else textual.__version__
    return version.startswith(KNOWN)


class PasteWatch:
    """Knows from what is read whether it is in the midst of pasted text, wherever reads cut it."""

    def __init__(self) -> None:
        self.pasting = False
        self._tail = ""

    def heard(self, text: str) -> None:
        """Take note of what was read."""
        seen = self._tail + text
        begun, ended = seen.rfind("\x1b[200~"), seen.rfind("\x1b[201~")
        if begun != ended:
            self.pasting = begun > ended
        self._tail = seen[-_LONGEST_MARK:]


def escapes_apart(text: str) -> str:
    """Return what was read with escapes that begin nothing as keys of their own.

    Textual takes an escape and a sign that were read at once for one key, or leaves the escape out.
    """
    return _ESCAPE.sub("\x1b[27u", text)


class OuterDriver(LinuxDriver):
    """The driver; a plain character may be taken by ``quick`` in the thread that reads it."""

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)

        self.last_read = 0.0
        """When something was read last, in monotonic seconds."""

    @property
    def lags(self) -> bool:
        """Whether the terminal did not take yet what was written to it some updates ago."""
        writer = self._writer_thread
        return writer is not None and writer._queue.qsize() > _FEW_WRITES

    def quick(self, character: str) -> bool:
        """Be asked with a printable character whether it is done with; in the thread that reads."""
        return False

    def keys_go_on(self) -> bool:
        """Return whether keys go to a program, which has to get what was typed; in the thread that reads."""
        return False

    def _input(self) -> bytes:
        """Return what was typed; nothing if the terminal is gone."""
        try:
            return os.read(self.fileno, _MOST)
        except OSError:
            return b""

    def run_input_thread(self) -> None:
        """Read until told to stop; stands in for Textual's own loop, which makes an event of everything."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")().decode
        watch = PasteWatch()
        asked = False
        while True:
            last = self.exit_event.is_set()
            if select.select([self.fileno], [], [], _LOOK)[0]:
                self.last_read = time.monotonic()
                data = self._input()
                if not data and not last:  # gone, perhaps without a word: whoever is told of a hang-up is
                    os.kill(os.getpid(), signal.SIGHUP)
                    break
                text = decode(data, final=last)
                # Between two keys the parser waits for one without a limit; in an escape sequence it has one.
                idle = parser._awaiting.timeout is None and not watch.pasting
                if len(text) == 1 and idle and text.isprintable() and self.quick(text):
                    continue
                pasting = watch.pasting
                watch.heard(text)
                if "\x1b" in text and idle and not pasting and not watch.pasting and self.keys_go_on():
                    text = escapes_apart(text)
                for message in parser.feed(text) if text else ():
                    self.process_message(message)
            for message in parser.tick():
                self.process_message(message)
            if not asked and self.last_read:
                asked = True
                ask_for_short_turns()
            if last:
                break
        for _ in parser.feed(""):
            pass
