"""The commands of a recorded shell: found by the marks of its prompts (OSC 133), or by what was typed."""

from __future__ import annotations

import re

from app.engine.recorded import RecordedCommand, shortened, typed_lines
from app.tui.terminal.cast_file import Cast, size_of
from app.tui.terminal.emulator import PyteEmulator
from app.tui.terminal.model import Place, TerminalModel

HISTORY = 2000
_MARK = re.compile(r"\x1b\]133;([ABCD])(?:;([^\x07\x1b]*))?(?:\x07|\x1b\\)")
_BEGUN = re.compile(r"\x1b(?:\][^\x07\x1b]{0,40}\x1b?)?\Z")
"""What may be the beginning of a mark at the end of a piece."""


def commands_of(cast: Cast) -> tuple[RecordedCommand, ...]:
    """Return the commands of a recording. Blocking: a long one takes a while.

    Of a shell whose prompts are marked they are what its screen showed, so that edited and completed lines
    are as they were run; of another one what was typed, if the recording holds that.
    """
    reader = _Reader(cast)
    reader.read()
    if reader.marked:
        return tuple(reader.found)
    return tuple(typed_lines(event.data for event in cast.events if event.code == "i"))


class _Reader:
    """Follows a recording and its prompts."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        emulator = PyteEmulator(cast.columns, cast.rows, history=HISTORY)
        self._model = TerminalModel(emulator=emulator)
        self._typed = any(event.code == "i" for event in cast.events)
        self._enters = 0
        self.marked = False
        self.found: list[RecordedCommand] = []
        self._time = 0.0
        self._rest = ""
        self._input: Place | None = None
        """Where the line begins that is being typed."""
        self._lines: list[str] = []
        """The lines of the command that were entered."""
        self._entered = 0.0
        self._output: Place | None = None

    def read(self) -> None:
        """Go through all of it."""
        for event in self._cast.events:
            self._time = event.time
            if event.code == "i":
                self._enters += len(re.findall(r"[\r\n]", event.data))
            elif event.code == "r" and (size := size_of(event.data)) is not None:
                self._resize(*size)
            elif event.code == "o":
                self._take(self._rest + event.data)
        self._print(self._rest)

    def _resize(self, columns: int, lines: int) -> None:
        moving = self._model.resize(columns, lines)
        if moving is not None:
            self._input = None if self._input is None else moving(self._input)
            self._output = None if self._output is None else moving(self._output)

    def _take(self, text: str) -> None:
        at = 0
        for mark in _MARK.finditer(text):
            self._print(text[at : mark.start()])
            self._marked(mark[1], mark[2] or "")
            at = mark.end()
        rest = text[at:]
        begun = _BEGUN.search(rest)
        self._rest = rest[begun.start() :] if begun is not None else ""
        self._print(rest[: len(rest) - len(self._rest)])

    def _print(self, text: str) -> None:
        while text:
            if self._input is None:
                self._model.feed(text.encode("utf-8", "replace"))
                return
            line, end, text = text.partition("\n")
            self._model.feed(line.encode("utf-8", "replace"))
            if end:
                self._enter()
                self._model.feed(b"\n")

    def _here(self) -> Place:
        cursor = self._model.cursor
        return Place(self._model.top + cursor.y, cursor.x)

    def _enter(self) -> None:
        """A line was ended: what is shown from the prompt on is what was typed."""
        assert self._input is not None
        model = self._model
        last = self._input.line
        while last + 1 < model.end and model.line(last).wrapped:
            last += 1
        last = max(last, min(self._here().line, model.end - 1))
        self._lines.append(model.text(self._input, Place(last, model.columns)).rstrip())
        self._input = None
        self._entered = self._time
        self._output = Place(last + 1, 0)

    def _marked(self, kind: str, value: str) -> None:
        self.marked = True
        if kind == "B":
            self._input = self._here()
        elif kind == "D":
            if self._lines:
                self._end(int(value) if value.isdigit() and len(value) < 6 else None)
            self._input = None

    def _end(self, code: int | None) -> None:
        """A prompt is there again."""
        entered = self._enters > 0 or not self._typed
        text = "\n".join(self._lines).strip()
        begin, here = self._output, self._here()
        self._lines = []
        # A list of completions also ends the line, but nobody pressed enter.
        if not entered:
            return
        self._enters = 0
        if not text or (code == 130 and text.endswith("^C")):
            return
        output = ""
        if begin is not None and begin.line < here.line and begin.line >= self._model.first:
            output = self._model.text(begin, Place(here.line, 0))
        self.found.append(
            shortened(
                RecordedCommand(
                    text=text, exit_code=code, output=output, duration=max(self._time - self._entered, 0.0)
                )
            )
        )
