"""Terminals that are typed into at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.tui.terminal.pane import TerminalPane, Typed


class Together:
    """Which terminals of a room get what is typed into one of them.

    Args:
        panes: Gives all terminals of the room.
    """

    def __init__(self, panes: Callable[[], Sequence[TerminalPane]]) -> None:
        self._panes = panes
        self._chosen: set[TerminalPane] = set()

    def __contains__(self, pane: TerminalPane) -> bool:
        """Return whether a terminal is among them; asked by any thread."""
        return pane in self._chosen

    def toggle_all(self) -> None:
        """Choose every terminal, or none if any is chosen."""
        self._choose(set() if self._chosen else set(self._panes()))

    def toggle(self, pane: TerminalPane) -> None:
        """Choose a terminal, or leave it out."""
        self._choose(self._chosen ^ {pane})

    def join(self, pane: TerminalPane, beside: TerminalPane) -> None:
        """Choose a new terminal if the one that it was split from is chosen."""
        if beside in self._chosen:
            self._choose(self._chosen | {pane})

    def leave(self, pane: TerminalPane) -> None:
        """Forget a terminal that was closed."""
        self._choose(self._chosen - {pane})

    def _choose(self, chosen: set[TerminalPane]) -> None:
        changed, self._chosen = self._chosen ^ chosen, chosen
        for pane in changed:
            pane.together = pane in chosen
            pane.retitle()

    def typed(self, pane: TerminalPane, typed: Typed) -> None:
        """Type what was typed into one of them into the others, each as its own program wants it."""
        if pane in self._chosen:
            for other in self._chosen - {pane}:
                other.send_typed(typed)

    def told(self, pane: TerminalPane | None) -> str:
        """Return what the line of keys says before them while a terminal is typed into."""
        if pane not in self._chosen:
            return ""
        count, of = len(self._chosen), len(self._panes())
        return f"typing into {'all' if count == of else f'{count} of {of}'} terminals · "
