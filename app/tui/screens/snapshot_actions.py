"""What is done with snapshots in their place, each act with the question it deserves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app.engine.machines_api import MachineView, refusal
from app.engine.offload import off_loop
from app.engine.snapshots import Lineage, SnapshotsApi, TemplateView
from app.tui import signs
from app.tui.screens.choices import Ask, Choice, Choose
from app.tui.screens.dialogs import Confirm
from app.tui.screens.works import Work, WorkScreen, listed
from app.tui.snapshot_rows import LineageRow, came_of
from app.tui.widgets.snapshot_list import SnapshotList
from backends.snapshots import check_name

SUFFIX = ".vmsnap"


class SnapshotActions(WorkScreen):
    """A screen with a list of snapshots, and what can be done with them."""

    def __init__(self) -> None:
        super().__init__()
        self.lineage = Lineage()
        """Every snapshot, as last seen."""

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

    def why_not(self, action: str) -> str:
        """Say why an action cannot be done now; empty when it can."""
        house, row = self.workbench.house, self.current
        if action == "cancel":
            return "" if self.works else "Nothing goes on."
        if action not in (
            *("fork", "fork_terminal", "restore", "export", "copy", "remove", "import", "rename"),
        ):
            return ""
        if house.snapshots is None:
            return "This workbench was opened without snapshots."
        if action == "import" or (action == "remove" and self.snapshot_list.marked):
            return ""
        if row is not None and row.template is not None:
            if action == "remove":
                return ""
            return (
                "This is a template: new machines are forked from it by themselves; n in place 4 makes one."
            )
        if row is None or not row.name:
            return "No snapshot is selected."
        if row.view is not None and row.view.checkpoint and action == "rename":
            return "This is a checkpoint: rewinding finds it by its name."
        if (work := self.work_on(row.name)) is not None and action in ("remove", "rename"):
            return f"{work.what} goes on; c cancels it"
        if row.damaged and action != "remove":
            return f"{row.damaged}; d removes it"
        if action in ("fork", "fork_terminal", "restore") and house.machines is None:
            return "This workbench was opened without machines."
        return ""

    def action_fork(self) -> None:
        """Start a machine from it, and show it among the machines."""
        self._fork(self.workbench.doors.show_machine)

    def action_fork_terminal(self) -> None:
        """Start a machine from it, and open a terminal in it."""
        self._fork(self.workbench.doors.open_terminal)

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

    def action_rename(self) -> None:
        """Ask for another name and give it."""
        name = self.selected_id()
        taken = {view.name for view in self.lineage.snapshots} | set(self.lineage.damaged)

        def check(text: str) -> None:
            if text != name and check_name(text) in taken:
                raise ValueError(f"a snapshot is already called {text}: choose another name")

        def answered(new: str | None) -> None:
            async def rename(work: Work) -> str:
                await self.api.rename(name, new or "")
                self.snapshot_list.renamed(name, new or "")
                return f"Renamed {name} to {new}. To undo it, e names it {name} again."

            if new and new != name:
                self.do(f"renaming {name}", rename, subjects=[name], failed="Not renamed")

        hint = "letters, digits, '.', '_', '-' · what came of it keeps it as its parent"
        self.app.push_screen(Ask(f"Call {name} how?", hint, value=name, check=check), answered)

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
        row = self.current
        if row is not None and row.template is not None and not self.snapshot_list.marked:
            self._remove_template(row.template)
            return
        names = sorted(self.snapshot_list.marked) or [self.selected_id()]

        async def one(name: str, work: Work) -> None:
            await self.api.remove(name)

        def answered(yes: bool | None) -> None:
            if yes:
                self.do_each(names, "removing", "Removed", one, failed="Not removed")

        question = Confirm(f"Remove {listed(names)}?", self._loss(names), yes="Remove", no="Leave")
        self.app.push_screen(question, answered)

    def _remove_template(self, view: TemplateView) -> None:
        async def remove(work: Work) -> str:
            freed = await self.api.remove_template(view.name)
            return f"Removed the template, {signs.amount(freed)} given back."

        def answered(yes: bool | None) -> None:
            if yes:
                self.do("removing a template", remove, failed="Not removed")

        loss = (
            f"{signs.amount(view.own)} are given back. Machines that came of it stay. "
            "The next machine of its shape boots, which takes longer, and makes it anew."
        )
        title = f"Remove the template of {view.record.image} ({view.shape})?"
        self.app.push_screen(Confirm(title, loss, yes="Remove", no="Leave"), answered)

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
        left = [child for child in children if child not in names]
        stay = [
            signs.counted(len(found), word)
            for found, word in ((machines, "machine"), (left, "snapshot"))
            if found
        ]
        if stay:
            alone = len(machines) + len(left) == 1
            told += (
                f" {' and '.join(stay)} that came of {'it' if len(names) == 1 else 'them'} "
                f"{'stays as it is' if alone else 'stay as they are'}."
            )
        return told


def _file_and_name(text: str) -> tuple[Path, str | None]:
    """Read ``FILE`` or ``FILE as NAME``."""
    file, separator, name = text.rpartition(" as ")
    if not separator:
        file, name = text, ""
    return Path(file.strip()).expanduser().absolute(), name.strip() or None
