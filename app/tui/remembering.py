"""Where the person was: found again by the next start, and noted while they work."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.tui import places
from app.tui.memory import Memory, read_memory, write_memory
from backends.files import make_room

if TYPE_CHECKING:
    from app.tui.app import Workbench
    from app.tui.screens.run import RunScreen
    from registry.model import Registry

MEMORY_PERIOD = 2.0
"""Seconds between two notes of where the person is."""


class Remembering:
    """Notes where the person is, and goes back there.

    Args:
        app: The workbench.
        file: Where it is kept; ``None`` for nowhere.
    """

    def __init__(self, app: Workbench, file: Path | None) -> None:
        self._app = app
        self._file = file
        self.memory = Memory()
        """Where the person was, and is."""
        self._written = ""
        self._told = False
        """Whether it was said that nothing can be written."""
        self._restored = False
        self._closed_terminals: list[dict[str, object]] = []
        """Screens of terminals of the last time, until somebody goes to their place."""
        self._closed_room: dict[str, object] = {}
        """What was beside the run of the last time, until a run is shown."""

    def recall(self) -> None:
        """Read where the person was, and begin to note where they are."""
        file = self._file
        if file is None:
            return
        # One small file, before anything is drawn: panes do not jump.
        self.memory, wrong = read_memory(file)
        self._written = "" if wrong else self.memory.dump()
        if wrong:
            self._app.notify(wrong, title="Not restored", severity="warning", markup=False)
        if "ui.theme" not in self._app.settings.sources and self.memory.theme in self._app.available_themes:
            self._app.theme = self.memory.theme
        self._app.tests_screen.lay_out()
        self._app.set_interval(MEMORY_PERIOD, self.write)

    async def restore(self, registry: Registry) -> None:
        """Go where the person was in a registry; once."""
        if self._restored:
            return
        self._restored = True
        spot = self.memory.spots.get(str(registry.root))
        if spot is None or self._file is None:
            return
        self._app.tests_screen.restore(spot)
        self._app.runs.last_run, self._closed_terminals = spot.run, spot.terminals
        self._closed_room = spot.room
        if self._app.watching is None and spot.place in {place.id for place in places.PLACES}:
            await self._app.go(spot.place)

    def _noted(self) -> str:
        """Note where the person is, and return all that is remembered as text."""
        registry = self._app.rows.registry
        if registry is not None and self._restored:
            self.memory.spots.pop(str(registry.root), None)
            spot = self.memory.spots[str(registry.root)] = self._app.tests_screen.spot()
            runs = self._app.runs
            spot.run = runs.session.handle.id if runs.session is not None else runs.last_run
            spot.terminals = [*self._closed_terminals, *self._terminals_open()]
            spot.room = self._closed_room or self._room_open()
        self.memory.theme = self._app.theme
        return self.memory.dump()

    def _terminals_open(self) -> list[dict[str, object]]:
        """Return what is needed to open the screens of terminals again."""
        if "app.tui.screens.terminal" not in sys.modules:
            return []
        from app.tui.screens.terminal import TerminalScreen

        screens = [s for s in self._app._screen_stacks.get("terminals", ()) if isinstance(s, TerminalScreen)]
        return [
            {"machine": screen.machine.name, "test": screen.test, "shape": screen.room.shape()}
            for screen in screens
            if screen.machine is not None and screen.is_mounted
        ]

    def _room_open(self) -> dict[str, object]:
        """Return what is needed to open again what is beside the run."""
        if "app.tui.screens.run" not in sys.modules:
            return {}
        from app.tui.screens.run import RunScreen

        screens = [s for s in self._app._screen_stacks.get("run", ()) if isinstance(s, RunScreen)]
        return next((screen.kept_room() for screen in screens if screen.is_mounted), {})

    async def reopen_room(self, screen: RunScreen) -> None:
        """Open beside a run what was beside that of the last time; once."""
        kept, self._closed_room = self._closed_room, {}
        await screen.open_again(kept)

    def reopen_terminals(self) -> None:
        """Open the terminals of the last time; one whose machine is gone says so in its pane."""
        if len(self._app.screen_stack) > 1:
            return  # others are open
        closed, self._closed_terminals = self._closed_terminals, []
        for entry in closed:
            self._app.doors.open_terminal(str(entry["machine"]), str(entry["test"]), shape=entry["shape"])

    def write(self) -> None:
        """Write down where the person is, if that changed."""
        self._app.background(self._write, group="memory", exclusive=True)

    async def _write(self) -> None:
        file, text = self._file, self._noted()
        if file is None or text == self._written:
            return
        try:
            await asyncio.to_thread(write_memory, file, text)
        except OSError as error:
            self._tell(file, error)
            return
        self._written, self._told = text, False

    def _tell(self, file: Path, error: OSError) -> None:
        """Say that nothing can be written, once until it can be again; it is tried on and on."""
        if self._told:
            return
        self._told = True
        remedy = make_room(error) or "make it writable"
        told = (
            f"{file} cannot be written: {error.strerror or error}. Until it can be, the next start does not "
            f"know where you are: {remedy}."
        )
        self._app.notify(told, title="Not remembered", severity="warning", timeout=10, markup=False)

    async def write_last(self) -> str:
        """Write down where the person is for the last time; nothing is written any more after it.

        Returns:
            What is to be said after the end; nothing where all is well.
        """
        file, self._file = self._file, None
        try:
            if file is not None:
                await asyncio.to_thread(write_memory, file, self._noted())
        except OSError as error:
            return (
                f"warning: {file} cannot be written: {error.strerror or error}; the next start does not know "
                "where you were"
            )
        return ""
