"""A recording in the workbench: the terminal as it was at any moment, a slider, and its markers."""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from app.tui import keymap
from app.tui.faults import Contained
from app.tui.screens.base import VmScreen
from app.tui.terminal.cast_file import Cast
from app.tui.terminal.painting import Palette, strip_of
from app.tui.terminal.plain_player import Pace, clock
from app.tui.terminal.playing import Player

FRAME = 1 / 30
BUDGET = 1 << 13
"""Characters of output that are taken in before keys get their turn again."""


class ReplayView(Contained, Widget, can_focus=True):
    """The terminal at the moment that is shown.

    Args:
        player: The recording.
    """

    DEFAULT_CSS = """
    ReplayView { width: 1fr; height: 1fr; background: $background; border-top: solid $vm-rule; }
    ReplayView:focus { border-top: solid $primary; }
    """

    def __init__(self, player: Player) -> None:
        super().__init__()
        self._player = player
        self._palette = Palette()

    def on_mount(self) -> None:
        """Take the theme's colours."""
        self._take_colours()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._take_colours())

    def _take_colours(self) -> None:
        variables = self.app.get_css_variables()
        self._palette = Palette(
            foreground=variables["foreground"],
            background=variables["background"],
            dark=self.app.current_theme.dark,
        )
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return one line; the rows at the cursor are shown where there is no room for all."""
        model, width = self._player.model, self.size.width
        first = max(0, min(model.cursor.y - self.size.height + 1, model.lines - self.size.height))
        row = first + y
        if row >= model.lines:
            return strip_of([], width, self._palette)
        cursor = model.cursor
        here = cursor.visible and row == cursor.y
        return strip_of(
            model.line(model.top + row),
            width,
            self._palette,
            reverse=model.modes.reverse,
            cursor=cursor.x if here else None,
            cursor_shape=cursor.shape,
        )


class Slider(Contained, Widget):
    """How far the recording is, and where its markers are; a click goes there.

    Args:
        cast: The recording.
    """

    DEFAULT_CSS = "Slider { height: 1; background: $panel; }"

    class Moved(Message):
        """A moment was clicked on."""

        def __init__(self, moment: float) -> None:
            super().__init__()
            self.moment = moment

    def __init__(self, cast: Cast) -> None:
        super().__init__()
        self._cast = cast
        self.time = 0.0

    def render_line(self, y: int) -> Strip:
        """Draw it."""
        width, duration = self.size.width, self._cast.duration
        variables = self.app.get_css_variables()
        background = variables["panel"]
        done = Style(color=variables["primary"], bgcolor=background)
        rest = Style(color=variables.get("vm-dim", variables["foreground"]), bgcolor=background)
        mark = Style(color=variables["foreground"], bgcolor=background, bold=True)
        at = width if not duration else round(self.time / duration * width)
        places = (
            {min(int(m.time / duration * width), width - 1) for m in self._cast.markers}
            if duration
            else set()
        )
        return Strip(
            [
                Segment("◆", mark) if x in places else Segment("━", done) if x < at else Segment("─", rest)
                for x in range(width)
            ],
            width,
        )

    def on_click(self, event: events.Click) -> None:
        """Go to the moment under the mouse."""
        self.post_message(self.Moved(event.x / max(self.size.width - 1, 1) * self._cast.duration))


class ReplayScreen(VmScreen):
    """Plays a recording.

    Args:
        cast: The recording.
    """

    NAME = "Recording"
    PURPOSE = (
        "A terminal as it was recorded. What it printed is drawn anew at any moment; nothing of it is run, "
        "and it can neither ask your terminal anything nor set the clipboard."
    )
    SCOPE = "replay"
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [("Keys", "replay")]
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("replay")
    DEFAULT_CSS = """
    ReplayScreen { layout: vertical; }
    ReplayScreen #replay-title { height: 1; padding: 0 1; background: $panel; text-style: bold; }
    ReplayScreen #replay-body { height: 1fr; }
    ReplayScreen #markers {
        width: 34; height: 1fr; padding: 0;
        background: $background; border: none; border-left: solid $vm-rule;
    }
    ReplayScreen #markers:focus { border: none; border-left: solid $primary; }
    ReplayScreen.-narrow #markers { display: none; }
    ReplayScreen #replay-keys { height: 1; padding: 0 1; background: $panel; color: $vm-dim; }
    """

    def __init__(self, cast: Cast) -> None:
        super().__init__()
        self._cast = cast
        self.player = Player(cast)
        self.pace = Pace(self.player)
        self._seeking = False
        self._marked = -1

    def compose(self) -> ComposeResult:
        """Make the terminal, the markers and the slider."""
        yield Static(id="replay-title", markup=False)
        with Horizontal(id="replay-body"):
            yield ReplayView(self.player)
            if self._cast.markers:
                yield OptionList(
                    *(
                        Option(Text(f"{clock(marker.time):>6}  {marker.label}", no_wrap=True), id=str(number))
                        for number, marker in enumerate(self._cast.markers)
                    ),
                    id="markers",
                )
        yield Slider(self._cast)
        yield Static(
            "space pause  ← → 5 s  ↑ ↓ speed  . step  [ ] marks  tab markers  esc back  ? keys",
            id="replay-keys",
            markup=False,
        )

    def on_mount(self) -> None:
        """Begin to play."""
        self.query_one(ReplayView).focus()
        self.set_interval(FRAME, self._tick)
        self._tell()
        if self._cast.problems:
            said = "\n".join([*self._cast.problems[:3], *(["…"] if len(self._cast.problems) > 3 else [])])
            self.notify(said, title="Not all of it can be read", severity="warning", markup=False)

    def _tick(self) -> None:
        if self._seeking:
            return
        moment = self.pace.now
        if self.player.time == min(moment, self._cast.duration) and not self.pace.playing:
            return
        at = self.player.at
        self.player.prepare(moment)
        reached = self._advance(moment, 0.008)
        if self.player.over and self.pace.playing and moment >= self._cast.duration:
            self.pace.playing = False
            self.pace.be_at(self._cast.duration)
        if not reached:
            self._seek(moment)
        self._show(at != self.player.at)

    def _advance(self, moment: float, seconds: float) -> bool:
        """Go towards a moment for so long, and return whether it was reached."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.player.advance(moment, BUDGET):
                return True
        return False

    @work(exclusive=True, group="seek", exit_on_error=False)
    async def _seek(self, moment: float) -> None:
        """Go on to a moment that is far, in slices; the clock waits for it, and keys may change it."""
        self._seeking = True
        self.pace.be_at(moment)
        self.pace.held = True
        try:
            reached = False
            while not reached:
                await asyncio.sleep(0.004)
                self.player.prepare(self.pace.now)
                reached = self._advance(self.pace.now, 0.008)
        finally:
            self._seeking = False
            self.pace.held = False
            self.pace.be_at(self.player.time)
        self._show(True)

    def _show(self, drawn: bool) -> None:
        if drawn:
            self.query_one(ReplayView).refresh()
        slider = self.query_one(Slider)
        if slider.time != self.player.time:
            slider.time = self.player.time
            slider.refresh()
        self._tell()

    def _tell(self) -> None:
        speed = "" if self.pace.speed == 1.0 else f" · {self.pace.speed:g} times as fast"
        state = "▶" if self.pace.playing else "⏸"
        at = f"{clock(self.player.time)} / {clock(self._cast.duration)}"
        name = self._cast.title or self._cast.path.name
        self.query_one("#replay-title", Static).update(f"{state} {at}{speed} · {name}")
        passed = sum(marker.time <= self.player.time + 1e-6 for marker in self._cast.markers) - 1
        if passed != self._marked and self._cast.markers:
            self._marked = passed
            markers = self.query_one("#markers", OptionList)
            if not markers.has_focus:
                markers.highlighted = passed if passed >= 0 else None

    # keys

    def action_press(self, key: str) -> None:
        """Do what a key of the player says."""
        self.pace.press(key)
        self._tick()
        self._show(True)

    @on(OptionList.OptionSelected, "#markers")
    def _marker_chosen(self, event: OptionList.OptionSelected) -> None:
        self.pace.be_at(self._cast.markers[int(event.option.id or 0)].time)
        self._tick()

    @on(Slider.Moved)
    def _slider_moved(self, event: Slider.Moved) -> None:
        self.pace.be_at(event.moment)
        self._tick()

    def action_markers(self) -> None:
        """Go to the list of markers, and back."""
        view = self.query_one(ReplayView)
        found = self.query("#markers")
        self.set_focus(found.first() if self.focused is view and found else view)

    def action_back(self) -> None:
        """Go back."""
        self.dismiss()
