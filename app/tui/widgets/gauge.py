"""The gauge at the bottom: what the person's last keys cost, and what the host was busy with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import Static

from app.tui.faults import Contained

if TYPE_CHECKING:
    from app.tui.app import Workbench

PERIOD = 2.0
"""Seconds between two looks."""


class Gauge(Contained, Static):
    """One short text; empty until a key was felt, and where the setting turns it off."""

    DEFAULT_CSS = """
    Gauge { width: auto; min-width: 0; height: 1; padding: 0 1; color: $vm-dim; text-wrap: nowrap; }
    Gauge.-untold { display: none; }
    """
    ALLOW_SELECT = False

    def __init__(self) -> None:
        # A class and no style of its own: where there is no room, the style sheet hides it.
        super().__init__(markup=False, classes="-untold")
        self._told = ""
        self._width = 0

    @property
    def workbench(self) -> Workbench:
        """The app."""
        from app.tui.app import Workbench

        assert isinstance(self.app, Workbench)
        return self.app

    def on_mount(self) -> None:
        """Look now and then; only the workbench feels keys, not another app that shows its terminals."""
        from app.tui.app import Workbench

        if isinstance(self.app, Workbench) and self.app.feel is not None:
            self.set_interval(PERIOD, self.look)
            self.look()

    def look(self) -> None:
        """Tell the figures, unless a key waits for its paint: that comes first."""
        feel = self.workbench.feel
        if feel is None or feel.waiting or self.app.screen_stack[-1:] != [self.screen]:
            return
        figures = feel.figures()
        if figures is None:
            return
        # Imported with the first figure: the first paint does not wait for it.
        from app.engine.latency.charts import milliseconds

        p50, p99 = figures
        session = self.workbench.session
        guests = len(session.state.running()) if session is not None and session.active else 0
        slow = p99 >= self.workbench.slow
        load = f"host {self.workbench.busy():.0%}"
        if guests:
            load += f", {guests} guest{'' if guests == 1 else 's'}"
        text = f"key p50 {milliseconds(p50)} p99 {milliseconds(p99)} ms{' slow' if slow else ''} · {load}"
        if text != self._told:
            wider = len(text) > self._width  # a narrower text keeps its room: nothing is laid out anew
            self._told, self._width = text, max(len(text), self._width)
            self.remove_class("-untold")
            style = self.app.theme_variables["warning"] if slow else ""
            self.update(Text(text.rjust(self._width), style=style), layout=wider)
