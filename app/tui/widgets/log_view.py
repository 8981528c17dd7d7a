"""A pane over a growing log: follows, pauses, searches, filters, wraps, and never floods the loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.events import Resize
from textual.geometry import Size
from textual.markup import escape
from textual.message import Message
from textual.reactive import reactive
from textual.selection import Selection
from textual.strip import Strip

from app.engine.console_watch import COMPLAINTS
from app.logs.log_file import LogFile
from app.logs.marks import Mark, MarkFinder
from app.logs.match import Pattern
from app.logs.matches import Matches
from app.logs.source import LineGone, LogSource
from app.tui import keymap
from app.tui.keys.key import PaneHelp
from app.tui.later import later
from app.tui.messages import PaneBroke
from app.tui.signs import counted
from app.tui.widgets.log_paint import CUT, GAP, HIT, LogPainter, Look, gutter, gutter_width, parts
from app.tui.widgets.still import StillScroll

POLL = 0.1
"""Seconds between two looks at a file that does not grow."""
SOON = 0.01
"""Seconds until the next slice while a file grows."""
AT_ONCE = 0.0
"""Seconds until the next slice while a file is opened or searched: keys come first all the same."""
POLLED = 1 << 20
"""Bytes that are taken in at once, at most."""
BACKLOG = 2
"""Times that in one slice that mean a file is being opened, not followed."""
DRAWN = 0.5
"""Seconds between two drawings while a file is opened."""
BUDGET = 0.006
"""Seconds of the processor that one slice of work takes."""
MOST_COPIED = 10_000
"""Lines of one selection that are copied; an export has no such limit."""
CONTEXTS = (0, 1, 2, 3, 5, 10, 20, 50)
"""Lines around a match that a filter can leave."""
TAG_TONES = ("primary", "success", "warning", "secondary", "accent", "error")


def titled(*parts: str) -> str:
    """Return a pane's title with what the view in it does; what looks like markup is text."""
    return escape(" · ".join(filter(None, parts)))


