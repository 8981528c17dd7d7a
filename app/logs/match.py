"""What is looked for in a log: a text or a regular expression, found in bytes and in what is drawn."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import re2

_SEQUENCE = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[PX^_\]][^\x07\x1b\n]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]"
)
MOST_SPANS = 1000
"""Places in one line that are marked, at most."""
MOST_MEMORY = 16 << 20
"""Bytes that one expression may take."""


class BadPattern(ValueError):
    """A regular expression that is none.

    Attributes:
        message: What is wrong with it.
        remedy: What to do.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = "mend it, or look for it as plain text; look-around and back references are not known"


def plain_bytes(data: bytes) -> bytes:
    """Return ``data`` without escapes and controls; line ends are kept, so that lines can be counted."""
    return _SEQUENCE.sub(b"", data)


def plain_line(line: bytes) -> bytes:
    """Return a line without escapes and controls; after a carriage return only what was drawn last stays."""
    if b"\r" in line:
        line = next((part for part in reversed(line.split(b"\r")) if part), b"")
    return plain_bytes(line)


@dataclass(frozen=True)
class Pattern:
    """What to look for, on each line by itself, in what is seen: colours inside a word do not hide it.

    Expressions are RE2's: their time grows with the length of the text alone, so none can hang a search.

    Attributes:
        text: A text, or an expression; not empty.
        regex: Whether it is an expression.
        case: Whether upper and lower case differ.
    """

    text: str
    regex: bool = False
    case: bool = False

    def check(self) -> None:
        """Compile it.

        Raises:
            BadPattern: it is no regular expression.
        """
        assert self._compiled

    @cached_property
    def _needle(self) -> bytes | None:
        if self.regex:
            return None
        return self.text.encode() if self.case else self.text.lower().encode()

    @cached_property
    def _compiled(self) -> re2._Regexp:
        options = re2.Options()
        options.log_errors = False
        options.never_nl = True
        options.case_sensitive = self.case
        options.max_mem = MOST_MEMORY
        text = self.text if self.regex else re2.escape(self.text)
        try:
            return re2.compile(f"(?m:{text})", options)
        except re2.error as error:
            said = error.args[0]
            words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
            raise BadPattern(words.replace(f"(?m:{text})", text)) from None

    def lines(self, data: bytes) -> list[int]:
        """Return the numbers of the lines in ``data`` that match, from 0."""
        if b"\x1b" in data or b"\0" in data:
            data = plain_bytes(data)
        if self._needle is not None and not self.case and self.text.isascii():
            # To find that there is nothing is quicker by the expression, to find many places is not.
            if not self._compiled.search(data):
                return []
            data = data.lower()
        found: list[int] = []
        line = counted = position = 0
        while (at := self._next(data, position)) >= 0:
            end = data.find(b"\n", at)
            line += data.count(b"\n", counted, at)
            found.append(line)
            if end < 0:
                break
            line += 1
            counted = position = end + 1
            if position >= len(data):
                break
        return found

    def _next(self, data: bytes, position: int) -> int:
        if self._needle is not None and (self.case or self.text.isascii()):
            return data.find(self._needle, position)
        match = self._compiled.search(data, position)
        return match.start() if match else -1

    def spans(self, line: str) -> list[tuple[int, int]]:
        """Return where in a line as it is seen it matches: pairs of columns, the second one exclusive."""
        found: list[tuple[int, int]] = []
        for match in self._compiled.finditer(line):
            if match.end() > match.start():
                found.append((match.start(), match.end()))
            if len(found) >= MOST_SPANS:
                break
        return found

    def __str__(self) -> str:
        return f"/{self.text}/" if self.regex else f"“{self.text}”"
