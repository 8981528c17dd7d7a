"""Terminal screens as the settings want them, for the workbench and for ``vmbench attach``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from app.settings import PREFIX, Settings, TerminalSettings

# What shows terminals is imported when there is one: the first paint does not wait for it.
if TYPE_CHECKING:
    from textual.app import App

    from app.tui.screens.terminal import TerminalScreen
    from app.tui.terminal.recording import Recording
    from app.tui.terminal.seat import Seat
    from backends.base import Machine
    from registry.location import Location


@dataclass(frozen=True, kw_only=True)
class TerminalOptions:
    """What terminals are told by the settings."""

    settings: TerminalSettings = field(default_factory=TerminalSettings)
    prefix: str = PREFIX
    recordings: Path | None = None
    """Where recordings go that belong to no run; ``None`` for nowhere."""
    location: Location | None = None
    """The registry that new tests are written to."""
    secrets: tuple[str, ...] = ()
    """Variables of the environment whose values are masked in recordings."""

    @classmethod
    def of(cls, settings: Settings, recordings: Path, location: Location | None = None) -> TerminalOptions:
        """Return what the settings say."""
        return cls(
            settings=settings.terminal,
            prefix=settings.ui.prefix,
            recordings=recordings,
            location=location,
            secrets=settings.run.secrets,
        )

    def recording(self, folder: Path | None = None, secrets: Iterable[str] = ()) -> Recording | None:
        """Return what makes recordings.

        Args:
            folder: Where they go, if not among those that belong to no run.
            secrets: More values that are masked.
        """
        folder = folder or self.recordings
        if folder is None:
            return None
        from app.engine.masking import Masker
        from app.tui.terminal.recording import Recording

        settings = self.settings
        return Recording(
            folder=folder,
            always=settings.record,
            typed=settings.record_input,
            version=settings.cast_version,
            masker=Masker([*(os.environ.get(name, "") for name in self.secrets), *secrets]),
        )


async def play_one_of(app: App[int], folders: Sequence[Path]) -> None:
    """Let the person choose among the recordings in some folders, and play it.

    Must be called from a worker of the app.
    """
    from app.tui.screens.choices import Choice, Choose
    from app.tui.screens.replay import ReplayScreen
    from app.tui.terminal.cast_file import CastError, list_casts, read_cast

    found = await asyncio.to_thread(list_casts, list(folders))
    if not found:
        app.notify(
            "Nothing was recorded yet. R after a terminal's prefix key records it.", title="Recordings"
        )
        return
    choices = [
        Choice(
            str(number), path.name, hint=path.parent.parent.name if path.parent.name != "recordings" else ""
        )
        for number, path in enumerate(found[:200])
    ]
    chosen = await app.push_screen_wait(Choose("Play which recording?", choices))
    if chosen is None:
        return
    try:
        cast = await asyncio.to_thread(read_cast, found[int(chosen)])
    except CastError as error:
        app.notify(f"{error.message}\n{error.remedy}", title="Not played", severity="error", markup=False)
        return
    await app.push_screen(ReplayScreen(cast))


def machine_seat(
    adopt: Callable[[str], Awaitable[Machine]], machine: str, recording: Recording | None, test: str
) -> Seat:
    """Return what terminals in a machine are opened in; ``machine`` of it is let go of after the last."""
    from app.tui.terminal.machine_source import MachineTerminals
    from app.tui.terminal.seat import Seat

    terminals = MachineTerminals(adopt, machine)
    return Seat(terminals.open, machine, terminals, recording, test)


def machine_screen(
    adopt: Callable[[str], Awaitable[Machine]],
    machine: str,
    options: TerminalOptions,
    recording: Recording | None,
    *,
    test: str = "",
    saved: Callable[[], None] = lambda: None,
    shape: object = None,
) -> TerminalScreen:
    """Return a screen of terminals in a machine, which is let go of with the last of them.

    Args:
        adopt: Takes up the machine.
        machine: Its id.
        options: What the settings say.
        recording: How its panes are recorded.
        test: The test whose machine it is, if any.
        saved: Called when a new test was saved.
        shape: How its panes shared the room earlier.
    """
    from app.tui.screens.terminal import TerminalScreen
    from app.tui.terminal.machine_source import MachineTerminals
    from app.tui.terminal.seat import NewTests

    terminals = MachineTerminals(adopt, machine)
    return TerminalScreen(
        terminals.open,
        label=machine,
        machine=terminals,
        prefix=options.prefix,
        emulator=options.settings.emulator,
        recording=recording,
        test=test,
        new_tests=NewTests(options.location, saved) if options.location is not None else None,
        release=terminals.release,
        shape=shape,
    )
