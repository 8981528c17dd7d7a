"""What screens share that look at something outside the workbench again and again."""

from __future__ import annotations

from typing import ClassVar

from app.tui import signs
from app.tui.messages import explain
from app.tui.screens.base import VmScreen


class PolledScreen(VmScreen):
    """A screen of things that change by themselves: it looks at them again and again while it is shown."""

    PERIOD: ClassVar[float] = 2.0
    """Seconds between two looks."""

    def __init__(self) -> None:
        super().__init__()
        self._looking = False
        self._again = False
        self.failure: tuple[str, str] | None = None
        """Why the last look failed, and what to do about it."""

    def on_mount(self) -> None:
        """Look again and again."""
        self.set_interval(self.PERIOD, self._poll)

    async def look(self) -> None:
        """Look once, off the loop, and show what there is; may raise."""
        raise NotImplementedError

    def look_failed(self, error: Exception) -> None:
        """Show why it could not be looked, in the place itself: the next look may fail as well."""
        self.failure = explain(error)
        self.show_failure()

    def show_failure(self) -> None:
        """Draw what depends on ``failure``."""
        raise NotImplementedError

    def not_listed(self, what: str) -> str:
        """Return what stands in place of a list that could not be read; empty where none failed."""
        if self.failure is None:
            return ""
        return "\n\n".join(filter(None, (f"The {what} cannot be listed.", *self.failure)))

    def not_read(self) -> str:
        """Return what the title says first where the list is of an earlier look; empty where it is not."""
        return "" if self.failure is None else f"{signs.BROKEN.glyph} not read: {self.failure[0]} ·"

    @property
    def looking(self) -> bool:
        """Whether a look goes on."""
        return self._looking

    def on_screen_resume(self) -> None:
        """Look at once when the place is shown."""
        self.read()

    def _poll(self) -> None:
        if self.on_top and not self._looking:
            self.read()

    def read(self) -> None:
        """Look now; a look that goes on is followed by another."""
        if self._looking:
            self._again = True
            return
        self._looking = True
        self.run_worker(self._read(), group="look", exit_on_error=False)

    async def _read(self) -> None:
        try:
            await self.look()
        except Exception as error:
            self.look_failed(error)
        else:
            if self.failure is not None:
                self.failure = None
                self.show_failure()
        finally:
            self._looking = False
            if self._again and self.is_running:
                self._again = False
                self.read()
