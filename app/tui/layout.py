"""Panes beside each other whose shares a person moves: by the mouse on their rule, or by keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from textual import events
from textual.css.query import NoMatches
from textual.widget import Widget

from app.tui.screens.base import VmScreen
from app.tui.screens.jump import Jump

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


class PanedScreen(VmScreen):
    """A screen with panes; a subclass says which, and where their rules are."""

    PANES: ClassVar[tuple[str, ...]] = ()
    """Ids of the panes, in the order of their numbers."""
    SPLITS: ClassVar[tuple[Split, ...]] = ()

    _dragged: Split | None = None
    _drag_moved = False
    _wide: bool | None = None

    @property
    def panes_layout(self) -> Layout:
        """Where the rules of all screens are."""
        return self.workbench.memory.layout

    def lay_out(self) -> None:
        """Put the rules where they belong."""
        for split in self.SPLITS:
            self._lay(split)

    def _axis(self, split: Split) -> str:
        return "x" if split.turns and self.app.size.width >= 110 else "y"

    def _lay(self, split: Split) -> None:
        closed = self.panes_layout.closed
        try:
            firsts = [self.query_one(f"#{name}") for name in split.first]
            second = self.query_one(f"#{split.second}")
        except NoMatches:
            return
        one_closed = split.first[0] in closed
        other_closed = split.second in closed
        if split.first[0] in self.PANES:
            firsts[0].set_class(one_closed, "-closed")
        if split.second in self.PANES:
            second.set_class(other_closed, "-closed")
        axis = self._axis(split)
        share = self.panes_layout.shares.get(f"{split.id}:{axis}")
        for widget in (*firsts, second):
            for rule in ("width", "height", "min_width", "max_width"):
                widget.styles.clear_rule(rule)
            widget.refresh(layout=True)
        if share is None and not (one_closed or other_closed):
            return
        if share is None or one_closed or other_closed:
            share = 0.5
        for widget, part in (*((w, share) for w in firsts), (second, 1 - share)):
            size = f"{round(part * 1000)}fr"
            if axis == "x":
                widget.styles.width = size
                widget.styles.min_width, widget.styles.max_width = 1, "100%"
            else:
                widget.styles.height = size

    def on_resize(self) -> None:
        """Lay the panes out anew where they turn."""
        wide = self.app.size.width >= 110
        if wide != self._wide:
            self._wide = wide
            self.lay_out()

    def on_screen_resume(self) -> None:
        """Take over what was changed elsewhere."""
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
        self.lay_out()

    def action_close_pane(self) -> None:
        """Close the focused pane, or open what is closed."""
        closed = self.panes_layout.closed & set(self.PANES)
        if closed:
            self.panes_layout.closed -= closed
            self.lay_out()
            return
        pane = next((p for p in self.PANES if self.focused is not None and self.focused.id == p), None)
        others = [p for p in self.PANES if p != pane and self.query_one(f"#{p}").display]
        if pane is None or not others:
            return
        self.panes_layout.closed.add(pane)
        self.set_focus(self.query_one(f"#{others[0]}"))
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
            if not second.display or not region.contains(event.screen_x, event.screen_y):
                continue
            on_it = event.screen_x == region.x if self._axis(split) == "x" else event.screen_y == region.y
            if on_it:
                self._dragged, self._drag_moved = split, False
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
        self._drag_moved = True
        self._set_share(split, share)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let go of the rule."""
        if self._dragged is not None:
            self.query_one(f"#{self._dragged.second}").release_mouse()
            self._dragged = None
            self.clear_selection()

    # jumping

    def action_jump(self) -> None:
        """Show a letter on every row and a digit on every pane; the next key goes there."""
        panes = [w for p in self.PANES if (w := self.query_one(f"#{p}")).display and w.region.area]

        def chosen(target: tuple[Widget, int | None] | None) -> None:
            if target is None:
                return
            pane, row = target
            self.set_focus(pane)
            if row is not None:
                Jump.go_to_row(pane, row)

        self.app.push_screen(Jump(panes, self.focused), chosen)
