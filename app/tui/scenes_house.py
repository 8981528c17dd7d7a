"""Scenes of the places of machines and snapshots, over made-up ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from textual.pilot import Pilot

from app.engine.house import House
from app.tui import demo_machines
from app.tui.demo_machines import DemoMachines, DemoSnapshots
from app.tui.replay import ReplayEngine
from app.tui.screens.works import WorkScreen
from backends.base import BackendError

Prepare = Callable[[Pilot[int], ReplayEngine], Awaitable[None]]
Until = Callable[[Pilot[int], Callable[[], bool]], Awaitable[None]]


def scenes(until: Until) -> Mapping[str, tuple[Prepare, Callable[[], House]]]:
    """Return the scenes by name: what brings the app there, and what makes the house.

    Args:
        until: Waits until something is true of the app.
    """

    def place(key: str, *keys: str, working: bool = False) -> Prepare:
        async def prepare(pilot: Pilot[int], engine: ReplayEngine) -> None:
            def looked() -> bool:
                screen = pilot.app.screen
                return isinstance(screen, WorkScreen) and not screen.looking and bool(screen.works) == working

            before = pilot.app.screen
            await pilot.press(key)
            await until(pilot, lambda: pilot.app.screen is not before)
            await pilot.pause()
            await pilot.press(*keys)
            await until(pilot, looked)

        return prepare

    def busy() -> House:
        house = demo_machines.house()
        assert isinstance(house.machines, DemoMachines)
        house.machines.gate = asyncio.Event()
        return house

    def failed() -> House:
        error = BackendError(
            "/home/ada/.local/state/vmbench cannot be read: Permission denied",
            remedy="see who owns it: ls -ld /home/ada/.local/state/vmbench",
        )
        machines, snapshots = DemoMachines(), DemoSnapshots()
        machines.errors["machines"] = snapshots.errors["lineage"] = error
        return House(machines=machines, snapshots=snapshots)

    def empty() -> House:
        return demo_machines.house(empty=True)

    return {
        "machines": (place("4", "space", "down", "down", "p", working=True), busy),
        "machines-empty": (place("4"), empty),
        "machines-failed": (place("4"), failed),
        "snapshots": (place("5", "down"), demo_machines.house),
        "snapshots-empty": (place("5"), empty),
    }
