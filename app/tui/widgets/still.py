"""What is scrolled without the screen being laid out anew whenever it grows or shrinks."""

from __future__ import annotations

from itertools import zip_longest
from typing import ClassVar

from rich.text import Text
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.reactive import Reactive, reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.visual import Visual
from textual.widgets import Static

from app.tui import keymap
from app.tui.faults import Contained
from app.tui.keys.key import PaneHelp


class StillScroll(Contained, ScrollView, inherit_bindings=False):
    """A scroll view whose contents may have another size without any other widget being arranged.

    Textual's own lays the whole screen out anew for that: some milliseconds of the key that led to it. Here
    that happens only where the scroll bar comes or goes, or the widget's own size hangs on its contents.
    """

    virtual_size: Reactive[Size] = reactive(Size(0, 0))

    def action_half_page(self, direction: int) -> None:
        """Scroll by half of the view: up (-1) or down (1)."""
        self.scroll_relative(y=direction * max(1, self.size.height // 2), animate=False)

    def watch_virtual_size(self, size: Size) -> None:
        """Fit the scroll bar and where it stands."""
        if self.styles.auto_dimensions:
            self.refresh(layout=True)
        elif self.is_attached:
            self._scroll_update(size)


class TextPane(StillScroll, can_focus=True):
    """Shows a text that can be selected and is broken at the pane's width."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("text")
    PANE_HELP: ClassVar[PaneHelp] = PaneHelp("A text", "It scrolls; drag with the mouse selects.", "text")

    DEFAULT_CSS = """
    TextPane { overflow-x: hidden; overflow-y: auto; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._content = Content()
        self._strips: list[Strip] = []
        self._blank = Strip([])

    @property
    def text(self) -> str:
        """What is shown, without colours."""
        return self._content.plain

    def put(self, text: Text | str) -> None:
        """Show a text; the view stays where it is."""
        content = Content.from_rich_text(text, self.app.console) if isinstance(text, Text) else Content(text)
        # Two that differ in colours only are equal.
        if content == self._content and content.spans == self._content.spans:
            return
        self._content = content
        self._break()

    def _break(self) -> None:
        """Break the text into lines; where they do not all fit, with room for the scroll bar."""
        room = self.container_size
        bar = self.styles.scrollbar_size_vertical
        if not room.width or not room.height:
            return
        strips = self._broken(room.width)
        if len(strips) > room.height:
            strips = self._broken(max(1, room.width - bar))
        # As wide as they are drawn: what is drawn again is then neither cut nor styled again.
        style = self.rich_style
        before, blank = self._strips, self._blank
        self._strips = [strip.crop_extend(0, room.width, style) for strip in strips]
        self._blank = Strip.blank(room.width, style)
        self.virtual_size = Size(room.width, len(self._strips))
        if blank != self._blank:
            self.refresh()
            return
        seen = slice(self.scroll_offset.y, self.scroll_offset.y + room.height)
        for y, (old, new) in enumerate(zip_longest(before[seen], self._strips[seen], fillvalue=blank)):
            if old != new:
                self.refresh(Region(0, y, room.width, 1))

    def _broken(self, width: int) -> list[Strip]:
        return Visual.to_strips(self, self._content, width, None, self.visual_style)

    def render_line(self, y: int) -> Strip:
        """Draw one line of the view."""
        line = self.scroll_offset.y + y
        return self._strips[line] if line < len(self._strips) else self._blank

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the text that is selected."""
        return selection.extract(self._content.plain), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw what is selected."""
        self._break()

    def notify_style_update(self) -> None:
        """Draw in the theme's colours."""
        super().notify_style_update()
        if self.is_attached:
            self._break()

    def on_resize(self) -> None:
        """Break the text at the new width."""
        self._break()


class StillText(Contained, Static):
    """A text as high as it needs to be; the screen is laid out anew only when that is another height."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)

    def put(self, text: Text | str) -> None:
        """Show a text."""
        if self.content == text and not isinstance(text, Text):
            return
        self.update(text, layout=False)
        if not self.styles.auto_dimensions:
            return
        least, most = self.styles.min_height, self.styles.max_height
        height = self.get_content_height(self.size, self.size, self.size.width)
        height = max(height, int(least.value) if least is not None else 0)
        height = min(height, int(most.value) if most is not None else height)
        if height != self.size.height:
            self.refresh(layout=True)
