"""A list of rows that are drawn only while they are seen: ten thousand cost as much as thirty."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from app.tui import keymap, theme
from app.tui.keys.key import PaneHelp
from app.tui.messages import PaneBroke
from app.tui.widgets.still import StillScroll

TONES = ("plain", "dim", "good", "bad", "warn", "live", "accent", "head")
"""The names of colours a row may use; each is a component class ``line--NAME``."""


@lru_cache(maxsize=8192)
def fit(text: str, width: int) -> str:
    """Return ``text`` cut or padded to exactly ``width`` cells; a cut ends in an ellipsis."""
    if width <= 0:
        return ""
    length = len(text) if text.isascii() else cell_len(text)
    if length <= width:
        return text + " " * (width - length)
    return set_cell_size(text, width - 1) + "…"


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of a row: text, its tone, and whether it is bold."""

    text: str
    tone: str = "plain"
    bold: bool = False


Row = Iterable[Cell]


class LineList(StillScroll, can_focus=True):
    """A list with a cursor over rows that a subclass draws on demand.

    A subclass says how many rows there are by ``set_count`` and draws them in ``draw_row``. One that
    names its columns in ``head`` says so by ``HEADED``; that line stays above the rows.
    """

    HEADED: ClassVar[bool] = False
    """Whether the columns' names are above the rows."""
    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "A list", "The cursor goes from row to row; a click puts it there, a double click opens.", "list"
    )

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("list")
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line--{tone}" for tone in TONES} | {
        "line--cursor",
        "line--cursor-idle",
    }
    DEFAULT_CSS = """
    LineList {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        & > .line--dim { color: $vm-dim; }
        & > .line--good { color: $success; }
        & > .line--bad { color: $error; }
        & > .line--warn { color: $warning; }
        & > .line--live { color: $primary; }
        & > .line--accent { color: $accent; }
        & > .line--head { color: $foreground; text-style: bold; }
        & > .line--cursor { background: $vm-cursor; }
        & > .line--cursor-idle { background: $vm-cursor-idle; }
    }
    """

    cursor: reactive[int] = reactive(0, repaint=False)
    """Index of the row under the cursor."""

    class Moved(Message):
        """The cursor went to another row."""

        def __init__(self, control: LineList, index: int) -> None:
            super().__init__()
            self._control = control
            self.index = index

        @property
        def control(self) -> LineList:
            """The list."""
            return self._control

    class Chosen(Message):
        """A row was chosen, by enter or a click on the row under the cursor."""

        def __init__(self, control: LineList, index: int) -> None:
            super().__init__()
            self._control = control
            self.index = index

        @property
        def control(self) -> LineList:
            """The list."""
            return self._control

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._count = 0
        self._tones: dict[str, Style] = {}
        self._programmed = False

    # what a subclass fills in

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of row ``index``; they are cut or padded to ``width``."""
        raise NotImplementedError

    def head(self, width: int) -> str:
        """Return the columns' names, as wide as the columns."""
        return ""

    def clicked(self, index: int, x: int) -> bool:
        """Take a click at column ``x`` of a row; return whether it was used up."""
        return False

    # rows

    @property
    def view(self) -> Size:
        """The size of what is seen of the rows, without the scroll bar."""
        size = self.scrollable_content_region.size
        return Size(size.width, max(0, size.height - self.HEADED))

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._count

    def set_count(self, count: int) -> None:
        """Say how many rows there are now, and draw those in view again."""
        self._count = count
        size = Size(self.view.width, count + self.HEADED)
        if size != self.virtual_size:
            self.virtual_size = size
        self.cursor = self.validate_cursor(self.cursor)
        self.refresh()

    def refresh_row(self, index: int) -> None:
        """Draw one row again, if it is in view."""
        y = index - round(self.scroll_y)
        if 0 <= y < self.view.height:
            self.refresh(Region(0, y + self.HEADED, self.size.width, 1))

    def visible_rows(self) -> range:
        """Return the indexes of the rows in view."""
        top = round(self.scroll_y)
        return range(top, min(self._count, top + self.view.height))

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on a row."""
        return max(0, min(cursor, self._count - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        """Draw both rows and keep the new one in view."""
        self.refresh_row(old)
        self.refresh_row(new)
        self.show_cursor()
        if not self._programmed:
            self.moved_by_person()
        if self._count:
            self.post_message(self.Moved(self, new))

    @contextmanager
    def by_program(self) -> Iterator[None]:
        """Move the cursor inside without that being somebody's wish."""
        before, self._programmed = self._programmed, True
        try:
            yield
        finally:
            self._programmed = before

    def moved_by_person(self) -> None:
        """Learn that somebody moved the cursor."""

    def show_cursor(self) -> None:
        """Scroll so that the row under the cursor is in view."""
        height = self.view.height
        if not height:
            return
        if self.cursor < self.scroll_y:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= self.scroll_y + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, force=True)

    # drawing

    def notify_style_update(self) -> None:
        """Forget colours when the theme changes."""
        super().notify_style_update()
        self._tones.clear()

    def tone(self, name: str) -> Style:
        """Return the colours of a tone, without a background of its own."""
        style = self._tones.get(name)
        if style is None:
            style = self.rich_style if name == "plain" else self.get_component_rich_style(f"line--{name}")
            self._tones[name] = style
        return style

    def render_line(self, y: int) -> Strip:
        """Draw one line of the view."""
        width = self.view.width
        base = self.tone("plain")
        if self.HEADED and y == 0:
            names = self.head(width) if self._count else ""
            return Strip([Segment(fit(names, width), _styled(self.tone("dim"), _over(base), False))], width)
        index = round(self.scroll_y) + y - self.HEADED
        if index >= self._count:
            return Strip.blank(width, base)
        if index != self.cursor:
            return self.row_strip(index, width, _over(base))
        if self.app.has_class(theme.FEW_COLOURS):
            # A background of its own may be that of the other rows.
            sign = theme.CURSOR_WITHOUT_COLOURS if self.has_focus else theme.IDLE_WITHOUT_COLOURS
            return self.row_strip(index, width, _over(base) + sign)
        name = "cursor" if self.has_focus else "cursor-idle"
        return self.row_strip(index, width, _over(self.get_component_rich_style(f"line--{name}")))

    def row_strip(self, index: int, width: int, background: Style) -> Strip:
        """Draw row ``index`` over ``background``."""
        segments: list[Segment] = []
        used = 0
        try:
            cells = list(self.draw_row(index, width))
        except Exception as error:
            self.app.post_message(PaneBroke(error))
            cells = [Cell(f" this row cannot be drawn: {type(error).__name__}", "warn")]
        # A reversed row is of one colour: tones would make a patchwork of it.
        plain = bool(background.reverse)
        for cell in cells:
            if used >= width:
                break
            length = len(cell.text) if cell.text.isascii() else cell_len(cell.text)
            text = cell.text
            if used + length > width:
                text, length = fit(text, width - used), width - used
            style = _styled(self.tone("plain" if plain else cell.tone), background, cell.bold)
            if segments and segments[-1].style is style:
                segments[-1] = Segment(segments[-1].text + text, style)
            else:
                segments.append(Segment(text, style))
            used += length
        if used < width:
            segments.append(Segment(" " * (width - used), _styled(self.tone("plain"), background, False)))
        return Strip(segments, width)

    # keys and mouse

    def action_move(self, rows: int) -> None:
        """Move the cursor by ``rows``."""
        self.cursor += rows

    def action_page(self, pages: float) -> None:
        """Move the cursor by ``pages`` of the view."""
        self.cursor += round(pages * max(2, self.view.height - 1))

    def action_first(self) -> None:
        """Move the cursor to the first row."""
        self.cursor = 0

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self.cursor = self._count - 1

    def action_choose(self) -> None:
        """Choose the row under the cursor."""
        if self._count:
            self.post_message(self.Chosen(self, self.cursor))

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        index = round(self.scroll_y) + offset.y - self.HEADED
        if index >= self._count or offset.y < self.HEADED:
            return
        was_here = self.cursor == index
        self.cursor = index
        if not self.clicked(index, offset.x) and was_here and event.chain > 1:
            self.post_message(self.Chosen(self, index))

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self.moved_by_person()
        super()._on_mouse_scroll_up(event)

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self.moved_by_person()
        super()._on_mouse_scroll_down(event)

    def on_focus(self) -> None:
        """Show the cursor as active."""
        self.refresh_row(self.cursor)

    def on_blur(self) -> None:
        """Show the cursor as idle."""
        self.refresh_row(self.cursor)

    def on_resize(self) -> None:
        """Keep the cursor in view."""
        self.virtual_size = Size(self.view.width, self._count + self.HEADED)
        self.show_cursor()


_BOLD = Style(bold=True)


@lru_cache(maxsize=64)
def _over(style: Style) -> Style:
    """Return only the background of a style."""
    return Style(bgcolor=style.bgcolor)


@lru_cache(maxsize=512)
def _styled(tone: Style, background: Style, bold: bool) -> Style:
    """Return a tone over a background."""
    return tone + background + _BOLD if bold else tone + background
