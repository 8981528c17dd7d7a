"""The lineage of snapshots as a list of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from app.tui import signs
from app.tui.clock import Clock
from app.tui.keys.key import PaneHelp
from app.tui.snapshot_rows import LineageRow
from app.tui.widgets.line_list import Cell, LineList, Row, fit

OWN, SHARED, KIND, AGE, FROM, FORKS = 9, 9, 9, 5, 14, 6


class SnapshotList(LineList):
    """Shows snapshots; the cursor stays on its snapshot when the list changes.

    Args:
        clock: The time.
        id: Of the widget.
    """

    HEADED = True
    PANE_HELP: ClassVar[PaneHelp] = PaneHelp(
        "the tree of snapshots", "What was saved, below what it came from.", "list"
    )

    def __init__(self, clock: Clock, *, id: str) -> None:
        super().__init__(id=id)
        self._clock = clock
        self.rows: list[LineageRow] = []
        self.forks: Mapping[str, Sequence[str]] = {}
        self.marked: set[str] = set()
        self.doing: Mapping[str, str] = {}
        """What goes on with a snapshot, by its name."""

    @property
    def current(self) -> LineageRow | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def show(self, rows: Sequence[LineageRow], forks: Mapping[str, Sequence[str]]) -> None:
        """Show rows."""
        here, first = self.current, not self.rows
        self.rows, self.forks = list(rows), forks
        with self.by_program():
            self.set_count(len(self.rows))
            if here is not None:
                self.go_to(here.text)
            elif first:
                self.cursor = next((i for i, row in enumerate(self.rows) if row.name), 0)

    def go_to(self, name: str) -> bool:
        """Put the cursor on a row by its text; return whether it is listed."""
        for index, row in enumerate(self.rows):
            if row.text == name:
                self.cursor = index
                return True
        return False

    def renamed(self, name: str, new: str) -> None:
        """Let the cursor and the marks stay on a snapshot that is called otherwise now."""
        if name in self.marked:
            self.marked = self.marked - {name} | {new}
        if self.current is not None and self.current.text == name:
            self.rows[self.cursor] = replace(self.rows[self.cursor], text=new)

    def toggle_mark(self) -> None:
        """Mark the snapshot under the cursor, or take its mark away, and go on."""
        if self.current is not None and self.current.name:
            self.marked ^= {self.current.name}
            self.refresh_row(self.cursor)
        self.cursor += 1

    def clicked(self, index: int, x: int) -> bool:
        """Mark by a click on the sign of a mark."""
        if x < 3 and (name := self.rows[index].name):
            self.marked ^= {name}
            self.refresh_row(index)
            self.post_message(self.Moved(self, index))
            return True
        return False

    def _columns(self, width: int) -> list[tuple[str, int]]:
        found = [("SNAPSHOT", 0), ("OWN", OWN), ("SHARED", SHARED), ("HOLDS", KIND), ("AGE", AGE)]
        if width >= 84:
            found += [("FROM", FROM), ("FORKS", FORKS)]
        rest = width - 3 - sum(size for _, size in found)
        return [(name, size or max(0, rest)) for name, size in found]

    def head(self, width: int) -> str:
        """Return the columns' names."""
        return "   " + "".join(_cell(name, size, name in _RIGHT) for name, size in self._columns(width))

    def draw_row(self, index: int, width: int) -> Row:
        """Return the cells of a row."""
        row = self.rows[index]
        if row.view is None:
            yield from self._other(row, width) if row.template is None else self._template(row, width)
            return
        view, record = row.view, row.view.record
        marked = view.name in self.marked
        yield Cell(f" {signs.MARKED if marked else signs.UNMARKED} ", "accent" if marked else "dim")
        for name, size in self._columns(width):
            right = name in _RIGHT
            match name:
                case "SNAPSHOT":
                    yield Cell(row.prefix, "dim")
                    doing = self.doing.get(view.name)
                    text = f"{view.name}  ▶ {doing} …" if doing else view.name
                    tone = "live" if doing else "dim" if view.checkpoint else "plain"
                    yield Cell(_cell(text, max(0, size - len(row.prefix))), tone, not view.checkpoint)
                case "OWN":
                    yield Cell(_cell(signs.amount(view.own), size, right))
                case "SHARED":
                    yield Cell(_cell(signs.amount(view.shared), size, right), "dim")
                case "HOLDS":
                    yield Cell(
                        _cell("disk+ram" if record.with_ram else "disk", size),
                        "good" if record.with_ram else "dim",
                    )
                case "AGE":
                    yield Cell(_cell(signs.age(self._clock.wall() - record.created), size, right), "dim")
                case "FROM":
                    yield Cell(_cell(record.machine, size), "dim")
                case "FORKS":
                    count = len(self.forks.get(view.name, ()))
                    yield Cell(_cell(str(count or ""), size, right), "live")

    def _template(self, row: LineageRow, width: int) -> Row:
        view = row.template
        assert view is not None
        yield Cell("   ")
        for name, size in self._columns(width):
            match name:
                case "SNAPSHOT":
                    yield Cell(_cell(f"{row.prefix}template of {view.shape}", size), "dim")
                case "OWN":
                    yield Cell(_cell(signs.amount(view.own), size, True), "dim")
                case "SHARED":
                    yield Cell(_cell(signs.amount(view.shared), size, True), "dim")
                case "HOLDS":
                    yield Cell(_cell("disk+ram", size), "dim")
                case "AGE":
                    age = self._clock.wall() - view.record.created
                    yield Cell(_cell(signs.age(age), size, True), "dim")

    def _other(self, row: LineageRow, width: int) -> Row:
        if row.damaged:
            marked = row.text in self.marked
            yield Cell(f" {signs.MARKED if marked else signs.UNMARKED} ", "accent" if marked else "dim")
            yield Cell(f"{signs.BROKEN.glyph} {row.text}  damaged", "warn")
        elif row.gone:
            yield Cell(f"   {row.text} ", "dim")
            yield Cell("(removed)", "dim")
        else:
            yield Cell(f"   {row.text} ", "head")
            yield Cell("image", "dim")


_RIGHT = frozenset({"OWN", "SHARED", "AGE", "FORKS"})


def _cell(text: str, size: int, right: bool = False) -> str:
    if right:
        return f"{fit(text, size - 1).strip():>{size - 1}} "
    return fit(text, size - 1) + " "
