"""The room that terminals, consoles and the like share: split, maximised, their rules moved by the mouse."""

from __future__ import annotations

from textual import events
from textual.containers import Container
from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget

from app.tui.faults import Contained
from app.tui.terminal.pane import TerminalPane
from app.tui.terminal.splits import Direction, Rule, Splits

STEP = 0.05
"""Of what two neighbours have, that a key moves the rule between them."""


class Panes(Contained, Container):
    """The room that the panes share.

    Args:
        first: The first pane, or several as they share the room.
        number: Number of the first pane.
    """

    DEFAULT_CSS = """
    Panes { height: 1fr; background: $vm-rule; }
    Panes > Widget { position: absolute; }
    """

    def __init__(self, first: Widget | Splits[Widget], *, number: int = 1, id: str | None = None) -> None:
        splits = first if isinstance(first, Splits) else Splits(first)
        super().__init__(*splits.panes, id=id)
        self.splits: Splits[Widget] = splits
        self.zoomed: Widget | None = None
        self._number = number
        self._names: dict[Widget, Content] = {}
        self._dragged: Rule[Widget] | None = None

    @property
    def all_panes(self) -> list[Widget]:
        """The panes, from the upper left on."""
        return self.splits.panes

    def on_resize(self) -> None:
        """Share the room anew."""
        self.place()

    def place(self) -> None:
        """Give every pane its place and its number."""
        size = self.size
        places = self.splits.arrange(size.width, size.height)
        if self.zoomed is not None:
            places[self.zoomed] = size.region
        for number, (pane, place) in enumerate(places.items(), self._number):
            pane.display = self.zoomed in (None, pane)
            pane.styles.offset = (place.x, place.y)
            pane.styles.width, pane.styles.height = place.width, place.height
            if isinstance(pane, TerminalPane):
                pane.number = number if len(places) + self._number > 2 else 0
                pane.retitle()
            else:
                self._put_title(pane, number)

    def entitle(self, pane: Widget, title: str) -> None:
        """Say in the title of a pane that is no terminal what it shows; its number comes before."""
        if pane not in self._names or self._names[pane].plain != title:
            self._names[pane] = Content(title)
            self._put_title(pane, self._number + self.all_panes.index(pane))

    def named(self, pane: Widget) -> bool:
        """Return whether it was said what a pane shows."""
        return pane in self._names

    def _put_title(self, pane: Widget, number: int) -> None:
        name = self._names.get(pane)
        if name is not None:
            pane.border_title = Content.assemble((f"{number} ", "dim"), name)

    # panes

    async def put(self, beside: Widget, fresh: Widget, direction: Direction) -> None:
        """Show one more pane beside or below another, and go to it."""
        self.zoomed = None
        self.splits.add(beside, fresh, direction)
        await self.mount(fresh)
        self.place()
        self.screen.set_focus(fresh)

    async def share_as(self, splits: Splits[Widget]) -> None:
        """Show panes as they share the room from now on; those that are shown already are among them."""
        fresh = [pane for pane in splits.panes if pane not in self.all_panes]
        self.splits = splits
        await self.mount_all(fresh)
        self.place()

    def focus_pane(self, step: int) -> None:
        """Go to another pane; what was maximised is then that one."""
        panes, current = self.all_panes, self.screen.focused
        place = panes.index(current) if current in panes else 0
        self.go_to(panes[(place + step) % len(panes)])

    def go_towards(self, pane: Widget, x: int, y: int) -> None:
        """Go to the nearest pane on one side; from the outermost to the one at the other end."""
        places = self.splits.arrange(self.size.width, self.size.height)
        here = places[pane]

        def beside(there: Region) -> int:
            """Return for how many cells a pane would lie along this one."""
            if x:
                return min(here.bottom, there.bottom) - max(here.y, there.y)
            return min(here.right, there.right) - max(here.x, there.x)

        def ahead(there: Region) -> int:
            return x * (there.x - here.x) + y * (there.y - here.y)

        others = [other for other in places if other is not pane and beside(places[other]) > 0]
        before = [other for other in others if ahead(places[other]) > 0]
        if before:
            self.go_to(min(before, key=lambda other: (ahead(places[other]), -beside(places[other]))))
        elif others:
            self.go_to(min(others, key=lambda other: (ahead(places[other]), -beside(places[other]))))

    def go_to(self, target: Widget) -> None:
        """Focus a pane; what was maximised is then that one."""
        if self.zoomed is not None:
            self.zoomed = target
            self.place()
        self.screen.set_focus(target)

    def zoom(self, pane: Widget) -> None:
        """Give a pane all the room, and back."""
        self.zoomed = pane if self.zoomed is None and len(self.all_panes) > 1 else None
        self.place()

    # sizes

    def grow(self, pane: Widget, direction: Direction, steps: int) -> bool:
        """Give a pane more room, or less; return whether it has a neighbour on that side."""
        moved = self.splits.grow(pane, direction, STEP * steps)
        self.place()
        return moved

    def even(self) -> None:
        """Give neighbours the same room."""
        self.splits.even()
        self.place()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of a rule between two panes."""
        if event.button != 1 or self.zoomed is not None:
            return
        x, y = event.screen_x - self.region.x, event.screen_y - self.region.y
        for rule in self.splits.rules(self.size.width, self.size.height):
            if rule.region.contains(x, y):
                event.stop()
                self._dragged = rule
                self.capture_mouse()
                return

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Move the rule that is held."""
        if self._dragged is not None:
            event.stop()
            self.splits.move(self._dragged, event.screen_x - self.region.x, event.screen_y - self.region.y)
            self.place()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let go of the rule."""
        if self._dragged is not None:
            event.stop()
            self._dragged = None
            self.release_mouse()
