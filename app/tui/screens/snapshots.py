"""The place of the snapshots: where each comes from, what it takes, and what is done with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.widgets import Input, Label, Static

from app.engine.machines import MachineView, refusal
from app.engine.offload import off_loop
from app.engine.snapshots import Lineage, SnapshotsApi
from app.tui import keymap, signs
from app.tui.messages import explain
from app.tui.screens.choices import Ask, Choice, Choose
from app.tui.screens.dialogs import Confirm
from app.tui.screens.works import Work, WorkScreen, listed
from app.tui.snapshot_rows import LineageRow, came_of, lineage_rows
from app.tui.widgets.entry import Entry
from app.tui.widgets.facts import Fact, Facts
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.line_list import LineList
from app.tui.widgets.places_bar import PlacesBar
from app.tui.widgets.snapshot_list import SnapshotList
from backends.base import BackendError

SUFFIX = ".vmsnap"


class SnapshotsScreen(WorkScreen):
    """Lists the snapshots by their lineage."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("snapshots")
    NAME = "Snapshots"
    SCOPE = "snapshots"
    PERIOD = 2.0
    PURPOSE = (
        "Machines saved under a name, below what each came from. A fork is a new machine that goes on from "
        "there; a restore makes a machine of yours what the snapshot was. Removing one never hurts what came "
        "of it. Machines are saved by s in their own place."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Snapshots", "snapshots"),
        ("Moving around", "list"),
        ("Everywhere", "app"),
    ]
    DEFAULT_CSS = """
    #snapshots-pane { height: 1fr; }
    #snapshots-head { height: 1; color: $vm-dim; }
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
        self.lineage = Lineage()
        """Every snapshot, as last seen."""
        self.words = ""
        """The filter."""
        self.checkpoints = False
        """Whether those that runs saved are shown."""
        self._known = False
        self._failure: tuple[str, str] | None = None

    def compose(self) -> ComposeResult:
        """Make the panes."""
        yield PlacesBar("snapshots")
        yield Static(id="title", markup=False)
        with Horizontal(classes="bar"):
            yield Label("filter")
            yield Entry("words of any column, -not", id="filter")
        with Container(id="panes"):
            with Vertical(id="snapshots-pane", classes="pane"):
                yield Static(id="snapshots-head", markup=False)
                yield SnapshotList(self.workbench.clock, id="snapshots")
            yield Facts(id="snapshot-facts", classes="pane")
        yield Static(id="snapshots-nothing", classes="nothing", markup=False)
        yield self.work_line
        yield KeyFooter()

    def on_mount(self) -> None:
        """Begin in the list."""
        self.query_one("#snapshots-pane").border_title = "snapshots"
        self.query_one("#snapshot-facts").border_title = "details"
        self.set_focus(self.snapshot_list)
        self.snapshot_list.on_width = self._show_head
        self.refresh_all()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.refresh_all())

    @property
    def snapshot_list(self) -> SnapshotList:
        """The list."""
        return self.query_one("#snapshots", SnapshotList)

    @property
    def api(self) -> SnapshotsApi:
        """What the actions call."""
        api = self.workbench.house.snapshots
        assert api is not None
        return api

    @property
    def current(self) -> LineageRow | None:
        """The row under the cursor."""
        return self.snapshot_list.current

    def selected_id(self) -> str:
        """Return the name of the snapshot under the cursor; empty where there is none."""
        return self.current.name if self.current is not None else ""

    # looking

    async def look(self) -> None:
        """Look at the snapshots."""
        if self.workbench.house.snapshots is None:
            self.look_failed(BackendError("this workbench was opened without snapshots"))
            return
        self.lineage = await off_loop(self.api.lineage)
        self._known, self._failure = True, None
        there = {view.name for view in self.lineage.snapshots} | set(self.lineage.damaged)
        self.snapshot_list.marked &= there
        self._list()

    def look_failed(self, error: Exception) -> None:
        """Say why there is nothing to list."""
        self._failure = explain(error)
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
        self.read()

    def _show_head(self) -> None:
        head = self.snapshot_list.head(self.snapshot_list.view.width)
        self.query_one("#snapshots-head", Static).update(head, layout=False)

    def _show_title(self) -> None:
        variables = self.app.theme_variables
        views = self.lineage.snapshots
        named = [view for view in views if not view.checkpoint]
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append("snapshots", "bold")
        text.append(f"  {signs.counted(len(named), 'snapshot')}", variables["vm-dim"])
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
        self.query_one("#title", Static).update(text, layout=False)

    def _show_nothing(self) -> None:
        text = ""
        if self._failure is not None and not self._known:
            text = "\n\n".join(filter(None, ("The snapshots cannot be listed.", *self._failure)))
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
        self.query_one("#snapshots-nothing", Static).update(text)

    def _show_details(self) -> None:
        row = self.current
        facts = self.query_one(Facts)
        if row is None:
            facts.show("", [Fact("", "Nothing is selected.", "dim")])
        elif row.view is None:
            what = "The image that these machines were booted from."
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

    @on(LineList.Moved, "#snapshots")
    def _moved(self) -> None:
        self._show_title()
        self._show_details()
        self.refresh_bindings()

    @on(LineList.Chosen, "#snapshots")
    def _chosen(self) -> None:
        self.add_class("-reading")
        self.set_focus(self.query_one(Facts))

    # the filter, marks, and back

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self.words = event.value
        self._list()

    def action_filter(self) -> None:
        """Begin to filter."""
        self.add_class("-filtered")
        self.set_focus(self.query_one("#filter", Entry))

    def action_keep_entry(self) -> None:
        """Keep the filter and go to the list."""
        self.set_class(bool(self.words), "-filtered")
        self.set_focus(self.snapshot_list)

    def action_focus_list(self) -> None:
        """Go from the filter to the list."""
        self.set_focus(self.snapshot_list)

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
        """Undo the last narrowing: the details, the filter, the marks."""
        entry = self.query_one("#filter", Entry)
        if self.has_class("-reading") or self.focused is self.query_one(Facts):
            self.remove_class("-reading")
            self.set_focus(self.snapshot_list)
        elif entry.value or self.focused is entry:
            entry.value = ""
            self.remove_class("-filtered")
            self.set_focus(self.snapshot_list)
        else:
            self.action_unmark()

    # what is done with them

    def why_not(self, action: str) -> str:
        """Say why an action cannot be done now; empty when it can."""
        house, row = self.workbench.house, self.current
        if action == "cancel":
            return "" if self.works else "Nothing goes on."
        if action not in ("fork", "fork_terminal", "restore", "export", "copy", "remove", "import"):
            return ""
        if house.snapshots is None:
            return "This workbench was opened without snapshots."
        if action == "import" or (action == "remove" and self.snapshot_list.marked):
            return ""
        if row is None or not row.name:
            return "No snapshot is selected."
        if (work := self.work_on(row.name)) is not None and action == "remove":
            return f"{work.what} goes on; c cancels it"
        if row.damaged and action != "remove":
            return f"{row.damaged}; d removes it"
        if action in ("fork", "fork_terminal", "restore") and house.machines is None:
            return "This workbench was opened without machines."
        return ""

    def action_fork(self) -> None:
        """Start a machine from it, and show it among the machines."""
        self._fork(self.workbench.show_machine)

    def action_fork_terminal(self) -> None:
        """Start a machine from it, and open a terminal in it."""
        self._fork(self.workbench.open_terminal)

    def _fork(self, then: Callable[[str], object]) -> None:
        name, machines = self.selected_id(), self.workbench.house.machines
        assert machines is not None

        async def fork(work: Work) -> str:
            machine = await machines.fork(name, "", work.phase)
            if self.is_current:
                then(machine)
            return f"Forked {name}: {machine}. It stays until it is removed."

        self.do(f"forking {name}", fork, subjects=[name], failed="Not forked")

    def action_restore(self) -> None:
        """Ask which machine shall become what the snapshot was."""
        self.run_worker(self._restore(self.selected_id()), group="ask", exclusive=True, exit_on_error=False)

    async def _restore(self, name: str) -> None:
        machines = self.workbench.house.machines
        assert machines is not None
        try:
            views = [view for view in await off_loop(machines.machines) if not refusal(view, "change")]
        except Exception as error:
            self.say_not("Not restored", [error])
            return
        if not views:
            self.notify("There is no machine to restore. f forks the snapshot.", severity="warning")
            return
        by_id = {view.id: view for view in views}

        def chosen(machine: str | None) -> None:
            if machine:
                self._confirm_restore(name, by_id[machine])

        choices = [
            Choice(view.id, view.id, hint=f"{view.state.value} {view.record.label}".strip()) for view in views
        ]
        self.app.push_screen(Choose(f"Restore {name} into which machine?", choices), chosen)

    def _confirm_restore(self, name: str, view: MachineView) -> None:
        machines = self.workbench.house.machines
        assert machines is not None
        up = view.pid is not None

        async def restore(work: Work) -> str:
            await machines.restore(view.id, name, stop=up, start=up, on_phase=work.phase)
            return f"{view.id} is as {name} was" + (
                "." if up else "; o in the place of the machines starts it."
            )

        def answered(yes: bool | None) -> None:
            if yes:
                self.do(f"restoring {name} into {view.id}", restore, subjects=[name], failed="Not restored")

        loss = f"What {view.id} is now is lost: its disk and its memory. "
        loss += "It is stopped and then goes on from the snapshot. " if up else ""
        loss += "The snapshot stays."
        self.app.push_screen(
            Confirm(f"Restore {name} into {view.id}?", loss, yes="Restore", no="Leave"), answered
        )

    def action_export(self) -> None:
        """Ask for a file and write it there."""
        name = self.selected_id()

        def check(text: str) -> None:
            target = Path(text).expanduser()
            if target.exists():
                raise ValueError(f"{target} exists: choose another name")
            if not target.parent.is_dir():
                raise ValueError(f"there is no folder {target.parent}")

        def answered(text: str | None) -> None:
            async def export(work: Work) -> str:
                target = Path(text or "").expanduser().absolute()
                written = await self.api.export(name, target, work.bytes)
                return f"Wrote {target}, {signs.amount(written)}."

            if text:
                self.do(f"exporting {name}", export, subjects=[name], failed="Not exported")

        hint = f"for another host with the same accelerator · relative to {Path.cwd()}"
        self.app.push_screen(
            Ask(f"Write {name} to which file?", hint, value=name + SUFFIX, check=check), answered
        )

    def action_import(self) -> None:
        """Ask for a file and read a snapshot from it."""

        def check(text: str) -> None:
            file, _ = _file_and_name(text)
            if not file.is_file():
                raise ValueError(f"there is no file {file}")

        def answered(text: str | None) -> None:
            async def read(work: Work) -> str:
                file, name = _file_and_name(text or "")
                record = await self.api.import_(file, name, work.bytes)
                return f"Read {record.name}. f forks it."

            if text:
                self.do(f"reading {text}", read, failed="Not read")

        hint = "FILE, or FILE as NAME to call it otherwise"
        self.app.push_screen(Ask("Read a snapshot from which file?", hint, check=check), answered)

    def action_copy(self) -> None:
        """Copy the command that forks it."""
        self.app.copy_to_clipboard(f"vmbench snapshot fork {self.selected_id()}")
        self.notify(f"Copied: vmbench snapshot fork {self.selected_id()}", markup=False)

    def action_remove(self) -> None:
        """Delete what is marked, or the snapshot under the cursor, after a question."""
        names = sorted(self.snapshot_list.marked) or [self.selected_id()]

        async def one(name: str, work: Work) -> None:
            await self.api.remove(name)

        def answered(yes: bool | None) -> None:
            if yes:
                self.do_each(names, "removing", "Removed", one, failed="Not removed")

        question = Confirm(f"Remove {listed(names)}?", self._loss(names), yes="Remove", no="Leave")
        self.app.push_screen(question, answered)

    def _loss(self, names: list[str]) -> str:
        """Return what is lost with snapshots, and what stays."""
        views = [view for view in self.lineage.snapshots if view.name in names]
        freed = signs.amount(sum(view.own for view in views))
        told = f"The saved {'state is' if len(names) == 1 else 'states are'} lost, {freed} given back."
        if any(view.checkpoint for view in views):
            told += (
                " Its step can no longer be rewound to."
                if len(names) == 1
                else (" Steps with a removed checkpoint can no longer be rewound to.")
            )
        machines = [machine for name in names for machine in self.lineage.forks.get(name, ())]
        children = [child for name in names for child in came_of(name, self.lineage.snapshots)]
        stay = [
            signs.counted(len(found), word)
            for found, word in ((machines, "machine"), ([c for c in children if c not in names], "snapshot"))
            if found
        ]
        if stay:
            told += (
                f" {' and '.join(stay)} that came of {'it' if len(names) == 1 else 'them'} stay as they are."
            )
        return told


def _file_and_name(text: str) -> tuple[Path, str | None]:
    """Read ``FILE`` or ``FILE as NAME``."""
    file, separator, name = text.rpartition(" as ")
    if not separator:
        file, name = text, ""
    return Path(file.strip()).expanduser().absolute(), name.strip() or None
