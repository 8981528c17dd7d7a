"""A cursor that is moved by keys through a terminal's text, to select some of it."""

from __future__ import annotations

from app.tui.terminal.model import Moving, Place, TerminalModel
from app.tui.terminal.scrollback import step_of

_LETTERS = {"h": (0, -1), "left": (0, -1), "l": (0, 1), "right": (0, 1)}


class Picking:
    """Moves through the text, and selects from where it was told to begin.

    Args:
        model: The terminal.
        place: Where the cursor begins.
    """

    def __init__(self, model: TerminalModel, place: Place) -> None:
        self._model = model
        self.place = place
        """Where the cursor is."""
        self.begun: Place | None = None
        """Where the selection begins, once somebody said so."""
        self._lines = False

    @property
    def selection(self) -> tuple[Place, Place]:
        """What is selected: its first place and the one after its last; at least the cursor."""
        first, last = sorted((self.begun or self.place, self.place))
        if self._lines:
            return Place(first.line, 0), Place(last.line, self._model.columns)
        return first, Place(last.line, last.column + 1)

    def told(self) -> str:
        """Return what a title says."""
        return "v: begin · V: lines · esc: back" if self.begun is None else "y: copy · esc: back"

    def take_key(self, key: str, height: int) -> bool:
        """Move, or begin a selection; return whether the key means that here.

        Args:
            key: Its name.
            height: Lines that are seen at once.
        """
        at = self._kept()
        if key in ("v", "space", "V"):
            self.begun, self._lines = at, key == "V"
        elif key in _LETTERS:
            self._go(at.line, at.column + _LETTERS[key][1])
        elif key in ("0", "home"):
            self._go(at.line, 0)
        elif key in ("dollar_sign", "end"):
            self._go(at.line, self._last_column(at.line))
        elif key in ("w", "b"):
            self._go_by_word(1 if key == "w" else -1)
        elif (step := step_of(key, height)) is not None:
            self._go(at.line + step, at.column)
        else:
            return False
        return True

    def moved(self, moving: Moving) -> None:
        """Stay in the text while its lines are wrapped anew."""
        self.place = moving(self.place)
        if self.begun is not None:
            self.begun = moving(self.begun)

    def _kept(self) -> Place:
        """Return the cursor, moved to what is still there if its line left the scrollback."""
        model = self._model
        line = max(model.first, min(self.place.line, model.end - 1))
        self.place = Place(line, min(self.place.column, model.columns - 1))
        return self.place

    def _go(self, line: int, column: int) -> None:
        model = self._model
        line = max(model.first, min(line, model.end - 1))
        column = max(0, min(column, model.columns - 1))
        row = model.line(line)
        if 0 < column < len(row) and row[column].data == "":  # the right half of a wide character
            column += 1 if (line, column) == (self.place.line, self.place.column + 1) else -1
        self.place = Place(line, min(column, model.columns - 1))

    def _last_column(self, line: int) -> int:
        return max(len(self._model.line(line).text()) - 1, 0)

    def _go_by_word(self, step: int) -> None:
        """Go to where another word begins, also in another line."""
        line, column = self.place.line, self.place.column
        while self._model.first <= line < self._model.end:
            begins = self._words(line)
            found = [x for x in begins if x > column] if step > 0 else [x for x in begins if x < column]
            if found:
                self._go(line, found[0] if step > 0 else found[-1])
                return
            line, column = line + step, -1 if step > 0 else self._model.columns

    def _words(self, line: int) -> list[int]:
        """Return the columns at which words begin."""
        row = self._model.line(line)
        return [
            x
            for x, cell in enumerate(row)
            if cell.data not in ("", " ") and (x == 0 or row[x - 1].data == " ")
        ]
