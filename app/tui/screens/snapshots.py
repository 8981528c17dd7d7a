"""The place of the snapshots: where each comes from, what it takes, and what is done with it."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.widgets import Input, Static

from app.engine.offload import off_loop
from app.engine.snapshots import TemplateView
from app.tui import keymap, signs
from app.tui.layout import PanedScreen, Split
from app.tui.screens.snapshot_actions import SnapshotActions
from app.tui.snapshot_rows import LineageRow, came_of, lineage_rows
from app.tui.widgets.facts import Fact, Facts
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.line_list import LineList
from app.tui.widgets.places_bar import PlacesBar
from app.tui.widgets.snapshot_list import SnapshotList
from app.tui.widgets.still import StillText
from backends.base import BackendError


class SnapshotsScreen(SnapshotActions, PanedScreen):
    """Lists the snapshots by their lineage."""

    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings("snapshots"), *keymap.bindings("panes")]
    PANES = ("snapshots-pane", "snapshot-facts")
    SPLITS = (Split("snapshots.facts", ("snapshots-pane",), "snapshot-facts", turns=True),)
    NAME = "Snapshots"
    SCOPE = "snapshots panes"
    PURPOSE = (
        "Machines saved under a name, below what each came from. A fork is a new machine that goes on from "
        "there; a restore makes a machine of yours what the snapshot was. Removing one never hurts what came "
        "of it. Machines are saved by s in their own place."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Snapshots", "snapshots"),
        ("Moving around", "list"),
        ("Panes", "panes"),
        ("Everywhere", "app"),
    ]
    DEFAULT_CSS = """
    #snapshots-pane { height: 1fr; }
    #snapshots { height: 1fr; }
    #snapshot-facts { height: 9; }
    SnapshotsScreen.-reading #snapshot-facts { height: 70%; }
    SnapshotsScreen.-wide #snapshots-pane { width: 3fr; }
    SnapshotsScreen.-wide #snapshot-facts { width: 2fr; height: 1fr; border-left: solid $vm-rule; }
    SnapshotsScreen.-nothing #panes, #snapshots-nothing { display: none; }
    SnapshotsScreen.-nothing #snapshots-nothing { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.words = ""
        """The filter."""
        self.checkpoints = False
        """Whether those that runs saved are shown."""
        self._known = False
        self._shown_at = 0.0

    def compose(self) -> ComposeResult:
        """Make the panes."""
        yield PlacesBar("snapshots")
        yield Static(id="title", markup=False)
        yield from self.filter_bar("words of any column, -not")
        with Container(id="panes"):
            with Vertical(id="snapshots-pane", classes="pane"):
                yield SnapshotList(self.workbench.clock, id="snapshots")
            yield Facts(id="snapshot-facts", classes="pane")
        yield StillText(id="snapshots-nothing", classes="nothing")
        yield self.work_line
        yield KeyFooter()

    def on_mount(self) -> None:
        """Begin in the list."""
        self.entitle("snapshots-pane", "snapshots")
        self.entitle("snapshot-facts", "details")
        self.set_focus(self.snapshot_list)
        self.refresh_all()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.refresh_all())

    # looking

    async def look(self) -> None:
        """Look at the snapshots."""
        if self.workbench.house.snapshots is None:
            raise BackendError("this workbench was opened without snapshots")
        lineage = await off_loop(self.api.lineage)
        shown_at = self.workbench.clock.wall() // 30  # ages are told in minutes
        same = self._known and lineage == self.lineage
        if same and self._shown_at == shown_at:
            return
        self.lineage, self._shown_at = lineage, shown_at
        self._known = True
        there = {view.name for view in self.lineage.snapshots} | set(self.lineage.damaged)
        self.snapshot_list.marked &= there
        self._list()

    def show_failure(self) -> None:
        """Say why there is nothing to list, or that the list is of an earlier look."""
        self.refresh_all()

    def _list(self) -> None:
        rows = lineage_rows(self.lineage, checkpoints=self.checkpoints, words=self.words)
        self.snapshot_list.show(rows, self.lineage.forks)
        self.refresh_all()

    # drawing

    def refresh_all(self) -> None:
        """Draw everything again."""
        self._show_title()
        self._show_nothing()
        self._show_details()
        self.snapshot_list.refresh()
        self.refresh_bindings()

    def works_changed(self) -> None:
        """Draw what goes on in the rows too, and look at what came of it."""
        super().works_changed()
        self.snapshot_list.doing = {n: work.what.split()[0] for work in self.works for n in work.subjects}
        self.snapshot_list.refresh()
        self.refresh_bindings()
        self.read()

    def _show_title(self) -> None:
        variables = self.app.theme_variables
        views = self.lineage.snapshots
        named = [view for view in views if not view.checkpoint]
        text = Text(no_wrap=True, overflow="ellipsis")
        if self._known and self.failure is not None:
            text.append(f"{self.not_read()} ", variables["warning"])
        text.append(signs.counted(len(named), "snapshot"), "bold")
        if len(named) < len(views):
            more = signs.counted(len(views) - len(named), "checkpoint")
            text.append(f"  ·  {more}" + ("" if self.checkpoints else ", C shows them"), variables["vm-dim"])
        if views:
            text.append(
                f"  ·  {signs.amount(sum(view.own for view in views))} their own", variables["vm-dim"]
            )
        if self.lineage.damaged:
            text.append(
                f"  ·  {signs.BROKEN.glyph} {len(self.lineage.damaged)} damaged", variables["warning"]
            )
        if self.snapshot_list.marked:
            text.append(f"  ·  {signs.MARKED} {len(self.snapshot_list.marked)} marked", variables["accent"])
        if templates := self.lineage.templates:
            took = signs.amount(sum(view.own for view in templates))
            text.append(f"  ·  {signs.counted(len(templates), 'template')}, {took}", variables["vm-dim"])
        self.query_one("#title", Static).update(text, layout=False)

    def _show_nothing(self) -> None:
        text = ""
        if self.failure is not None and not self._known:
            text = self.not_listed("snapshots")
        elif not self._known:
            text = "Looking for snapshots …"
        elif self.words and not self.snapshot_list.rows:
            text = f"No snapshot matches “{self.words}”.\n\nEsc clears the filter."
        elif not self.snapshot_list.rows:
            hidden = any(view.checkpoint for view in self.lineage.snapshots)
            text = (
                "There is no snapshot.\n\n"
                "s in the place of the machines (4) saves one of a machine; i reads one from a file."
            ) + ("\n\nC shows the checkpoints that runs saved." if hidden else "")
        self.set_class(bool(text), "-nothing")
        self.query_one("#snapshots-nothing", StillText).put(text)

    def _show_details(self) -> None:
        row = self.current
        facts = self.query_one(Facts)
        if row is None:
            facts.show("", [Fact("", "Nothing is selected.", "dim")])
        elif row.template is not None:
            facts.show(row.text, self._template_facts(row.template))
        elif row.view is None:
            what = "The image that these machines were booted from."
            if not self.lineage.snapshots:
                what += (
                    " There is no snapshot yet: s in the place of the machines (4) saves one of a machine."
                )
            if row.gone:
                what = "It was removed. What came of it does not need it."
            facts.show(row.text, [Fact("", row.damaged or what, "warn" if row.damaged else "dim")])
        else:
            facts.show(row.text, self._facts(row))

    def _facts(self, row: LineageRow) -> list[Fact]:
        assert row.view is not None
        view, record = row.view, row.view.record
        label = f" ({record.label})" if record.label else ""
        forks = self.lineage.forks.get(view.name, ())
        children = came_of(view.name, self.lineage.snapshots)
        disk = f"{signs.size(record.disk)} disk" if record.disk else "no disk"
        kind = "disk and memory: forks go on from there" if record.with_ram else "disk: forks boot from it"
        found = [
            Fact("saved", self.workbench.clock.ago(record.created)),
            Fact("of", record.machine + label),
            Fact("parent", record.parent or f"none: booted from {record.image}"),
            Fact("holds", kind, "good" if record.with_ram else ""),
            Fact("size", f"{signs.amount(view.own)} its own, {signs.amount(view.shared)} shared"),
            Fact("shape", f"{signs.counted(record.cpus, 'cpu')} · {signs.size(record.memory)} · {disk}"),
            Fact("backend", f"{record.backend}/{record.accel}, QEMU {record.qemu_version or 'unknown'}"),
            Fact("image", f"{record.image} {record.image_digest[:12]}"),
            Fact("machines", ", ".join(forks) or "none came of it", "live" if forks else "dim"),
            Fact("children", ", ".join(children) or "none", "" if children else "dim"),
        ]
        if view.checkpoint:
            found.append(Fact("kind", "a checkpoint that a run saved, for rewinding to that step"))
        return [*found, Fact("folder", str(view.folder))]

    def _template_facts(self, view: TemplateView) -> list[Fact]:
        clock = self.workbench.clock
        return [
            Fact("", "New machines of this shape are forked from it instead of booting. vmbench makes it."),
            Fact("for", view.shape),
            Fact("made", clock.ago(view.record.created)),
            Fact("forked", clock.ago(view.used)),
            Fact("size", f"{signs.amount(view.own)} its own, {signs.amount(view.shared)} shared"),
            Fact("image", f"{view.record.image} {view.record.image_digest[:12]}"),
            Fact("", "d removes it; vmbench gc removes those that nobody forked for long.", "dim"),
        ]

    @on(LineList.Moved, "#snapshots")
    def _moved(self) -> None:
        self.follow(self._show_row)
        self.refresh_bindings()

    def _show_row(self) -> None:
        self._show_title()
        self._show_details()

    @on(LineList.Chosen, "#snapshots")
    def _chosen(self) -> None:
        self.add_class("-reading")
        self.set_focus(self.query_one(Facts))

    # the filter, marks, and back

    @property
    def filtered_list(self) -> SnapshotList:
        """The list."""
        return self.snapshot_list

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self.words = event.value
        self._list()

    def action_mark(self) -> None:
        """Mark the snapshot under the cursor, or take its mark away."""
        self.snapshot_list.toggle_mark()

    def action_unmark(self) -> None:
        """Take all marks away."""
        self.snapshot_list.marked.clear()
        self.refresh_all()

    def action_checkpoints(self) -> None:
        """Show the checkpoints of runs, or hide them."""
        self.checkpoints = not self.checkpoints
        self._list()

    def action_back(self) -> None:
        """Undo the last narrowing: the zoom, the details, the filter, the marks."""
        if self.zoomed:
            self.unzoom()
        elif self.has_class("-reading") or self.focused is self.query_one(Facts):
            self.remove_class("-reading")
            self.set_focus(self.snapshot_list)
        elif not self.unfilter():
            self.action_unmark()
