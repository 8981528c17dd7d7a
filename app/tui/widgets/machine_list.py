"""The list of machines: marks, states, owners and what each uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from app.engine.machines_api import MachineView
from app.tui import signs
from app.tui.clock import Clock
from app.tui.keys.key import PaneHelp
from app.tui.narrowing import fits
from app.tui.widgets.line_list import Cell, LineList, Row, fit
from backends.base import MachineState

if TYPE_CHECKING:
    from app.engine.usage import Usage

ID, STATE, AGE, OWNER, BACKEND, CPU, AMOUNT = 16, 11, 5, 11, 8, 6, 9


def owner(view: MachineView) -> str:
    """Return in a word or two who has a machine."""
    wish = {True: "+keep", False: "-keep", None: ""}[view.wish]
    if view.used_by is not None and view.ours:
        if view.record.run:
            return f"run {wish}" if wish else "this run"
        # What is kept no longer ends with the vmbench that made it.
        return "being made" if view.state in (MachineState.CREATED, MachineState.STARTING) else "till quit"
    if view.used_by is not None:
        return f"{view.used_by} {wish}" if wish else f"pid {view.used_by}"
    return "kept" if view.record.keep else "nobody"


def matches(view: MachineView, words: str) -> bool:
    """Whether every word occurs in what the list says of a machine; a word after ``-`` must not."""
    record = view.record
    text = " ".join(
        (
            view.id,
            state_sign(view).word,
            record.label,
            record.backend,
            record.image,
            record.parent,
            owner(view),
        )
    )
    return fits(text, words)


def state_sign(view: MachineView) -> signs.Sign:
    """Return what a machine is doing; one whose kernel panicked runs, but lost what was in its memory."""
    return signs.PANICKED if view.panicked else signs.MACHINES[view.state]


class MachineList(LineList):
    """Shows machines; the cursor stays on its machine when the list changes.

    Args:
        clock: The time.
        id: Of the widget.
    """

    HEADED = True
    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "the list of machines", "Every machine of yours on this host, and what it takes.", "list"
    )

    def __init__(self, clock: Clock, *, id: str) -> None:
        super().__init__(id=id)
        self._clock = clock
        self.views: list[MachineView] = []
        self.usage: Mapping[str, Usage] = {}
        self.marked: set[str] = set()
        self.on_width: Callable[[], None] = lambda: None
        """Called when there is room for other rows."""
        self.doing: Mapping[str, str] = {}
        """What goes on with a machine, by its id."""

    @property
    def current(self) -> MachineView | None:
        """The machine under the cursor."""
        return self.views[self.cursor] if self.cursor < len(self.views) else None

    def show(self, views: Sequence[MachineView]) -> None:
        """Show machines."""
        here = self.current
        self.views = list(views)
        with self.by_program():
            self.set_count(len(self.views))
            if here is not None:
                self.go_to(here.id)

    def show_usage(self, usage: Mapping[str, Usage]) -> None:
        """Show what machines use; only the rows are drawn that say something else."""
        before, self.usage = self.usage, usage
        for index in self.visible_rows():
            machine = self.views[index].id
            if before.get(machine) != usage.get(machine):
                self.refresh_row(index)

    def go_to(self, machine: str) -> bool:
        """Put the cursor on a machine; return whether it is listed."""
        for index, view in enumerate(self.views):
            if view.id == machine:
                self.cursor = index
                return True
        return False

    def in_view(self) -> list[MachineView]:
        """Return the machines whose rows are seen, and the one under the cursor."""
        shown = [self.views[index] for index in self.visible_rows()]
        if self.current is not None and self.current not in shown:
            shown.append(self.current)
        return shown

    def toggle_mark(self) -> None:
        """Mark the machine under the cursor, or take its mark away, and go on."""
        if self.current is not None:
            self.marked ^= {self.current.id}
            self.refresh_row(self.cursor)
            self.cursor += 1

    def clicked(self, index: int, x: int) -> bool:
        """Mark by a click on the sign of a mark."""
        if x < 3:
            self.marked ^= {self.views[index].id}
            self.refresh_row(index)
            self.post_message(self.Moved(self, index))
            return True
        return False

    def _columns(self, width: int) -> list[tuple[str, int]]:
        """Return the columns there is room for, with their widths; a width of 0 takes the rest."""
        found = [("MACHINE", ID), ("STATE", STATE), ("FOR", 0), ("AGE", AGE), ("OWNER", OWNER)]
        if width >= 100:
            found.append(("BACKEND", BACKEND))
        found += [("CPU", CPU), ("MEMORY", AMOUNT)]
        if width >= 88:
            found.append(("WRITTEN", AMOUNT))
        rest = width - 3 - sum(size for _, size in found)
        return [(name, size or max(0, rest)) for name, size in found]

    def head(self, width: int) -> str:
        """Return the columns' names."""
        return "   " + "".join(_cell(name, size, name in _RIGHT) for name, size in self._columns(width))

    def on_resize(self) -> None:
        """Tell that there is other room."""
        self.on_width()

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of a row."""
        view = self.views[index]
        record, usage = view.record, self.usage.get(view.id)
        sign = state_sign(view)
        doing = self.doing.get(view.id)
        marked = view.id in self.marked
        yield Cell(f" {signs.MARKED if marked else signs.UNMARKED} ", "accent" if marked else "dim")
        quiet = "plain" if view.pid is not None else "dim"
        live = usage is not None and view.pid is not None
        for name, size in self._columns(width):
            right = name in _RIGHT
            match name:
                case "MACHINE":
                    yield Cell(_cell(view.id, size), quiet, view.pid is not None)
                case "STATE":
                    yield Cell(_cell(f"{sign.glyph} {sign.word}", size), sign.tone)
                case "FOR":
                    text = f"▶ {doing} …" if doing else record.label or _origin(view)
                    yield Cell(_cell(text, size), "live" if doing else "plain" if record.label else "dim")
                case "AGE":
                    yield Cell(_cell(signs.age(self._clock.wall() - record.created), size, right), "dim")
                case "OWNER":
                    nobody = view.used_by is None and not view.record.keep
                    yield Cell(_cell(owner(view), size), "warn" if nobody else "dim")
                case "BACKEND":
                    yield Cell(_cell(record.backend, size), "dim")
                case "CPU":
                    known = live and usage is not None and usage.cpu_percent is not None
                    text = f"{usage.cpu_percent:.0f}%" if known and usage is not None else ""
                    yield Cell(_cell(text, size, right))
                case "MEMORY":
                    text = signs.amount(usage.memory) if live and usage is not None else ""
                    yield Cell(_cell(text, size, right))
                case "WRITTEN":
                    text = signs.amount(usage.written) if live and usage is not None else ""
                    yield Cell(_cell(text, size, right), "dim")


_RIGHT = frozenset({"AGE", "CPU", "MEMORY", "WRITTEN"})


def _cell(text: str, size: int, right: bool = False) -> str:
    """Return a text in its column: one space after it, or two before the next where it stands right."""
    if right:
        return f"{fit(text, size - 1).strip():>{size - 1}} "
    return fit(text, size - 1) + " "


def _origin(view: MachineView) -> str:
    return f"fork of {view.record.parent}" if view.record.parent else view.record.image
