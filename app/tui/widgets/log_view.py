"""A pane over a growing log file: follows, pauses when scrolled up, searches, never floods the loop."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.events import Resize
from textual.geometry import Size
from textual.markup import escape
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from app.tui import ansi, keymap
from app.tui.log_file import LogFile, LogSearch
from app.tui.messages import PaneBroke
from app.tui.signs import counted

POLL = 0.1
"""Seconds between two looks at a file that does not grow."""
SOON = 0.01
"""Seconds until the next slice when there is more to do."""
CUT = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
"""Stands at the right edge of a line that goes on beyond it."""
BUDGET = 0.004
"""Seconds of work in one slice."""


def titled(*parts: str) -> str:
    """Return a pane's title with what the view in it does; what looks like markup is text."""
    return escape(" · ".join(filter(None, parts)))


class LogView(ScrollView, can_focus=True):
    """Shows a log file by its lines; only those in view are read and drawn.

    Args:
        empty: What to say while there is nothing to show.
    """

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("log")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--hit", "log--empty"}
    DEFAULT_CSS = """
    LogView {
        overflow: auto;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        & > .log--hit { background: $vm-hit; text-style: bold; }
        & > .log--empty { color: $vm-dim; }
    }
    """

    following: reactive[bool] = reactive(True)
    """Whether the view stays at the end of the file."""

    class Status(Message):
        """What the view does has changed: following, paused, hits of a search."""

        def __init__(self, control: LogView, text: str) -> None:
            super().__init__()
            self._control = control
            self.text = text

        @property
        def control(self) -> LogView:
            """The view."""
            return self._control

        def can_replace(self, message: Message) -> bool:
            """Only the last status counts."""
            return isinstance(message, LogView.Status) and message.control is self._control

    def __init__(self, *, empty: str = "Nothing to show.", id: str | None = None) -> None:
        super().__init__(id=id)
        self.empty = empty
        self.log_file: LogFile | None = None
        self.finder: LogSearch | None = None
        self._strips: LRUCache[int, Strip] = LRUCache(2048)
        self._width = 0
        self._seen = 0
        self._status = ""
        self._hit: int | None = None
        self._jump = False
        self._scheduled = False

    # what is shown

    @property
    def view(self) -> Size:
        """The size of what is seen, without the scroll bars."""
        return self.scrollable_content_region.size

    @property
    def path(self) -> Path | None:
        """The file that is shown."""
        return self.log_file.path if self.log_file else None

    def attach(self, path: Path | None, *, follow: bool = True) -> None:
        """Show another file, or none; showing the same file again changes nothing."""
        if path == self.path:
            return
        if self.log_file is not None:
            self.log_file.close()
        self.log_file = LogFile(path) if path is not None else None
        self.finder = None
        self._forget()
        self.scroll_to(0, 0, animate=False, force=True)
        self.following = follow
        self._work()

    def say(self, empty: str) -> None:
        """Change what is said while there is nothing to show."""
        if empty != self.empty:
            self.empty = empty
            self.refresh()

    @property
    def line_count(self) -> int:
        """How many lines are known so far."""
        return self.log_file.line_count if self.log_file else 0

    @property
    def settled(self) -> bool:
        """Whether nothing is left to read or to search for now."""
        return not self._scheduled

    def line_text(self, number: int) -> str:
        """Return one line as it is seen, without colours."""
        assert self.log_file is not None
        return ansi.plain(self.log_file.line(number).decode(errors="replace"))

    def visible_text(self) -> str:
        """Return the lines in view."""
        top = round(self.scroll_y)
        stop = min(self.line_count, top + self.view.height)
        return "\n".join(self.line_text(number) for number in range(top, stop))

    # work in slices

    def on_mount(self) -> None:
        """Look for new lines from now on."""
        self.set_interval(POLL, self._poll)
        self._work()

    def on_unmount(self) -> None:
        """Let go of the file."""
        if self.log_file is not None:
            self.log_file.close()

    def _poll(self) -> None:
        if not self._scheduled:
            self._work()

    def _work(self) -> None:
        self._scheduled = False
        log = self.log_file
        if log is None or not self.is_mounted:
            self._tell()
            return
        deadline = time.perf_counter() + BUDGET
        grown = more = False
        while True:
            change = log.poll()
            if change.reset:
                self._forget()
                self.finder = LogSearch(log, self.finder.text) if self.finder else None
            grown = grown or change.grown or change.reset
            more = change.more
            if not more or time.perf_counter() > deadline:
                break
        if grown or self._width > self.virtual_size.width:
            self._resized()
        if self.finder is not None:
            before = self.finder.count
            while (searching := self.finder.advance()) and time.perf_counter() < deadline:
                pass
            more = more or searching
            if self._jump and self.finder.lines:
                self._jump = False
                self.go_to_hit(1)
            if self.finder.count != before and not grown:
                self.refresh()
        self._tell()
        if more:
            self._scheduled = True
            self.set_timer(SOON, self._work)

    def _resized(self) -> None:
        size = Size(self._width, self.line_count)
        if size != self.virtual_size:
            self.virtual_size = size
        if self.following:
            self._to_end()
            self._seen = self.line_count
        self.refresh()

    def _to_end(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    def _forget(self) -> None:
        self._strips.clear()
        self._width = 0
        self._seen = 0
        self._hit = None
        self.virtual_size = Size(0, self.line_count)
        self.refresh()

    def _tell(self) -> None:
        text = self._status_text()
        if text != self._status:
            self._status = text
            self.post_message(self.Status(self, text))

    def _status_text(self) -> str:
        parts: list[str] = []
        if self.finder is not None:
            count = f"{self.finder.count}{'+' if self.finder.full else ''}"
            if self._hit is not None and self._hit in self.finder.lines:
                place = self.finder.lines.index(self._hit) + 1
                parts.append(f"“{self.finder.text}” line {place} of {len(self.finder.lines)}, {count} hits")
            elif self.finder.count:
                parts.append(f"“{self.finder.text}” {count} hits")
            else:
                parts.append(f"“{self.finder.text}” not found")
        if self.line_count:
            if self.following:
                parts.append("following")
            else:
                new = self.line_count - self._seen
                parts.append(
                    f"paused, {counted(new, 'new line')}: End resumes" if new > 0 else "paused: End resumes"
                )
        return " · ".join(parts)

    # following

    def watch_following(self, following: bool) -> None:
        """Go to the end, or remember what was seen when following stopped."""
        if following and self.is_mounted:
            self._resized()
        self._seen = self.line_count
        self._tell()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Stop following as soon as somebody scrolls up."""
        super().watch_scroll_y(old_value, new_value)
        if self.following and new_value < old_value and round(new_value) < self.max_scroll_y:
            self.following = False

    def on_resize(self, event: Resize) -> None:
        """Stay at the end when the pane gets smaller."""
        if self.following:
            self._to_end()

    def action_resume(self) -> None:
        """Go to the end and follow it."""
        self.following = True
        self._to_end()

    def action_scroll_sideways(self, columns: int) -> None:
        """Scroll to the side."""
        self.scroll_relative(x=columns, animate=False)

    # searching

    def search(self, text: str) -> None:
        """Search for ``text`` and go to the next hit; nothing ends the search."""
        self._strips.clear()
        self._hit = None
        self.finder = LogSearch(self.log_file, text) if text and self.log_file else None
        self._jump = self.finder is not None
        self._work()
        self.refresh()

    def go_to_hit(self, direction: int) -> bool:
        """Go to the next hit, or to the one before for ``-1``; return whether there is one."""
        if self.finder is None or not self.finder.lines:
            return False
        if self._hit is None:
            here = round(self.scroll_y) - 1 if direction > 0 else round(self.scroll_y) + self.view.height
        else:
            here = self._hit
        hit = self.finder.after(here) if direction > 0 else self.finder.before(here)
        if hit is None:
            return False
        self._hit = hit
        self.following = False
        top = round(self.scroll_y)
        if not top <= hit < top + self.view.height:
            self.scroll_to(y=max(0, hit - self.view.height // 2), animate=False, force=True)
        self._strips.clear()
        self.refresh()
        self._tell()
        return True

    # selecting

    @property
    def allow_select(self) -> bool:
        """Text can be selected with the mouse."""
        return True

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the selected text, read from the file."""
        first = selection.start.y if selection.start else 0
        last = selection.end.y if selection.end else self.line_count - 1
        lines: list[str] = []
        for number in range(max(0, first), min(last, self.line_count - 1) + 1):
            span = selection.get_span(number)
            if span is not None:
                start, end = span
                text = self.line_text(number)
                lines.append(text[start:] if end == -1 else text[start:end])
        return "\n".join(lines), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the selection."""
        self._strips.clear()
        self.refresh()

    # drawing

    def notify_style_update(self) -> None:
        """Forget drawn lines when the theme changes."""
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """Draw one line of the view."""
        base = self.rich_style
        width = self.view.width
        number = round(self.scroll_y) + y
        if number >= self.line_count:
            if y == 0 and self.line_count == 0:
                style = base + Style(color=self.get_component_rich_style("log--empty").color)
                return Strip([Segment(self.empty, style)], cell_len(self.empty)).adjust_cell_length(
                    width, base
                )
            return Strip.blank(width, base)
        left = round(self.scroll_x)
        try:
            strip = self._line_strip(number, base)
        except Exception as error:
            self.app.post_message(PaneBroke(error))
            strip = Strip([Segment("this line cannot be drawn", base)])
        shown = strip.crop_extend(left, left + width, base).apply_offsets(left, number)
        if strip.cell_length > left + width:
            dim = base + Style(color=self.get_component_rich_style("log--empty").color)
            mark = Segment(CUT, dim)
            shown = Strip([*shown.crop(0, width - 1), mark], width)
        return shown

    def _line_strip(self, number: int, base: Style) -> Strip:
        log = self.log_file
        assert log is not None
        strip = self._strips.get(number)
        if strip is not None:
            return strip
        line = log.line(number).decode(errors="replace")
        segments = ansi.segments(line, base)
        selection = self.text_selection
        if self.finder is not None or selection is not None:
            segments = self._marked(segments, number, base, selection)
        strip = Strip(segments)
        self._width = max(self._width, strip.cell_length)
        if number < log.newlines:
            self._strips[number] = strip
        return strip

    def _marked(
        self, segments: list[Segment], number: int, base: Style, selection: Selection | None
    ) -> list[Segment]:
        text = Text(end="")
        for segment in segments:
            text.append(segment.text, segment.style)
        if self.finder is not None:
            hit = self.get_component_rich_style("log--hit")
            style = Style(bgcolor=hit.bgcolor, bold=True, underline=number == self._hit)
            needle, line = self.finder.text.lower(), text.plain.lower()
            found = line.find(needle)
            while found >= 0:
                text.stylize(style, found, found + len(needle))
                found = line.find(needle, found + len(needle))
        if selection is not None and (span := selection.get_span(number)) is not None:
            start, end = span
            text.stylize(
                self.screen.get_component_rich_style("screen--selection"), start, None if end == -1 else end
            )
        return [Segment(s.text, s.style or base) for s in text.render(self.app.console) if s.text]
