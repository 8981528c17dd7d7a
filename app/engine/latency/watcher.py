"""Finds typed characters in what a terminal is sent, outside of escape sequences."""

from __future__ import annotations

import re

ALPHABET = "QXZJKVWYGBHUPFMCDLRTSEANIO{}~@&=+;,:#"
"""Characters that may be typed: those that screens show least come first."""

_SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]+[0-~]|[0-OQ-WYZ\\`-~])"
    rb"|[\x00-\x1a\x7f]"
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?$")


class Watcher:
    """Reads a terminal's output and tells which characters it shows."""

    def __init__(self) -> None:
        self._rest = b""

    def text(self, data: bytes) -> bytes:
        """Return what ``data`` shows; an escape sequence that it only begins waits for its end."""
        if self._rest:
            data = self._rest + data
        unfinished = _UNFINISHED.search(data) if b"\x1b" in data else None
        if unfinished is not None:
            self._rest = data[unfinished.start() :]
            data = data[: unfinished.start()]
            if len(self._rest) > 100_000:  # no sequence is that long
                self._rest = b""
        else:
            self._rest = b""
        return _SEQUENCE.sub(b"", data)


def usable(shown: bytes, least: int = 8) -> str:
    """Return the characters of ``ALPHABET`` that do not occur in what was shown so far.

    Args:
        shown: What the terminal shows by itself.
        least: How many there are in any case; the first of the alphabet, if it comes to that.
    """
    free = "".join(c for c in ALPHABET if c.encode() not in shown)
    return free if len(free) >= least else ALPHABET[:least]
