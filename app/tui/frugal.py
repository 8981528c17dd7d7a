"""How a screen is painted again: of each widget only the lines that changed are drawn and cut."""

from __future__ import annotations

from collections.abc import Iterable

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip


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
        if not self._changed:
            yield from super()._get_renders(crop)
            return
        for widget, (region, clip) in self.visible_widgets.items():
            seen = region.intersection(clip)
            touched = [part for changed in self._changed if (part := seen.intersection(changed))]
            if not touched:
                continue
            top = min(part.y for part in touched)
            lines = Region(seen.x, top, seen.width, max(part.bottom for part in touched) - top)
            yield region, lines, widget.render_lines(lines.translate(-region.offset))
