"""How a screen is painted: of each widget only the lines that changed, and where one cannot be drawn, why."""

from __future__ import annotations

from collections.abc import Iterable

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from app.tui.broken import Fault, block, fault_of
from app.tui.faults import tell


class FrugalCompositor(Compositor):
    """Paints what changed.

    Textual's own asks every widget between the first and the last line that changed for all of its lines:
    where one row of a list changes and a word in the title, for the whole screen.
    """

    _changed: tuple[Region, ...] = ()

    def render_partial_update(self) -> ChopsUpdate | None:
        """Render the regions that changed."""
        self._changed = tuple(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._changed = ()

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
