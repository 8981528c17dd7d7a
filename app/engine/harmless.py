"""Output of guests made harmless: nothing in it moves a cursor, rings a bell or breaks a document."""

from __future__ import annotations

import re

# CSI, OSC/DCS/APC/PM/SOS strings, and the other two- and three-byte escapes.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x07|\x1b\\|$)|[ -/]*[0-~])|[\x00-\x08\x0b-\x1f\x7f-\x9f]",
    re.DOTALL,
)
_NO_CHARACTERS = re.compile("[\ud800-\udfff\ufffe\uffff]")


def harmless(text: str) -> str:
    """Return ``text`` without escape sequences and control characters other than tab and newline."""
    return _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def printable(text: str) -> str:
    """Return ``text`` harmless, and without what no XML document may hold."""
    return _NO_CHARACTERS.sub("�", harmless(text))
