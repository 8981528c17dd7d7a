"""Terminal panes in one machine, without the rest of the workbench: ``vmbench attach``."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from app.tui import theme
from app.tui.base_app import BaseApp
from app.tui.exported_size import forget_exported_size
from app.tui.process import GONE_LIMIT, end_in
from app.tui.terminals import TerminalOptions, machine_screen, play_one_of
from backends.base import Machine


class Attached(BaseApp):
    """Panes in a machine.

    Args:
        machine: The machine, which is let go of at the end and runs on.
        options: What terminals are told by the settings.
        theme_name: One of the two themes; ``None`` for the dark one.
        console: Whether a second pane shows the serial console.
    """

    TITLE = "vmbench"
    CSS_PATH = Path("workbench.tcss")
    BINDINGS: ClassVar[list[BindingType]] = []
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - typed in App
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        machine: Machine,
        options: TerminalOptions,
        *,
        theme_name: str | None = None,
        console: bool = False,
    ) -> None:
        super().__init__()
        self._machine = machine
        self._options = options
        self._console = console
        self.animation_level = "none"
        theme.put_on(self, theme_name)

    async def on_mount(self) -> None:
        """Open the first pane."""

        async def adopted(name: str) -> Machine:
            return self._machine

        screen = machine_screen(adopted, self._machine.id, self._options, self._options.recording())

        def left(_result: None) -> None:
            self.exit(0)

        await self.push_screen(screen, left)
        if self._console:
            self.call_after_refresh(screen.run_command, "open_console")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave every key to a focused terminal."""
        return not getattr(self.focused, "takes_all_keys", False)

    @work(group="recordings", exclusive=True, exit_on_error=False)
    async def action_recordings(self) -> None:
        """Choose among the recordings of terminals, and play one."""
        folder = self._options.recordings
        await play_one_of(self, [] if folder is None else [folder])


async def run_attached(app: Attached) -> int:
    """Open the panes on this terminal and return the exit code when they were left.

    Raises:
        BaseException: a fault of vmbench's own ended them; the terminal is restored.
    """
    forget_exported_size()
    loop = asyncio.get_running_loop()

    def end(number: int) -> None:
        app.exit(128 + number, return_code=128 + number)

    def hang_up(*_signal: object) -> None:
        # Textual waits for ever for a writer that lost its terminal, be it in the loop or at the end.
        end_in(GONE_LIMIT)
        loop.call_soon_threadsafe(end, signal.SIGHUP)

    loop.add_signal_handler(signal.SIGTERM, end, signal.SIGTERM)
    signal.signal(signal.SIGHUP, hang_up)
    await app.run_async()
    if app.fault is not None:
        raise app.fault
    return app.return_code or 0
