"""What the workbench and panes without it share of an app."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from textual._compositor import Compositor
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen
from textual.widget import AwaitMount

from app.tui import clipboard, theme
from app.tui.collecting import PERIOD, Collector
from app.tui.driver import OuterDriver, known
from app.tui.frugal import FrugalCompositor
from app.tui.turns import ask_for_short_turns

_SOON = 0.03
"""Seconds within which a key is painted, if it is painted at all."""


class BaseApp(App[int]):
    """An app whose hidden screens cost nothing, and whose keys can be typed as they are read."""

    _collector: Collector | None = None
    fault: BaseException | None = None
    """What ended the app, if it was a fault of its own."""

    def on_ready(self) -> None:
        """Serve the keyboard soon, and collect garbage when nobody types, where somebody can."""
        if isinstance(self._driver, OuterDriver):
            ask_for_short_turns()
            self._collector = Collector()
            self.set_interval(PERIOD, self._collect)

    def _collect(self) -> None:
        if self._collector is not None and isinstance(self._driver, OuterDriver):
            self._collector.look(self._driver.last_read)

    @property
    def key_waits(self) -> bool:
        """Whether a key was read just now, which may not be painted yet."""
        driver = self._driver
        return isinstance(driver, OuterDriver) and time.monotonic() - driver.last_read < _SOON

    @property
    def lags(self) -> bool:
        """Whether the terminal takes what is painted more slowly than it is."""
        return isinstance(self._driver, OuterDriver) and self._driver.lags

    def on_unmount(self) -> None:
        """Leave the collector to itself."""
        if self._collector is not None:
            self._collector.close()

    def _fatal_error(self) -> None:
        """End without a traceback on the terminal; replaces Textual's own way, who runs the app raises."""
        self.fault = sys.exc_info()[1]
        self._close_messages_no_wait()

    def copy_to_clipboard(self, text: str) -> None:
        """Copy to the desktop's clipboard; where there is none, or it fails, through the outer terminal."""
        command = clipboard.desktop_command() if isinstance(self._driver, LinuxDriver) else ()
        if command:
            self._clipboard = text
            self.run_worker(self._copy(command, text), group="clipboard", exclusive=True, exit_on_error=False)
        else:
            self._copy_through_terminal(text)

    async def _copy(self, command: Sequence[str], text: str) -> None:
        if not await clipboard.hand_over(command, text):
            self._copy_through_terminal(text)

    def _copy_through_terminal(self, text: str) -> None:
        if len(text.encode(errors="replace")) <= clipboard.LARGEST_OSC:
            super().copy_to_clipboard(text)
        else:
            self.notify(clipboard.TOO_MUCH, severity="warning")

    def _get_screen(self, screen: Screen[object] | str) -> tuple[Screen[object], AwaitMount]:
        found, mounted = super()._get_screen(screen)
        if type(found._compositor) is Compositor:
            found._compositor = FrugalCompositor()
        return found, mounted

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return what a theme that is not the workbench's own has to have besides."""
        return theme.variables_of(self.current_theme)

    def get_driver_class(self) -> type[Driver]:
        """Return the driver that reads keys quickly, where it can be used."""
        found = super().get_driver_class()
        return OuterDriver if found is LinuxDriver and known() else found

    @property
    def _background_screens(self) -> list[Screen[object]]:
        """The screens that can be seen behind the topmost one.

        Textual counts the screen below the topmost one among them, however opaque that is, and paints the
        whole topmost one again with everything that changes below.
        """
        if self._screen_stack[-1].styles.background.a == 1:
            return []
        return super()._background_screens
