"""What a person does with machines from their place: by a key, and confirmed where something is lost."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from app.engine.forwards import Forward, parse_ports
from app.engine.machines_api import MachinesApi, MachineView, refusal
from app.engine.offload import off_loop
from app.tui.screens.choices import Ask, Choice, Choose
from app.tui.screens.dialogs import Confirm
from app.tui.screens.new_machine import NewMachine, Wish
from app.tui.screens.works import Work, WorkScreen, listed
from app.tui.widgets.machine_list import MachineList
from backends.base import MachineState
from backends.snapshots import check_name

MOVES = {
    "attach": "run a command",
    "terminal": "run a command",
    "start": "start",
    "stop": "stop",
    "kill": "kill",
    "reboot": "reboot",
    "save": "save a snapshot",
    "forward": "forward a port",
    "copy_ssh": "run a command",
    "copy_exec": "run a command",
    "keep": "keep",
    "relabel": "change",
    "remove": "change",
}
"""Action → what it asks of a machine's state."""
SEVERAL = frozenset({"start", "stop", "kill", "remove"})
"""Actions that are done with everything marked."""


class MachineActions(WorkScreen):
    """The actions; the screen that has them lists the machines."""

    def __init__(self) -> None:
        super().__init__()
        self.removed: set[str] = set()
        """Ids of machines that were removed from here, and so are no surprise when they are gone."""
        self.wanted = ""
        """Id of the machine to select once it is listed."""

    @property
    @abstractmethod
    def machine_list(self) -> MachineList:
        """The list."""

    @property
    def api(self) -> MachinesApi:
        """What the actions call."""
        api = self.workbench.house.machines
        assert api is not None
        return api

    def targets(self) -> list[MachineView]:
        """Return the marked machines, or the one under the cursor."""
        if self.machine_list.marked:
            return [view for view in self.machine_list.views if view.id in self.machine_list.marked]
        return [self.machine_list.current] if self.machine_list.current is not None else []

    def why_not(self, action: str) -> str:
        """Say why an action cannot be done now; empty when it can."""
        if self.workbench.house.machines is None and action in {*MOVES, "pause", "new", "forwards"}:
            return "This workbench was opened without machines."
        if action == "cancel":
            return "" if self.works else "Nothing goes on."
        if action == "forwards":
            return "" if self.api.forwards() else "No port leads into a machine; f opens one."
        if action not in MOVES and action != "pause":
            return ""
        several = action in SEVERAL and bool(self.machine_list.marked)
        views = self.targets() if several else [v for v in (self.machine_list.current,) if v is not None]
        if not views:
            return "No machine is selected."
        reasons = [self._refusal(view, action) for view in views]
        return reasons[0] if all(reasons) else ""

    def _refusal(self, view: MachineView, action: str) -> str:
        if (work := self.work_on(view.id)) is not None:
            return f"{work.what} goes on; c cancels it"
        if action == "pause":
            action = "resume" if view.state is MachineState.PAUSED else "pause"
            return refusal(view, action)
        if action in ("stop", "kill") and view.pid is None and view.state is not MachineState.STARTING:
            return f"{view.id} is {view.state.value}"
        return refusal(view, MOVES[action])

    def _able(self, action: str) -> list[MachineView]:
        """Return the targets with which an action can be done."""
        return [view for view in self.targets() if not self._refusal(view, action)]

    # marks

    def action_mark(self) -> None:
        """Mark the machine under the cursor, or take its mark away."""
        self.machine_list.toggle_mark()

    def action_unmark(self) -> None:
        """Take all marks away."""
        self.machine_list.marked.clear()
        self.machine_list.refresh()
        self.machine_list.post_message(MachineList.Moved(self.machine_list, self.machine_list.cursor))

    # ways in

    def action_attach(self) -> None:
        """Walk in."""
        self.workbench.doors.walk_in(self.selected_id(), beside=self._beside())

    def _beside(self) -> str:
        """Say who is at work in the machine under the cursor; empty where nobody is."""
        view = self.machine_list.current
        if view is None or view.used_by is None or (view.ours and not view.record.run):
            return ""
        return view.record.label or ("A test" if view.ours else f"Another vmbench (pid {view.used_by})")

    def action_terminal(self) -> None:
        """Open terminals in it."""
        self.workbench.doors.open_terminal(self.selected_id())

    def action_copy_ssh(self) -> None:
        """Copy the plain ssh command."""
        view = self.machine_list.current
        if view is not None:
            self.app.copy_to_clipboard(view.ssh)
            self.notify(f"Copied the ssh command into {view.id}.")

    def action_copy_exec(self) -> None:
        """Copy the command that runs a command in it."""
        self.app.copy_to_clipboard(f"vmbench exec {self.selected_id()} -- ")
        self.notify(f"Copied: vmbench exec {self.selected_id()} --")

    # lives

    def action_start(self) -> None:
        """Start what is marked, or the machine under the cursor."""
        names = [view.id for view in self._able("start")]

        async def one(name: str, work: Work) -> None:
            await self.api.start(name, work.phase)

        self.do_each(names, "starting", "Started", one, failed="Not started")

    def _ask_each(
        self,
        action: str,
        question: str,
        loss: Callable[[list[MachineView]], str],
        yes: str,
        go: Callable[[list[str]], None],
    ) -> None:
        views = self._able(action)
        if not views:
            return
        names = [view.id for view in views]
        told = loss(views)
        testing = [view.id for view in views if view.used_by is not None and view.record.run]
        if testing:
            told += f" A test is running in {listed(testing)} and will end with an error."

        def answered(sure: bool | None) -> None:
            if sure:
                go(names)

        self.app.push_screen(Confirm(question.format(listed(names)), told, yes=yes, no="Leave"), answered)

    def action_stop(self) -> None:
        """Stop what is marked, or the machine under the cursor, after a question."""

        async def one(name: str, work: Work) -> None:
            await self.api.stop(name)

        self._ask_each(
            "stop",
            "Stop {}?",
            lambda views: (
                "What is only in memory is lost: running programs, and all of a machine without a disk. "
                "Disks stay."
            ),
            "Stop",
            lambda names: self.do_each(names, "stopping", "Stopped", one, failed="Not stopped"),
        )

    def action_kill(self) -> None:
        """End it as a power cut would, after a question."""

        async def one(name: str, work: Work) -> None:
            await self.api.kill(name)

        self._ask_each(
            "kill",
            "Kill {}?",
            lambda views: "As a power cut: memory is lost, and what was not yet written to the disk.",
            "Kill",
            lambda names: self.do_each(names, "killing", "Killed", one, failed="Not killed"),
        )

    def action_pause(self) -> None:
        """Pause the machine under the cursor, or let it go on."""
        view = self.machine_list.current
        if view is None:
            return
        paused = view.state is MachineState.PAUSED

        async def one(name: str, work: Work) -> None:
            await (self.api.resume(name) if paused else self.api.pause(name))

        words = ("resuming", "Resumed") if paused else ("pausing", "Paused")
        self.do_each([view.id], *words, one, failed="Not resumed" if paused else "Not paused")

    def action_reboot(self) -> None:
        """Reboot it: with its disk kept, or as it was made."""
        view = self.machine_list.current
        if view is None:
            return
        name = view.id

        async def one(machine: str, work: Work) -> None:
            await self.api.reboot(machine)

        async def afresh(machine: str, work: Work) -> None:
            await self.api.reboot(machine, discard=True)

        def sure(yes: bool | None) -> None:
            if yes:
                self.do_each(
                    [name], "rebooting", "Rebooted, without its changes,", afresh, failed="No reboot"
                )

        def chosen(how: str | None) -> None:
            if how == "keep":
                self.do_each([name], "rebooting", "Rebooted", one, failed="Not rebooted")
            elif how == "discard":
                loss = "Everything written to its disk since it was made is lost, and all that is in memory."
                question = f"Discard the disk of {name}?"
                self.app.push_screen(Confirm(question, loss, yes="Discard", no="Leave"), sure)

        choices = [
            Choice("keep", "With its disk kept", "w", "memory is lost"),  # k moves up among choices
            Choice("discard", "Discard its disk", "d", "as it was when it was made"),
        ]
        self.app.push_screen(Choose(f"Reboot {name}", choices), chosen)

    def action_keep(self) -> None:
        """Keep it, or keep it no longer."""
        view = self.machine_list.current
        if view is None:
            return
        name = view.id

        async def keep(machine: str, work: Work) -> None:
            await self.api.keep(machine, "kept by hand")

        async def drop(machine: str, work: Work) -> None:
            await self.api.drop(machine)

        def answered(yes: bool | None) -> None:
            if yes:
                self.do_each([name], "dropping", "No longer kept:", drop, failed="Not dropped")

        testing = view.used_by is not None and bool(view.record.run)
        if not view.record.keep and not (testing and view.wish):
            words = "Will be kept when its test is over:" if testing else "Kept"
            self.do_each([name], "keeping", words, keep, failed="Not kept")
            return
        if testing:
            words = "Goes when its test is over:"
            self.do_each([name], "dropping", words, drop, failed="Not dropped")
            return
        loss = (
            "It goes with the vmbench that made it, or when the next one starts, with all that is in it. "
            "K takes that back until then; d removes it now."
        )
        self.app.push_screen(Confirm(f"Keep {name} no longer?", loss, yes="Drop", no="Keep"), answered)

    def action_relabel(self) -> None:
        """Say what it is for."""
        view = self.machine_list.current
        if view is None:
            return

        def answered(label: str | None) -> None:
            async def one(machine: str, work: Work) -> None:
                await self.api.relabel(machine, label or "")

            if label is not None:
                self.do_each([view.id], "labelling", "Labelled", one, failed="Not labelled")

        hint = "Shown in lists · enter saves, esc leaves it"
        self.app.push_screen(Ask(f"What is {view.id} for?", hint, value=view.record.label), answered)

    def action_remove(self) -> None:
        """Remove what is marked, or the machine under the cursor, after a question."""

        async def one(name: str, work: Work) -> None:
            await self.api.remove(name)
            self.removed.add(name)

        def loss(views: list[MachineView]) -> str:
            up = sum(view.pid is not None for view in views)
            running = ""
            if up:
                running = "It runs. " if len(views) == 1 else f"{up} of them {'runs' if up == 1 else 'run'}. "
            if len(views) > 1:
                return f"{running}Their memory, disks and consoles are deleted. Snapshots of them stay."
            return f"{running}Memory, disk and console are deleted. Snapshots of it stay."

        self._ask_each(
            "remove",
            "Remove {}?",
            loss,
            "Remove",
            lambda names: self.do_each(names, "removing", "Removed", one, failed="Not removed"),
        )

    # snapshots, ports, new ones

    def action_save(self) -> None:
        """Save it as a snapshot."""
        view = self.machine_list.current
        if view is None:
            return
        taken = self.workbench.house.snapshots

        def answered(name: str | None) -> None:
            async def save(work: Work) -> str:
                record = await self.api.save(view.id, name or "")
                what = "disk and memory" if record.with_ram else "disk"
                return f"Saved {what} of {view.id} as {name}."

            if name:
                self.do(f"saving {view.id} as {name}", save, subjects=[view.id], failed="Not saved")

        hint = "letters, digits, . _ - · enter saves, esc does not"
        if taken is not None and view.state is not MachineState.STOPPED:
            hint = f"it stands still meanwhile and goes on · {hint}"
        self.app.push_screen(Ask(f"Save {view.id} under which name?", hint, check=check_name), answered)

    def action_forward(self) -> None:
        """Lead a port of this host into it."""
        name = self.selected_id()

        def answered(text: str | None) -> None:
            async def forward(work: Work) -> str:
                opened = await self.api.forward(name, parse_ports(text or ""))
                return f"{opened}, until you leave or F closes it."

            if text:
                self.do(f"forwarding {text} to {name}", forward, subjects=[name], failed="Not forwarded")

        hint = "80, or HOSTPORT:80, or HOSTPORT:HOST:80 as the guest knows HOST"
        self.app.push_screen(Ask(f"Which port of {name}?", hint, check=parse_ports), answered)

    def action_forwards(self) -> None:
        """List the ports that lead into machines, and close one."""
        there: dict[str, Forward] = {str(f.listening): f for f in self.api.forwards()}

        def chosen(port: str | None) -> None:
            async def close(work: Work) -> str:
                await self.api.close_forward(there[port or ""])
                return f"127.0.0.1:{port} leads nowhere now."

            if port:
                self.do(f"closing {port}", close, failed="Not closed")

        choices = [Choice(port, str(forward)) for port, forward in there.items()]
        self.app.push_screen(Choose("Close which port?", choices), chosen)

    def action_new(self) -> None:
        """Ask what a new machine shall be, and start it."""
        self.run_worker(self._new(), group="new", exclusive=True, exit_on_error=False)

    async def _new(self) -> None:
        try:
            offer = await off_loop(self.api.offer)
        except Exception as error:
            self.say_not("No new machine", [error])
            return

        def answered(wish: Wish | None) -> None:
            if wish is None:
                return

            async def up(work: Work) -> str:
                self.wanted = await self.api.up(wish.request, wish.backend, work.phase)
                return f"Started {self.wanted}. It stays until it is removed."

            self.do(f"making a machine of {wish.request.image}", up, failed="No new machine")

        self.app.push_screen(NewMachine(offer), answered)