class LogView(StillScroll, can_focus=True):
    """Shows a log by its lines; only those in view are read and drawn.

    Args:
        empty: What to say while there is nothing to show.
    """

    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "a console, or a log",
        "Lines as they are printed; the end is followed until you scroll. Drag selects.",
        "log",
    )

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
    """Whether the view stays at the end of the log."""

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

    class Asked(Message):
        """Something is to be asked for: what to search, what to filter by, where to export to, which mark."""

        def __init__(self, control: LogView, what: str) -> None:
            super().__init__()
            self._control = control
            self.what = what

        @property
        def control(self) -> LogView:
            """The view."""
            return self._control

    def __init__(self, *, empty: str = "Nothing to show.", id: str | None = None) -> None:
        super().__init__(id=id)
        self.empty = empty
        self.source: LogSource | None = None
        self.finder: Matches | None = None
        """What is searched for."""
        self.sieve: Matches | None = None
        """What is filtered by."""
        self.context = 0
        """Lines around each match that the filter leaves."""
        self.wrapping = False
        self.timed = False
        """Whether the time of each line is told."""
        self.opens: Callable[[Path], LogFile] = LogFile
        """How a file is opened."""
        self.place_steps: Callable[[], Sequence[tuple[int, str]]] = tuple
        """Returns the lines at which steps began, and what to call them."""
        self._marker: MarkFinder | None = None
        self._marked: Callable[[list[Mark]], None] | None = None
        self._painter = LogPainter()
        self._look: Look | None = None
        self._layout: list[tuple[int, int]] = []
        self._layout_of: tuple[int, ...] | None = None
        self._seen = 0
        self._status = ""
        self._hit: int | None = None
        self._jump = False
        self._wanted: int | None = None
        self._scheduled = False
        self._due = False
        """Whether there is something new to draw."""
        self._drawn_at = 0.0

    # what is shown

    @property
    def view(self) -> Size:
        """The size of what is seen, without the scroll bars."""
        return self.scrollable_content_region.size

    @property
    def path(self) -> Path | None:
        """The file that is shown, if it is one."""
        return self.source.path if isinstance(self.source, LogFile) else None

    def attach(self, path: Path | None, *, follow: bool = True) -> None:
        """Show another file, or none; showing the same file again changes nothing."""
        if path != self.path or (path is None and self.source is not None):
            self.show(self.opens(path) if path is not None else None, follow=follow)

    def show(self, source: LogSource | None, *, follow: bool = True) -> None:
        """Show another log, or none; what is searched and filtered for stays."""
        if self.source is not None:
            self.source.close()
        self.source = source
        self._marker = self._marked = None
        self._forget()
        self.scroll_to(0, 0, animate=False, force=True)
        self.following = follow
        if source is not None:
            source.held = not follow
        self._work()

    def say(self, empty: str) -> None:
        """Change what is said while there is nothing to show."""
        if empty != self.empty:
            self.empty = empty
            self.refresh()

    @property
    def line_count(self) -> int:
        """How many lines are known so far."""
        return self.source.line_count if self.source else 0

    @property
    def row_count(self) -> int:
        """How many of them the filter leaves, as far as that is known."""
        return self.sieve.rows if self.sieve else self.line_count

    @property
    def settled(self) -> bool:
        """Whether nothing is left to read or to search for now."""
        return not self._scheduled

    @property
    def hit(self) -> int | None:
        """The line of the hit somebody went to."""
        return self._hit

    def line_of(self, row: int) -> int:
        """Return the line that is shown in a row, both counted from 0."""
        return self.sieve.line_of(row) if self.sieve else row

    def row_of(self, line: int) -> int:
        """Return the row of a line, or of the next one that the filter leaves."""
        return self.sieve.row_of(line) if self.sieve else line

    def line_text(self, number: int) -> str:
        """Return one line as it is seen, without colours."""
        assert self.source is not None
        return self._painter.text(self.source, number)

    def visible_text(self) -> str:
        """Return the lines in view."""
        rows = dict.fromkeys(row for row, _part in self._laid_out())
        return "\n".join(self.line_text(self.line_of(row)) for row in rows)

    # work in slices

    def on_mount(self) -> None:
        """Look for new lines from now on."""
        self.set_interval(POLL, self._poll)
        self._work()

    def on_unmount(self) -> None:
        """Let go of the file."""
        if self.source is not None:
            self.source.close()

    def _poll(self) -> None:
        if not self._scheduled:
            self._work()

    def _work(self) -> None:
        self._scheduled = False
        source = self.source
        if source is None or not self.is_mounted:
            self._tell()
            return
        try:
            wait = self._slice(source)
        except Exception as error:
            self.app.post_message(PaneBroke(error))
            wait = None
        if wait is not None:
            self._scheduled = True
            later(self, wait, self._work)
        self._tell()

    def _slice(self, source: LogSource) -> float | None:
        """Do some work; return in how many seconds there should be more of it, if at all."""
        # Time of the processor: on a busy host a slice would else do next to nothing, and there be no end.
        deadline = time.thread_time() + BUDGET
        grown = more = False
        taken = 0
        while True:
            change = source.poll(POLLED)
            if change.reset:
                self._forget()
            grown = grown or change.grown or change.reset
            more = change.more
            taken += 1
            if not more or time.thread_time() > deadline:
                break
        opening = more and taken >= BACKLOG
        before = self.sieve and self.sieve.rows
        searching = False
        for matches in (self.sieve, self.finder, self._marker):
            while matches is not None and (again := matches.advance()):
                if time.thread_time() > deadline:
                    searching = searching or again
                    break
        if grown or before != (self.sieve and self.sieve.rows):
            self._due = True
        if self._due or self._content_width() > self.virtual_size.width:
            now = time.perf_counter()
            if not (opening or searching) or now - self._drawn_at > DRAWN:
                self._due, self._drawn_at = False, now
                self._resized()
        self._go_where_asked(searching or more)
        if self._marked is not None and self._marker is not None and not searching and not more:
            told, self._marked = self._marked, None
            told(self._marker.marks())
        if searching or opening:
            return AT_ONCE
        return SOON if more else None

    def _go_where_asked(self, searching: bool) -> None:
        """Go to what was asked for as soon as it is found."""
        if self._wanted is not None and (
            self.sieve is None or self.sieve.searched > self._wanted or not searching
        ):
            line, self._wanted = self._wanted, None
            if not self.following:
                self._scroll_row(self._top_for(self.row_of(line), 0))
        if self._jump and self.finder is not None:
            here = self.line_at_top()
            found = self.finder.after(here - 1) if self.finder.count else None
            if found is not None and (found >= here or not searching):
                self._jump = False
                self.go_to_hit(1)
            elif not searching:
                self._jump = False

    def line_at_top(self) -> int:
        """Return the first line in view."""
        row = round(self.scroll_y)
        return self.line_of(row) if row < self.row_count else self.line_count

    def _content_width(self) -> int:
        return 0 if self.wrapping else self._painter.width + self._gutter_width()

    def _gutter_width(self) -> int:
        if self.source is None:
            return 0
        return gutter_width(self.source, times=self.timed, filtered=self.sieve is not None)

    def _resized(self) -> None:
        rows = self.row_count
        height = rows
        if self.wrapping:
            # One more line of scrolling for every row that wrapping adds to the last screenful.
            height += self.view.height - self._fitting(rows)
        size = Size(self._content_width(), height)
        if size != self.virtual_size:
            self.virtual_size = size
        if self.following:
            self._to_end()
            self._seen = self.line_count
        self.refresh()

    def _fitting(self, end: int, room: int | None = None) -> int:
        """Return how many rows before row ``end`` fit above it, wrapped; at least one."""
        left = self.view.height if room is None else room
        count = 0
        while count < end:
            left -= self._parts(end - count - 1)
            if left < 0:
                break
            count += 1
        return max(1, count) if end else self.view.height

    def _parts(self, row: int) -> int:
        return parts(self._strip(self.line_of(row)), self._room(), self.view.height)

    def _room(self) -> int:
        return max(1, self.view.width - self._gutter_width())

    def _to_end(self) -> None:
        self._scroll_row(self.max_scroll_y)

    def _scroll_row(self, row: float) -> None:
        self.scroll_to(y=max(0, row), animate=False, force=True)

    def _forget(self) -> None:
        """Begin anew: another log, or the same one truncated."""
        self._painter = LogPainter()
        self._layout_of = None
        self._seen = 0
        self._hit = None
        self._marker = None
        source = self.source
        self.finder = Matches(source, self.finder.pattern) if self.finder and source else None
        self.sieve = Matches(source, self.sieve.pattern, self.context) if self.sieve and source else None
        self.virtual_size = Size(0, self.row_count)
        self.refresh()

    def _tell(self) -> None:
        text = self._status_text()
        if text != self._status:
            self._status = text
            self.post_message(self.Status(self, text))

    def _status_text(self) -> str:
        said: list[str] = []
        if self.finder is not None:
            said.append(self._search_words(self.finder))
        if self.sieve is not None:
            around = f" ±{self.context}" if self.context else ""
            said.append(f"only {self.sieve.pattern}{around}: {counted(self.sieve.count, 'line')}")
        if self.source is not None and self.source.stale:
            said.append("paused: the log was cut or replaced, End shows the new one")
        elif self.line_count:
            new = self.line_count - self._seen
            if self.following:
                said.append("following")
            else:
                said.append(f"paused, {counted(new, 'new line')}: End resumes" if new > 0 else "paused")
        return " · ".join(said)

    def _search_words(self, finder: Matches) -> str:
        count = finder.count
        if not count:
            return f"{finder.pattern} not found" if self.settled else f"{finder.pattern} …"
        if self._hit is not None and finder.matches(self._hit):
            return f"{finder.pattern} {finder.rank(self._hit) + 1} of {counted(count, 'line')}"
        return f"{finder.pattern} in {counted(count, 'line')}"

    # following

    def watch_following(self, following: bool) -> None:
        """Go to the end, or remember what was seen when following stopped."""
        if self.source is not None:
            self.source.held = not following
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
        if self.wrapping:
            self._resized()
        elif self.following:
            self._to_end()

    def action_resume(self) -> None:
        """Go to the end and follow it."""
        self.following = True
        self._to_end()

    def action_pause(self) -> None:
        """Stay here, or follow the end again."""
        if self.following:
            self.following = False
        else:
            self.action_resume()

    def action_scroll_sideways(self, columns: int) -> None:
        """Scroll to the side."""
        self.scroll_relative(x=columns, animate=False)

    # how it is shown

    def action_wrap(self) -> None:
        """Wrap long lines, or scroll sideways."""
        row = round(self.scroll_y)
        self.wrapping = not self.wrapping
        self.scroll_to(x=0, animate=False, force=True)
        self._relaid(row)

    def action_times(self) -> None:
        """Tell when each line came, or do not."""
        self.timed = not self.timed
        self._relaid(round(self.scroll_y))
        if self.timed:
            whose = "the first machine began" if self.source is not None and self.source.tags else "its boot"
            self.notify(f"Seconds since {whose}; · where nobody knows.")

    def _relaid(self, row: int) -> None:
        self._layout_of = None
        self._resized()
        if not self.following:
            self._scroll_row(row)

    # searching

    def search(self, pattern: Pattern | None) -> None:
        """Search and go to the next hit; nothing ends the search.

        Raises:
            BadPattern: it is no regular expression.
        """
        if pattern is not None:
            pattern.check()
        marked = self.finder is not None
        self._painter.forget()
        self._hit = None
        self.finder = Matches(self.source, pattern) if pattern and self.source else None
        self._jump = self.finder is not None
        self._work()
        if marked or (pattern is not None and self._is_seen(pattern)):
            self.refresh()

    def _is_seen(self, pattern: Pattern) -> bool:
        try:
            return bool(pattern.lines(self.visible_text().encode()))
        except (IndexError, LineGone):
            return True

    def keep_only(self, pattern: Pattern | None) -> None:
        """Show only lines that match, and those around them; nothing shows all again.

        Raises:
            BadPattern: it is no regular expression.
        """
        if pattern is not None:
            pattern.check()
        here = self._hit if self._hit is not None else self.line_at_top()
        self._painter.forget()
        self.sieve = Matches(self.source, pattern, self.context) if pattern and self.source else None
        self._wanted = here
        self._layout_of = None
        self._resized()
        self._work()

    def action_context(self, steps: int) -> None:
        """Let the filter leave more or fewer lines around each match."""
        if self.sieve is None:
            self.notify("& filters; then + and - show more or fewer lines around each match.")
            return
        at = max(0, min(len(CONTEXTS) - 1, CONTEXTS.index(self.context) + steps))
        if CONTEXTS[at] != self.context:
            self.context = CONTEXTS[at]
            self.keep_only(self.sieve.pattern)

    def go_to_hit(self, direction: int) -> bool:
        """Go to the next hit, or to the one before for ``-1``; return whether there is one.

        Without a search the hits are the lines that the filter was asked for.
        """
        matches = self.finder or self.sieve
        if matches is None or not matches.count:
            return False
        line = self._hit
        if line is None:
            bottom = self._laid_out()[-1][0] if self._laid_out() else 0
            line = self.line_at_top() - 1 if direction > 0 else self.line_of(bottom) + 1
        for _ in range(min(matches.count, 1000)):  # hits that the filter hides are passed over
            found = matches.after(line) if direction > 0 else matches.before(line)
            if found is None:
                return False
            line = found
            if self._is_shown(line):
                self._hit = line
                self.go_to_line(line)
                self._tell()
                return True
        return False

    def _is_shown(self, line: int) -> bool:
        row = self.row_of(line)
        return row < self.row_count and self.line_of(row) == line

    def go_to_line(self, line: int) -> None:
        """Bring a line into view and stay there."""
        self.following = False
        row = self.row_of(line)
        if row not in {shown for shown, _part in self._laid_out()}:
            self._scroll_row(self._top_for(row, self.view.height // 2))
        self._painter.forget()
        self.refresh()

    def _top_for(self, row: int, above: int) -> int:
        """Return the row to begin with so that ``above`` screen lines stand before ``row``."""
        if not self.wrapping or not above:
            return max(0, row - above)
        return max(0, row - self._fitting(row, above)) if row else 0

    # marks

    def find_marks(self, told: Callable[[list[Mark]], None]) -> None:
        """Look for what is worth going to and tell it when the whole log was looked at."""
        if self.source is None:
            return
        self._marker = MarkFinder(self.source, COMPLAINTS, self.place_steps())
        self._marked = told
        self._work()

    def action_mark(self, direction: int) -> None:
        """Go to the next mark, or to the one before."""
        here = self._hit if self._hit is not None else self.line_at_top()

        def go(marks: list[Mark]) -> None:
            ahead = [m for m in marks if (m.line > here if direction > 0 else m.line < here)]
            if not ahead:
                self.notify(f"No mark {'below' if direction > 0 else 'above'}.")
                return
            mark = ahead[0] if direction > 0 else ahead[-1]
            self.go_to_mark(mark)

        self.find_marks(go)

    def go_to_mark(self, mark: Mark) -> None:
        """Go to a mark; a filter that hides it ends."""
        if self.sieve is not None and not self._is_shown(mark.line):
            self.keep_only(None)
        self._hit = mark.line
        self.go_to_line(mark.line)
        self.notify(mark.label, markup=False, timeout=2)

    def action_ask(self, what: str) -> None:
        """Ask for something that needs more than a key."""
        self.post_message(self.Asked(self, what))

    # selecting

    @property
    def allow_select(self) -> bool:
        """Text can be selected with the mouse."""
        return True

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the selected text, read from the log; no more than ``MOST_COPIED`` lines."""
        first = max(0, selection.start.y if selection.start else 0)
        last = min(selection.end.y if selection.end else self.line_count - 1, self.line_count - 1)
        row = self.row_of(first)
        lines: list[str] = []
        while row < self.row_count and len(lines) < MOST_COPIED and (number := self.line_of(row)) <= last:
            row += 1
            span = selection.get_span(number)
            if span is not None:
                start, end = span
                text = self.line_text(number)
                lines.append(text[start:] if end == -1 else text[start:end])
        return "\n".join(lines), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the selection."""
        self._painter.forget()
        self.refresh()

    # drawing

    def notify_style_update(self) -> None:
        """Forget drawn lines when the theme changes."""
        super().notify_style_update()
        self._painter.forget()
        self._look = None

    def _styles(self) -> Look:
        if self._look is None:
            base = self.rich_style  # costs more than drawing a line
            dim = base + Style(color=self.get_component_rich_style("log--empty").color)
            hit = self.get_component_rich_style("log--hit")
            tones = [self.app.theme_variables.get(tone, "") for tone in TAG_TONES]
            self._look = Look(
                base=base,
                dim=dim,
                hit=Style(bgcolor=hit.bgcolor),
                tags=tuple(base + Style(color=tone) for tone in tones if tone.startswith("#")) or (base,),
                selection=self.screen.get_component_rich_style("screen--selection"),
                console=self.app.console,
            )
        return self._look

    def _laid_out(self) -> list[tuple[int, int]]:
        """Return for each screen line the row it shows and which part of it."""
        top, size, rows = round(self.scroll_y), self.view, self.row_count
        key = (top, size.width, size.height, rows, self.line_count, self.wrapping, self._gutter_width())
        if key != self._layout_of:
            laid: list[tuple[int, int]] = []
            row = top
            while row < rows and len(laid) < size.height:
                laid += [(row, part) for part in range(self._parts(row) if self.wrapping else 1)]
                row += 1
            self._layout, self._layout_of = laid[: size.height], key
        return self._layout

    def render_line(self, y: int) -> Strip:
        """Draw one line of the view."""
        look, width = self._styles(), self.view.width
        source = self.source
        try:
            laid = self._laid_out()
            if source is not None and y < len(laid):
                return self._drawn(source, *laid[y], look, width)
        except (IndexError, LineGone):  # the log changed since the last slice of work, which says so
            return Strip.blank(width, look.base)
        except Exception as error:
            self.app.post_message(PaneBroke(error))
            return Strip([Segment("this line cannot be drawn", look.base)]).extend_cell_length(
                width, look.base
            )
        if y == 0 and not self.row_count:
            words = self.empty if not self.line_count else "No line matches the filter."
            return Strip([Segment(words, look.dim)], cell_len(words)).adjust_cell_length(width, look.base)
        return Strip.blank(width, look.base)

    def _drawn(self, source: LogSource, row: int, part: int, look: Look, width: int) -> Strip:
        number = self.line_of(row)
        strip = self._strip(number)
        before = gutter(source, number, look, times=self.timed, sign=self._sign(row, number), first=part == 0)
        room = max(1, width - self._gutter_width())
        left = part * room if self.wrapping else round(self.scroll_x)
        shown = strip.crop_extend(left, left + room, look.base).apply_offsets(left, number)
        last = not self.wrapping or part == self.view.height - 1
        if last and strip.cell_length > left + room:
            shown = Strip([*shown.crop(0, room - 1), Segment(CUT, look.dim)], room)
        return Strip([*before, *shown], width) if before else shown

    def _sign(self, row: int, number: int) -> str | None:
        if self.sieve is None:
            return None
        if self.sieve.matches(number):
            return HIT
        return GAP if row and self.line_of(row - 1) != number - 1 else " "

    def _strip(self, number: int) -> Strip:
        assert self.source is not None
        patterns = [matches.pattern for matches in (self.sieve, self.finder) if matches is not None]
        return self._painter.line(
            self.source, number, self._styles(), patterns, number == self._hit, self.text_selection
        )
