"""The line at the bottom in which a search or a filter of a log is typed, with recall of earlier ones."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.events import Click
from textual.widgets import Input, Label, Static

from app.logs.match import BadPattern, Pattern
from app.tui import keymap
from app.tui.faults import Contained
from app.tui.recall import Recall
from app.tui.widgets.entry import Entry
from app.tui.widgets.log_view import LogView

HINTS = {"search": "text in the log", "filter": "only lines with this text"}
KEEP = 300
"""Characters of an entry that are worth remembering, at most."""


class FindEntry(Entry, inherit_bindings=False):
    """The input of a ``FindBar``."""

    BINDINGS: ClassVar[list[BindingType]] = [*Input.BINDINGS, *keymap.bindings("find")]

    def _bar(self) -> FindBar:
        bar = self.parent
        assert isinstance(bar, FindBar)
        return bar

    def action_done(self) -> None:
        """Keep what was typed and go to the log."""
        self._bar().done()

    def action_recall(self, direction: int) -> None:
        """Show an earlier entry, or a later one."""
        self._bar().recall(direction)

    def action_switch(self, what: str) -> None:
        """Switch ``regex`` or ``case``."""
        self._bar().toggle(what)


class Toggle(Contained, Static):
    """A switch of a ``FindBar``; a click is the same as its key."""

    def on_click(self, event: Click) -> None:
        """Switch."""
        event.stop()
        bar = self.parent
        if isinstance(bar, FindBar) and self.id:
            bar.toggle(self.id)


class FindBar(Contained, Horizontal):
    """Searches and filters one log view of its screen.

    Args:
        view: The id of the view.
    """

    DEFAULT_CSS = """
    FindBar { height: 1; background: $panel; display: none; }
    FindBar.-open { display: block; }
    FindBar Label { padding: 0 0 0 1; color: $vm-dim; width: auto; }
    FindBar Entry { width: 1fr; }
    FindBar Toggle { width: auto; padding: 0 1; color: $vm-dim; }
    FindBar Toggle.-on { color: $primary; text-style: bold underline; }
    FindBar #problem { width: auto; max-width: 50%; color: $error; padding: 0 1; }
    """

    def __init__(self, view: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._view = view
        self._target: LogView | None = None
        self.kind = "search"
        """What is being typed: ``search`` or ``filter``."""
        self.regex = False
        self.case = False
        self._own = Recall()
        self._place: int | None = None
        self._typed: Pattern | None = None

    def compose(self) -> ComposeResult:
        """Make the entry and its switches."""
        yield Label("search", id="kind")
        yield FindEntry(HINTS["search"], id="search")
        yield Static("", id="problem", markup=False)
        yield Toggle(".*", id="regex", markup=False)
        yield Toggle("Aa", id="case", markup=False)

    @property
    def view(self) -> LogView:
        """The view."""
        if self._target is not None and self._target.is_mounted:
            return self._target
        return self.screen.query_one(f"#{self._view}", LogView)

    def aim(self, view: LogView) -> None:
        """Search and filter another view from now on."""
        self._target = view

    @property
    def entry(self) -> FindEntry:
        """The input."""
        return self.query_one(FindEntry)

    @property
    def is_open(self) -> bool:
        """Whether it is on the screen."""
        return self.has_class("-open")

    @property
    def memory(self) -> Recall:
        """Earlier entries."""
        found = getattr(self.app, "recall", None)
        return found if isinstance(found, Recall) else self._own

    def open(self, kind: str) -> None:
        """Begin to type a ``search`` or a ``filter``."""
        self.kind = kind
        active = self.view.finder if kind == "search" else self.view.sieve
        pattern = active.pattern if active is not None else None
        self._place = None
        self.query_one("#kind", Label).update(kind)
        self.entry.placeholder = HINTS[kind]
        if pattern is not None:
            self.regex, self.case = pattern.regex, pattern.case
        self.add_class("-open")
        with self.prevent(Input.Changed):
            self.entry.value = pattern.text if pattern is not None else ""
        self._show_switches()
        self.screen.set_focus(self.entry)
        self._load()

    @work(group="recall", exclusive=True, exit_on_error=False)
    async def _load(self) -> None:
        await asyncio.to_thread(self.memory.load)

    @work(group="recall", exit_on_error=False)
    async def _save(self) -> None:
        await asyncio.to_thread(self.memory.save)

    @property
    def pattern(self) -> Pattern | None:
        """What is typed."""
        text = self.entry.value
        return Pattern(text, regex=self.regex, case=self.case) if text else None

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.apply()

    def apply(self) -> None:
        """Search or filter by what is typed; what is no expression is said and changes nothing."""
        said = ""
        try:
            if self.kind == "search":
                self.view.search(self.pattern)
            else:
                self.view.keep_only(self.pattern)
        except BadPattern as error:
            said = error.message
        self.query_one("#problem", Static).update(said)

    def toggle(self, what: str) -> None:
        """Switch ``regex`` or ``case``."""
        if what == "regex":
            self.regex = not self.regex
        else:
            self.case = not self.case
        self._show_switches()
        self.apply()

    def _show_switches(self) -> None:
        for name, on_, label in (("regex", self.regex, ".*"), ("case", self.case, "Aa")):
            switch = self.query_one(f"#{name}", Toggle)
            switch.set_class(on_, "-on")
            switch.update(f"[{label}]" if on_ else f" {label} ")

    def recall(self, direction: int) -> None:
        """Show an earlier entry, or a later one; after the newest comes what was being typed."""
        entries = self.memory.entries(self.kind)
        if self._place is None:
            self._place, self._typed = len(entries), self.pattern
        self._place = max(0, min(len(entries), self._place + direction))
        chosen = entries[self._place] if self._place < len(entries) else self._typed
        if chosen is not None:
            self.regex, self.case = chosen.regex, chosen.case
            self._show_switches()
        with self.prevent(Input.Changed):
            self.entry.value = chosen.text if chosen is not None else ""
        self.entry.action_end()
        self.apply()

    def done(self) -> None:
        """Keep what was typed and go to the log; nothing closes the bar."""
        pattern = self.pattern
        if pattern is not None and len(pattern.text) <= KEEP:
            self.memory.add(self.kind, pattern)
            self._save()
        self.set_class(pattern is not None, "-open")
        self.screen.set_focus(self.view)

    def close(self) -> bool:
        """End what is typed, then the search, then the filter; return whether there was any of these."""
        view = self.view
        if self.is_open and self.kind == "filter":
            view.keep_only(None)
        elif view.finder is not None:
            view.search(None)
        elif view.sieve is not None:
            view.keep_only(None)
        elif not self.is_open:
            return False
        self.remove_class("-open")
        self.screen.set_focus(view)
        return True
