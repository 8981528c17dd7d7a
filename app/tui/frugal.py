"""How a screen is painted: only the lines that changed, much of it in pieces; for a broken pane, why."""

from __future__ import annotations

from collections.abc import Iterable

from textual._compositor import ChopsUpdate, Compositor, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from app.tui.broken import Fault, block, fault_of
from app.tui.faults import tell

LINES = 12
"""Lines that are painted at once beyond those of what has the focus: some two milliseconds."""


class FrugalCompositor(Compositor):
    """Paints what changed, and of much at first what the keys go to.

    Textual's own asks every widget between the first and the last line that changed for all of its lines:
    where one row of a list changes and a word in the title, for the whole screen. And it paints a great deal
    at once, while a key waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first: Widget | None = None
        """What is painted before everything else, whole."""
        self._changed: tuple[Region, ...] = ()
        self._put_off: list[Region] = []
        self._taken_up = False

    @property
    def more(self) -> bool:
        """Whether something that changed was not painted yet."""
        return bool(self._put_off)

    def take_up(self) -> None:
        """Have the next piece of what was put off painted by the next update."""
        piece, self._put_off = _cut(self._put_off, LINES)
        screen = self.size.region
        self._dirty_regions.update(part for region in piece if (part := region.intersection(screen)))
        self._taken_up = True

    def render_partial_update(self) -> ChopsUpdate | None:
        """Render the regions that changed, or those of them that are painted first."""
        if not self._taken_up:
            self._part()
        self._taken_up = False
        self._changed = tuple(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._changed = ()

    def _part(self) -> None:
        """Put off what changed beyond a few lines and what is painted first."""
        if sum(region.height for region in self._dirty_regions) <= LINES:
            return
        place = self.visible_widgets.get(self.first) if self.first is not None else None
        if place is None:
            return
        first = place[0].intersection(place[1])
        at_once = {region for region in self._dirty_regions if first.overlaps(region)}
        rest = _apart(sorted(self._dirty_regions - at_once, key=lambda region: (region.y, region.x)))
        piece, rest = _cut(rest, max(0, LINES - sum(region.height for region in at_once)))
        self._put_off = _apart(self._put_off + rest)
        self._dirty_regions = {*at_once, *piece}

    def render_full_update(self, simplify: bool = False) -> LayoutUpdate:
        """Render all of the screen."""
        if not simplify:  # else it is a picture, which nobody sees on the terminal
            self._put_off.clear()
        return super().render_full_update(simplify)

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        for widget, (region, clip) in self.visible_widgets.items():
            seen = region.intersection(clip)
            if self._changed:
                touched = [part for changed in self._changed if (part := seen.intersection(changed))]
                if not touched:
                    continue
                top = min(part.y for part in touched)
                seen = Region(seen.x, top, seen.width, max(part.bottom for part in touched) - top)
            elif not seen or (crop and not crop.overlaps(clip)):
                continue
            yield region, seen, _lines(widget, seen.translate(-region.offset))


def _lines(widget: Widget, crop: Region) -> list[Strip]:
    """Draw a part of a widget, or what stands in its place."""
    if fault_of(widget) is None:
        try:
            return widget.render_lines(crop)
        except Exception as error:
            tell(widget, Fault(error, made=True))
    return block(widget, crop)


def _apart(regions: list[Region]) -> list[Region]:
    """Return the regions without those that are parts of others."""
    large = sorted(dict.fromkeys(regions), key=lambda region: -region.area)
    kept: list[Region] = []
    for region in large:
        if not any(other.contains_region(region) for other in kept):
            kept.append(region)
    return [region for region in dict.fromkeys(regions) if region in kept]


def _cut(regions: list[Region], lines: int) -> tuple[list[Region], list[Region]]:
    """Return so many lines of the regions, and the others."""
    for place, region in enumerate(regions):
        if region.height > lines:
            top, bottom = region.split_horizontal(lines)
            return [*regions[:place], *([top] if lines else [])], [bottom, *regions[place + 1 :]]
        lines -= region.height
    return regions, []
