"""Panes beside each other whose shares a person moves: by the mouse on their rule, or by keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from textual import events
from textual.content import Content
from textual.css.query import NoMatches
from textual.widget import Widget

from app.tui.screens.base import VmScreen

STEP = 0.05
"""Of the room, that a key moves a rule."""
LEAST, MOST = 0.1, 0.9


@dataclass(frozen=True, slots=True)
class Split:
    """Two panes with a rule between them.

    Attributes:
        id: Its name where layouts are kept.
        first: Ids of the widgets before the rule, of which one is shown.
        second: Id of the widget after it.
        turns: Whether they are beside each other where there is room, and else above each other.
    """

    id: str
    first: tuple[str, ...]
    second: str
    turns: bool = False


@dataclass(slots=True)
class Layout:
    """Where the rules are, as far as somebody moved them."""

    shares: dict[str, float] = field(default_factory=dict)
    """Share of what is before a rule, by the split's id and its direction."""
    closed: set[str] = field(default_factory=set)
    """Panes that are closed."""
    zoomed: set[str] = field(default_factory=set)
    """Panes that have the whole screen, one of a screen at most."""


def numbered(number: int, title: str) -> Content:
    """Return a pane's title with its number; what looks like markup is text."""
    return Content.assemble((f"{number} ", "dim"), title)


