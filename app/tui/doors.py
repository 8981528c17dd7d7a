"""Ways into machines: a shell on the whole screen, terminals in their place, recordings of them."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from app.tui.terminals import machine_screen, machine_seat, play_one_of
from backends.base import BackendError, MachineDied

# What shows terminals is imported when there is one: the first frame would wait for it.
if TYPE_CHECKING:
    from app.tui.app import Workbench
    from app.tui.screens.terminal import TerminalScreen
    from app.tui.terminal.recording import Recording
    from app.tui.terminal.seat import NewTests, Seat
    from backends.base import Machine

ENDED_LIMIT = 2.0
"""Seconds in which a machine whose connection broke is seen to have ended."""


class Doors:
    """Leads from the workbench's places into machines.

    Args:
        app: The workbench.
    """

    def __init__(self, app: Workbench) -> None:
        self._app = app

    def walk_in(self, machine: str, *, beside: str = "") -> None:
        """Give the screen to a shell in a machine: a kept one, or that of a test that runs, ``beside`` it."""
        walk_in = partial(self._walk_in, machine, beside)
        self._app.background(walk_in, group="machine", exclusive=True)

    async def _walk_in(self, machine: str, beside: str) -> None:
        if beside:
            self._app.notify(
                f"{beside} is at work in {machine}: it sees what you change there. K keeps the machine.",
                title="Beside a test",
                markup=False,
            )
        try:
            found = await self._app.engine.adopt(machine)
            try:
                await self._go_through(found, "")
            finally:
                await found.release()
        except MachineDied as error:
            self._app.say_not("It ended", error)
        except Exception as error:
            self._app.say_not("Not attached", error)

    async def _go_through(self, machine: Machine, typed: str) -> None:
        """Give the screen to a shell in a machine.

        Raises:
            MachineDied: it ended meanwhile, which breaks the connection before it is noticed.
            BackendError: the connection broke though the machine lives.
        """
        try:
            await self._app.walk(self._app, machine, typed)
        except BackendError as error:
            raise await _end_of(machine) or error from None

    def rewind(self, test: str, step: int | None) -> None:
        """Fork a test's machine from before a step, and give the screen to a shell in the fork."""
        rewind = partial(self._rewind, test, step)
        self._app.background(rewind, group="machine", exclusive=True)

    async def _rewind(self, test: str, step: int | None) -> None:
        try:
            found = await self._app.engine.rewind(test, step)
            try:
                await self._go_through(found.machine, found.typed)
            finally:
                await found.machine.release()
        except Exception as error:
            self._app.say_not("Not rewound", error)
            return
        kept = f"{found.machine.id}, {test} before step {found.number}, stays."
        self._app.notify(f"{kept} vmbench rm {found.machine.id} removes it.", title="Rewound", markup=False)

    def show_machine(self, machine: str) -> None:
        """Go to a machine in its place."""
        self._app.background(partial(self._show_machine, machine), group="machine")

    async def _show_machine(self, machine: str) -> None:
        from app.tui.screens.machines import MachinesScreen

        await self._app.go("machines")
        for screen in self._app.screen_stack:
            if isinstance(screen, MachinesScreen):
                screen.select(machine)

    def open_terminal(self, machine: str, test: str = "", *, shape: object = None) -> None:
        """Open terminals in a machine, in their place; it is that of a test of the run if one is named."""
        recording = self._recording_of(test)
        screen = machine_screen(
            self._app.engine.adopt,
            machine,
            self._app.terminals,
            recording,
            test=test,
            saved=self._app.reading.load,
            shape=shape,
        )
        show = partial(self._show_terminals, screen)
        self._app.background(show, group="terminals")

    def _recording_of(self, test: str) -> Recording | None:
        session = self._app.session
        folder = None if session is None or not test else session.folder / "recordings"
        return self._app.terminals.recording(folder, self._secrets_of(test))

    def seat_in(self, machine: str, test: str) -> Seat:
        """Return what terminals in a machine of a test are opened in."""
        return machine_seat(self._app.engine.adopt, machine, self._recording_of(test), test)

    def new_tests(self) -> NewTests | None:
        """Return where tests go that are recorded."""
        from app.tui.terminal.seat import NewTests

        location = self._app.terminals.location
        return NewTests(location, self._app.reading.load) if location is not None else None

    def play_recording(self) -> None:
        """Choose among the recordings of terminals, and play one."""
        self._app.background(self._play_recording, group="recordings", exclusive=True)

    async def _play_recording(self) -> None:
        folders = [self._app.terminals.recordings] if self._app.terminals.recordings is not None else []
        if self._app.session is not None:
            folders.append(self._app.session.folder)
        await play_one_of(self._app, folders)

    def _secrets_of(self, test: str) -> list[str]:
        from app.engine.masking import secrets_of

        registry = self._app.rows.registry
        if registry is None:
            return []
        named = [found for found in registry.tests if found.name == test]
        return [v for t in named for values in secrets_of(t, registry.services).values() for v in values]

    async def _show_terminals(self, screen: TerminalScreen) -> None:
        origin = self._app.place

        async def closed(_result: None) -> None:
            from app.tui.screens.terminal import TerminalScreen

            if self._app.place == "terminals" and not isinstance(self._app.screen, TerminalScreen):
                await self._app.go(origin)

        if self._app.place != "terminals":
            await self._app.switch_mode("terminals")
        await self._app.push_screen(screen, closed)


async def _end_of(machine: Machine) -> MachineDied | None:
    """Return what to say if a machine's connection broke as it ended, which is noticed a moment later."""
    try:
        async with asyncio.timeout(ENDED_LIMIT):
            why = await machine.died()
    except TimeoutError:
        return None
    return MachineDied(why, remedy=f"vmbench start {machine.id} starts it again")
