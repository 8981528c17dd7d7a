"""The emulators that the setting ``terminal.emulator`` chooses among."""

from __future__ import annotations

from collections.abc import Callable

from app.tui.terminal.emulator import Emulator, PyteEmulator

Maker = Callable[[int, int, int], Emulator]
"""Makes an emulator of columns, rows and lines of scrollback."""


class NoEmulator(Exception):
    """An emulator that was chosen is not there.

    Attributes:
        message: What is wrong.
        remedy: What to do about it.
    """

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def load(name: str) -> Maker:
    """Return what makes emulators of a name; to be called in a thread, as a library may be loaded.

    Raises:
        NoEmulator: it is not installed.
    """
    if name != "ghostty":
        return lambda columns, lines, history: PyteEmulator(columns, lines, history=history)
    try:
        from app.tui.terminal.ghostty import GhosttyEmulator
    except (
        ImportError,
        OSError,
        AttributeError,
    ) as error:  # not there, not for this host, or another version
        raise NoEmulator(
            f"The ghostty emulator cannot be loaded ({error}); pyte is used instead.",
            'Type pip install "vmbench[ghostty]", or set terminal.emulator to "pyte".',
        ) from error
    return lambda columns, lines, history: GhosttyEmulator(columns, lines, history=history)
