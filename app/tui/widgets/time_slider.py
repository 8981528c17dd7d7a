"""The time slider of a finished run: where in it one is, and what happened when."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widgets import Static

from app.engine.events import Outcome, TestFinished
from app.tui import signs
from app.tui.faults import Contained
from app.tui.replay_session import ReplaySession

SPEEDS = (1.0, 2.0, 5.0, 10.0, 50.0)


class TimeSlider(Contained, Static):
    """One line: a bar that is clicked or moved by keys, with marks where tests failed."""

    DEFAULT_CSS = """
    TimeSlider { height: 1; padding: 0 1; background: $panel; display: none; }
    TimeSlider.-shown { display: block; }
    """
    ALLOW_SELECT = False

    class Sought(Message):
        """Somebody asked for another moment.

        Attributes:
            moment: Seconds since the run began.
        """

        def __init__(self, moment: float) -> None:
            super().__init__()
            self.moment = moment

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, markup=False)
        self._session: ReplaySession | None = None
        self._left = 0
        self._bar = 0

    def show(self, session: ReplaySession, *, playing: bool, speed: float) -> None:
        """Show where in the run one is; nothing while it goes on."""
        self._session = session
        self.set_class(session.over and session.length > 0, "-shown")
        if not session.over or session.length <= 0:
            return
        colours = self.app.theme_variables
        moment = session.at
        head = f"{'▶' if playing else '■'} {signs.clock(moment)} "
        tail = f" {signs.clock(session.length)}  {speed:g}x  space plays, ← → move"
        width = self.app.size.width - 2
        if width < 70:
            tail = f" {signs.clock(session.length)}  {speed:g}x"
        self._left, self._bar = len(head), max(10, width - len(head) - len(tail))
        place = self._cell(moment)
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(head, colours["primary"])
        marks = self._marks()
        for cell in range(self._bar):
            if cell == place:
                text.append("●", f"bold {colours['primary']}")
            elif cell in marks:
                sign = signs.OUTCOMES[marks[cell]]
                text.append(sign.glyph, colours["error" if marks[cell] is Outcome.FAILED else "warning"])
            else:
                text.append("━" if cell < place else "─", colours["primary" if cell < place else "vm-dim"])
        text.append(tail, colours["vm-dim"])
        self.update(text, layout=False)

    def _cell(self, moment: float) -> int:
        assert self._session is not None
        return min(self._bar - 1, round(moment / self._session.length * (self._bar - 1)))

    def _marks(self) -> dict[int, Outcome]:
        assert self._session is not None
        marks: dict[int, Outcome] = {}
        for stamped in self._session.ends:
            assert isinstance(stamped.event, TestFinished)
            outcome = stamped.event.outcome
            if outcome in (Outcome.FAILED, Outcome.ERROR):
                marks[self._cell(stamped.mono)] = outcome
        return marks

    def on_click(self, event: events.Click) -> None:
        """Go to the moment that was clicked."""
        offset = event.get_content_offset(self)
        if self._session is None or offset is None:
            return
        cell = offset.x - self._left
        if 0 <= cell < self._bar:
            self.post_message(self.Sought(cell / max(1, self._bar - 1) * self._session.length))