class PanedScreen(VmScreen):
    """A screen with panes; a subclass says which, and where their rules are."""

    PANES: ClassVar[tuple[str, ...]] = ()
    """Ids of the panes, in the order of their numbers."""
    SPLITS: ClassVar[tuple[Split, ...]] = ()

    _dragged: Split | None = None
    _wide: bool | None = None
    _laid: tuple[object, ...] | None = None

    def __init__(self) -> None:
        super().__init__()
        self._titles: dict[str, str] = {}

    @property
    def panes_layout(self) -> Layout:
        """Where the rules of all screens are."""
        return self.workbench.memory.layout

    @property
    def panes(self) -> list[Widget]:
        """The panes, in the order of their numbers."""
        return [self.query_one(f"#{pane}") for pane in self.PANES]

    @property
    def zoomed(self) -> str:
        """Id of the pane that has the whole screen; empty for none."""
        return next((pane for pane in self.PANES if pane in self.panes_layout.zoomed), "")

    def entitle(self, pane: str, *words: str) -> None:
        """Put a pane's number and some words, which are no markup, into its title."""
        title = " · ".join(filter(None, words))
        if self._titles.get(pane) != title:  # a new title draws the whole pane
            self._titles[pane] = title
            self.query_one(f"#{pane}").border_title = numbered(self.PANES.index(pane) + 1, title)

    def lay_out(self) -> None:
        """Put the rules where they belong."""
        found = [self._lay(split) for split in self.SPLITS]
        self._laid = self._wanted() if all(found) else None
        zoomed = self.zoomed
        self.set_class(bool(zoomed), "-zoom")
        focused = self._pane_with(self.focused) if zoomed else None
        if zoomed and focused is not None and focused.id != zoomed:
            self.focus_in(self.query_one(f"#{zoomed}"))

    def _wanted(self) -> tuple[object, ...]:
        """Return what the places of the rules hang on."""
        layout = self.panes_layout
        return self.app.size.width, *map(frozenset, (layout.shares.items(), layout.closed, layout.zoomed))

    def focus_in(self, pane: Widget) -> None:
        """Focus a pane, or the first thing in it that takes the focus."""
        widget = self._focusable(pane)
        if widget is not None:
            self.set_focus(widget)

    @staticmethod
    def _focusable(pane: Widget) -> Widget | None:
        return next((widget for widget in (pane, *pane.query("*")) if widget.focusable), None)

    def _pane_with(self, widget: Widget | None) -> Widget | None:
        """Return the pane that a widget is or is in."""
        panes = self.panes
        nodes = widget.ancestors_with_self if widget is not None else ()
        return next((node for node in nodes if isinstance(node, Widget) and node in panes), None)

    def _axis(self, split: Split) -> str:
        return "x" if split.turns and self.app.size.width >= 110 else "y"

    def _lay(self, split: Split) -> bool:
        """Put a rule where it belongs; return whether its panes are there."""
        closed, zoomed = self.panes_layout.closed, self.zoomed
        try:
            firsts = [self.query_one(f"#{name}") for name in split.first]
            second = self.query_one(f"#{split.second}")
        except NoMatches:
            return False
        one_closed = split.first[0] in closed
        other_closed = split.second in closed
        if split.first[0] in self.PANES:
            firsts[0].set_class(one_closed, "-closed")
        if split.second in self.PANES:
            second.set_class(other_closed, "-closed")
        if zoomed:
            inside = [node for node in self.query_one(f"#{zoomed}").ancestors_with_self if node.is_attached]
            zoomed_first, zoomed_second = any(one in inside for one in firsts), second in inside
            for widget in firsts:
                widget.set_class(zoomed_second, "-away")
            second.set_class(zoomed_first, "-away")
            one_closed, other_closed = one_closed or zoomed_second, other_closed or zoomed_first
        else:
            for widget in (*firsts, second):
                widget.remove_class("-away")
        second.set_class(one_closed, "-alone")
        axis = self._axis(split)
        share = self.panes_layout.shares.get(f"{split.id}:{axis}")
        for widget in (*firsts, second):
            for rule in ("width", "height", "min_width", "max_width"):
                widget.styles.clear_rule(rule)
            widget.refresh(layout=True)
        if share is None and not (one_closed or other_closed):
            return True
        if share is None or one_closed or other_closed:
            share = 0.5
        for widget, part in (*((w, share) for w in firsts), (second, 1 - share)):
            size = f"{round(part * 1000)}fr"
            if axis == "x":
                widget.styles.width = size
                widget.styles.min_width, widget.styles.max_width = 1, "100%"
            else:
                widget.styles.height = size
        return True

    def on_resize(self) -> None:
        """Lay the panes out anew where they turn."""
        wide = self.app.size.width >= 110
        if wide != self._wide:
            self._wide = wide
            self.lay_out()

    def on_screen_resume(self) -> None:
        """Take over what was changed elsewhere."""
        if self._laid != self._wanted():
            self.lay_out()

    # moving a rule

    def _split_of(self, axis: str) -> tuple[Split, bool] | None:
        """Return the split that moves the focused pane in a direction, and whether it is before the rule."""
        pane = self.focused
        names = {node.id for node in (pane.ancestors_with_self if pane is not None else ())}
        found = [
            (split, bool(names & set(split.first)))
            for split in self.SPLITS
            if names & {*split.first, split.second}
        ]
        right = [one for one in found if self._axis(one[0]) == axis]
        return next(reversed(right or found), None)

    def action_grow(self, axis: str, direction: int) -> None:
        """Make the focused pane larger or smaller.

        Args:
            axis: ``x`` or ``y``.
            direction: 1 or -1.
        """
        found = self._split_of(axis)
        if found is None:
            return
        split, before = found
        self._set_share(split, self._share(split) + STEP * (direction if before else -direction))

    def _share(self, split: Split) -> float:
        axis = self._axis(split)
        known = self.panes_layout.shares.get(f"{split.id}:{axis}")
        if known is not None:
            return known
        shown = [w for name in split.first if (w := self.query_one(f"#{name}")).display]
        second = self.query_one(f"#{split.second}")
        one = sum(w.outer_size.width if axis == "x" else w.outer_size.height for w in shown)
        other = second.outer_size.width if axis == "x" else second.outer_size.height
        return one / max(1, one + other)

    def _set_share(self, split: Split, share: float) -> None:
        share = round(min(MOST, max(LEAST, share)), 3)
        self.panes_layout.shares[f"{split.id}:{self._axis(split)}"] = share
        self._lay(split)

    def action_even(self) -> None:
        """Put all rules of the screen back where they were at first, and open every pane."""
        for split in self.SPLITS:
            for axis in "xy":
                self.panes_layout.shares.pop(f"{split.id}:{axis}", None)
        self.panes_layout.closed -= set(self.PANES)
        self.panes_layout.zoomed -= set(self.PANES)
        self.lay_out()

    def zoom_target(self) -> str:
        """Return the id of the pane that gets the whole screen: the focused one."""
        pane = self._pane_with(self.focused)
        return (pane.id or "") if pane is not None else ""

    def action_zoom(self) -> None:
        """Give the focused pane the whole screen, and back."""
        if self.zoomed:
            self.unzoom()
            return
        pane = self.zoom_target()
        if pane in self.PANES:
            self.panes_layout.zoomed.add(pane)
            self.panes_layout.closed.discard(pane)
            self.lay_out()
            self.focus_in(self.query_one(f"#{pane}"))

    def unzoom(self) -> None:
        """Give every pane its room again."""
        self.panes_layout.zoomed -= set(self.PANES)
        self.lay_out()

    def action_go_pane(self, number: int) -> None:
        """Go to a pane by its number; one that is closed or hidden is opened."""
        panes = self.panes
        if number > len(panes):
            self.notify(f"There is no pane {number} here.")
            return
        pane = panes[number - 1]
        if pane.id in self.panes_layout.closed:
            self.panes_layout.closed.discard(pane.id)
            self.lay_out()
        if self.zoomed and self.zoomed != pane.id:
            self.unzoom()
        if pane.region.area or pane.display:
            self.call_after_refresh(self.focus_in, pane)

    def action_close_pane(self) -> None:
        """Close the focused pane, or open what is closed."""
        closed = self.panes_layout.closed & set(self.PANES)
        if closed:
            self.panes_layout.closed -= closed
            self.lay_out()
            return
        if self.zoomed:
            self.unzoom()
            return
        focused = self._pane_with(self.focused)
        pane = focused.id if focused is not None else None
        others = [p for p in self.panes if p.id != pane and p.display and self._focusable(p) is not None]
        if pane is None or not others:
            return
        self.panes_layout.closed.add(pane)
        self.focus_in(others[0])
        self.lay_out()
        self.notify("Closed the pane. _ opens it again.")

    # the mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of a rule."""
        if event.button != 1:
            return
        for split in self.SPLITS:
            second = self.query_one(f"#{split.second}")
            region = second.region
            shown = any(self.query_one(f"#{name}").display for name in split.first)
            if not shown or not second.display or not region.contains(event.screen_x, event.screen_y):
                continue
            on_it = event.screen_x == region.x if self._axis(split) == "x" else event.screen_y == region.y
            if on_it:
                self._dragged = split
                second.capture_mouse()
                return

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Move the rule that is held."""
        split = self._dragged
        if split is None:
            return
        first = next(w for name in split.first if (w := self.query_one(f"#{name}")).display)
        second = self.query_one(f"#{split.second}")
        whole = first.region.union(second.region)
        if self._axis(split) == "x":
            share = (event.screen_x - whole.x) / max(1, whole.width)
        else:
            share = (event.screen_y - whole.y) / max(1, whole.height)
        self._set_share(split, share)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let go of the rule."""
        if self._dragged is not None:
            self.query_one(f"#{self._dragged.second}").release_mouse()
            self._dragged = None
            self.clear_selection()

    def jump_panes(self) -> dict[int, Widget]:
        """Return the panes that are seen, by their numbers."""
        return {n: pane for n, pane in enumerate(self.panes, 1) if pane.display and pane.region.area}
