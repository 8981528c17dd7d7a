"""The place of the machines: all there are, whoever made them, what they use, and what is done to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.widgets import Input, Static

from app.engine.machines_api import MachineView
from app.engine.offload import off_loop
from app.tui import keymap, signs
from app.tui.layout import PanedScreen, Split
from app.tui.screens.consoles import ConsolesScreen
from app.tui.screens.machine_actions import MachineActions
from app.tui.widgets.facts import Fact, Facts
from app.tui.widgets.key_footer import KeyFooter
from app.tui.widgets.line_list import LineList
from app.tui.widgets.log_view import LogView
from app.tui.widgets.machine_list import MachineList, matches, state_sign
from app.tui.widgets.places_bar import PlacesBar
from app.tui.widgets.still import StillText
from backends.base import BackendError

if TYPE_CHECKING:
    from app.engine.usage import Usage


class MachinesScreen(MachineActions, PanedScreen):
    """Lists the machines."""

    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings("machines"), *keymap.bindings("panes")]
    PANES = ("machines-pane", "machine-facts", "machine-console")
    SPLITS = (
        Split("machines.side", ("machines-pane",), "machine-side", turns=True),
        Split("machines.console", ("machine-facts",), "machine-console"),
    )
    NAME = "Machines"
    SCOPE = "machines panes"
    PERIOD = 1.5
    PURPOSE = (
        "Every machine of yours on this host: of runs, kept ones and those you made, also of other vmbench "
        "processes. Walk in, stop, save, forward ports, remove. What a run of another vmbench uses can "
        "be walked into and looked at only."
    )
    HELP_SCOPES: ClassVar[list[tuple[str, str]]] = [
        ("Machines", "machines"),
        ("Moving around", "list"),
        ("Console", "log"),
        ("Panes", "panes"),
        ("Everywhere", "app"),
    ]
    DEFAULT_CSS = """
    #machines-pane { height: 1fr; }
    #machines { height: 1fr; }
    #machine-side { height: 9; }
    #machine-facts { height: 1fr; }
    #machine-console { height: 1fr; display: none; }
    MachinesScreen.-reading #machine-side { height: 70%; }
    MachinesScreen.-reading #machine-console { display: block; }
    MachinesScreen.-zoom #machine-console { display: block; }
    MachinesScreen.-wide #machines-pane { width: 3fr; }
    MachinesScreen.-wide #machine-side { width: 2fr; height: 1fr; border-left: solid $vm-rule; }
    MachinesScreen.-wide #machine-console { display: block; }
    MachinesScreen.-nothing #panes { display: none; }
    #machines-nothing { display: none; }
    MachinesScreen.-nothing #machines-nothing { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.views: list[MachineView] = []
        """Every machine, as last seen."""
        self.words = ""
        """The filter."""
        self._known = False
        self._shown_at = 0.0

    def compose(self) -> ComposeResult:
        """Make the panes."""
        yield PlacesBar("machines")
        yield Static(id="title", markup=False)
        yield from self.filter_bar("words of any column, -not")
        with Container(id="panes"):
            with Vertical(id="machines-pane", classes="pane"):
                yield MachineList(self.workbench.clock, id="machines")
            with Vertical(id="machine-side"):
                yield Facts(id="machine-facts", classes="pane")
                yield LogView(empty="The console is silent so far.", id="machine-console")
        yield StillText(id="machines-nothing", classes="nothing")
        yield self.work_line
        yield KeyFooter()

    def on_mount(self) -> None:
        """Begin in the list."""
        self.entitle("machines-pane", "machines")
        self.entitle("machine-facts", "details")
        self.entitle("machine-console", "console")
        console = self.query_one("#machine-console")
        console.add_class("pane")
        self.set_focus(self.machine_list)
        self.machine_list.on_width = self.read
        self.refresh_all()
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.refresh_all())

    @property
    def machine_list(self) -> MachineList:
        """The list."""
        return self.query_one("#machines", MachineList)

    def select(self, machine: str) -> None:
        """Put the cursor on a machine, as soon as it is listed."""
        self.wanted = machine
        self.read()

    def selected_id(self) -> str:
        """Return the id of the machine under the cursor; empty where there is none."""
        view = self.machine_list.current
        return view.id if view is not None else ""

    # reading

    async def look(self) -> None:
        """Look at the machines, and at what those in view use."""
        api = self.workbench.house.machines
        if api is None:
            raise BackendError("this workbench was opened without machines")
        self.take(await off_loop(api.machines))
        self.take_usage(await off_loop(api.usage, self.machine_list.in_view()))

    def show_failure(self) -> None:
        """Say why there is nothing to list, or that the list is of an earlier look."""
        self.refresh_all()

    def take(self, views: Sequence[MachineView]) -> None:
        """Show what there is now."""
        shown_at = self.workbench.clock.wall() // 30  # ages are told in minutes
        same = self._known and self.views == list(views)
        if same and not self.wanted and self._shown_at == shown_at:
            self._show_details()  # its ports and its console are not of the list
            return
        self._shown_at = shown_at
        before = self.machine_list.current
        there = {view.id for view in views}
        if before is not None and before.id not in there and before.used_by is None:
            if before.id not in self.removed:
                self.notify(f"{before.id} is gone: it was removed elsewhere.", severity="warning")
            self.removed.discard(before.id)
        self.views = list(views)
        self.machine_list.marked &= there
        self._known = True
        self._filter()
        if self.wanted in there and self.machine_list.go_to(self.wanted):
            self.wanted = ""
        self.refresh_all()

    def take_usage(self, usage: Mapping[str, Usage]) -> None:
        """Show what the machines in view use."""
        if usage != self.machine_list.usage:
            self.machine_list.show_usage(usage)
            self._show_details()

    def _filter(self) -> None:
        self.machine_list.show([view for view in self.views if matches(view, self.words)])

    # drawing

    def refresh_all(self) -> None:
        """Draw everything again."""
        self._show_title()
        self._show_nothing()
        self._show_details()
        self.machine_list.refresh()
        self.refresh_bindings()

    def works_changed(self) -> None:
        """Draw what goes on in the rows too, and look at what came of it."""
        super().works_changed()
        self.machine_list.doing = {
            name: work.what.split()[0] for work in self.works for name in work.subjects
        }
        self.machine_list.refresh()
        self.refresh_bindings()
        self.read()

    def _show_title(self) -> None:
        text = Text(no_wrap=True, overflow="ellipsis")
        variables = self.app.theme_variables
        if self.views and self.failure is not None:
            text.append(f"{self.not_read()} ", variables["warning"])
        total, shown = len(self.views), len(self.machine_list.views)
        counted = signs.counted(total, "machine")
        text.append(counted if shown == total else f"{shown} of {counted}", "bold")
        running = sum(view.pid is not None for view in self.views)
        if running:
            text.append(f"  ·  {signs.RUNNING.glyph} {running} up", variables["success"])
        kept = sum(view.record.keep for view in self.views)
        if kept:
            text.append(f"  ·  {kept} kept", variables["vm-dim"])
        if self.machine_list.marked:
            text.append(f"  ·  {signs.MARKED} {len(self.machine_list.marked)} marked", variables["accent"])
        self.query_one("#title", Static).update(text, layout=False)

    def _show_nothing(self) -> None:
        text = ""
        if self.failure is not None and not self.views:
            text = self.not_listed("machines")
        elif not self._known:
            text = "Looking for machines …"
        elif not self.views:
            text = (
                "There is no machine.\n\n"
                "n starts one. A run makes machines of its own; with the keep policy on-failure, those of "
                "failed tests stay here."
            )
        elif not self.machine_list.views:
            text = f"No machine matches “{self.words}”.\n\nEsc clears the filter."
        self.set_class(bool(text), "-nothing")
        self.query_one("#machines-nothing", StillText).put(text)

    def _show_details(self) -> None:
        view = self.machine_list.current
        facts, console = self.query_one(Facts), self.query_one(LogView)
        if view is None:
            facts.show("", [Fact("", "Nothing is selected.", "dim")])
            console.attach(None)
            return
        facts.show(view.id, self._facts(view))
        console.attach(view.console)

    def _facts(self, view: MachineView) -> list[Fact]:
        record, usage = view.record, self.machine_list.usage.get(view.id)
        sign = state_sign(view)
        found = [Fact("state", f"{sign.glyph} {sign.word}", sign.tone)]
        if view.panic:
            found.append(
                Fact("panic", f"{view.panic}; it starts anew, what was in its memory is lost", "bad")
            )
        if record.label:
            found.append(Fact("for", record.label))
        if view.used_by is not None:
            who = "this vmbench" if view.ours else f"vmbench {view.used_by}"
            run = f", run {record.run}" if record.run else ""
            found.append(Fact("used by", who + run, "live"))
            if view.wish is not None:
                found.append(Fact("then", "kept" if view.wish else "removed"))
        elif record.keep:
            found.append(Fact("kept", record.keep_reason or "yes"))
        else:
            found.append(Fact("kept", "no: the next vmbench that starts removes it", "warn"))
        if view.ssh:
            found.append(Fact("address", f"root@127.0.0.1 port {record.ssh_port}"))
        found.append(Fact("made", self.workbench.clock.ago(record.created)))
        origin = f"fork of {record.parent}" if record.parent else "booted"
        found.append(Fact("image", f"{record.image} {record.image_digest[:12]} · {origin}"))
        disk = f" · {signs.size(record.disk)} disk" if record.disk else " · no disk"
        shape = f"{signs.counted(record.cpus, 'cpu')} · {signs.size(record.memory)}{disk}"
        accel = f"/{record.accel}" if record.accel else ""
        found.append(Fact("shape", f"{shape} · {record.backend}{accel}"))
        if usage is not None:
            uses = f"{signs.amount(usage.disk)} on disk"
            if view.pid is not None:
                cpu = "" if usage.cpu_percent is None else f"cpu {usage.cpu_percent:.0f}% · "
                uses = f"{cpu}{signs.amount(usage.memory)} · wrote {signs.amount(usage.written)} · {uses}"
            found.append(Fact("uses", uses))
        if view.ssh:
            found.append(Fact("exec", f"vmbench exec {view.id} -- CMD"))
        api = self.workbench.house.machines
        forwards = api.forwards() if api is not None else ()
        found += [Fact("port", str(f), "live") for f in forwards if f.machine == view.id]
        found.append(Fact("folder", str(view.folder)))
        if view.ssh:
            found.append(Fact("ssh", view.ssh, "dim"))
        return found

    @on(LineList.Moved, "#machines")
    def _moved(self) -> None:
        self.follow(self._show_row)
        self.refresh_bindings()

    def _show_row(self) -> None:
        self._show_title()
        self._show_details()

    @on(LineList.Chosen, "#machines")
    def _chosen(self) -> None:
        self.add_class("-reading")
        self.set_focus(self.query_one(LogView))

    def action_filter(self) -> None:
        """Begin to filter the machines; from the console, to search in it."""
        if isinstance(self.focused, LogView):
            self._show_consoles("search")
        else:
            super().action_filter()

    def action_consoles(self) -> None:
        """Show the console whole, or those of the marked machines as one."""
        self._show_consoles()

    @on(LogView.Asked)
    def _console_asked(self, event: LogView.Asked) -> None:
        event.stop()
        self._show_consoles(event.what)

    def _show_consoles(self, asked: str = "") -> None:
        current = self.machine_list.current
        views = [current] if asked and current is not None else self.targets()
        if not views:
            self.notify("There is no machine under the cursor.")
            return
        names = ", ".join(view.id for view in views)
        found = [(view.id, view.console) for view in views]
        title = f"Console{'' if len(views) == 1 else 's'} of {names}"
        self.app.push_screen(ConsolesScreen(title, lambda: found, asked=asked))

    @on(LogView.Status)
    def _console_status(self, message: LogView.Status) -> None:
        self.entitle("machine-console", "console", message.text)

    # the filter, and back

    @property
    def filtered_list(self) -> MachineList:
        """The list."""
        return self.machine_list

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self.words = event.value
        self._filter()
        self.refresh_all()

    def zoom_target(self) -> str:
        """Zoom the console."""
        return "machine-console"

    def unzoom(self) -> None:
        """Go back to the list."""
        super().unzoom()
        self.set_focus(self.machine_list)

    def action_back(self) -> None:
        """Undo the last narrowing: the zoom, the details, the filter, the marks."""
        if self.zoomed:
            self.action_zoom()
        elif self.has_class("-reading") or self.focused in (self.query_one(Facts), self.query_one(LogView)):
            self.remove_class("-reading")
            self.set_focus(self.machine_list)
        elif not self.unfilter():
            self.action_unmark()
