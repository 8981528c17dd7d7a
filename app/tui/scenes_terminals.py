"""Scenes of terminals, in their own place and beside the consoles of a run, and of a zoomed pane."""

from __future__ import annotations

from textual.pilot import Pilot

from app.tui import demo_terminals
from app.tui.replay import ReplayEngine
from app.tui.screens.run import RunScreen
from app.tui.screens.terminal import TerminalScreen
from app.tui.screenshots import SCENES, Scene, until, workbench_of
from app.tui.terminal.pane import TerminalPane
from app.tui.widgets.timeline import Timeline

OTTER = "calm-otter"
PREFIX = "ctrl+g"


def _reads(pane: TerminalPane, text: str, times: int = 1) -> bool:
    rows = "\n".join(pane.render_line(y).text for y in range(pane.size.height))
    return rows.count(text) >= times


async def _type(pilot: Pilot[int], text: str) -> None:
    keys = {" ": "space", "/": "slash", "-": "minus"}
    await pilot.press(*(keys.get(char, char) for char in text), "enter")


async def _terminals(pilot: Pilot[int], engine: ReplayEngine) -> None:
    app = workbench_of(pilot)
    engine.machines[OTTER] = demo_terminals.guest(OTTER)
    await until(pilot, lambda: app.rows.registry is not None)
    app.doors.open_terminal(OTTER)
    await until(pilot, lambda: isinstance(app.screen, TerminalScreen))
    screen = app.screen
    assert isinstance(screen, TerminalScreen)

    async def ready(count: int) -> None:
        await until(pilot, lambda: len(screen.panes) == count and _reads(screen.panes[-1], "~#"))

    await ready(1)
    await _type(pilot, "ls --color /srv")
    await until(pilot, lambda: _reads(screen.panes[0], "~#", 2))
    await pilot.press(PREFIX, "percent_sign")
    await ready(2)
    await pilot.press(PREFIX, "quotation_mark")
    await ready(3)
    # Two of the three are typed into at once.
    await pilot.press(PREFIX, "B", PREFIX, "up", PREFIX, "B")
    await _type(pilot, "uptime")
    await until(pilot, lambda: all(_reads(pane, "up 12 min") for pane in screen.panes[1:]))


async def _beside_consoles(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await SCENES["run-finished"].prepare(pilot, engine)
    run = workbench_of(pilot).screen
    assert isinstance(run, RunScreen)
    test = run.run_list.current
    assert test is not None and test.kept is not None
    engine.machines[test.kept.machine] = demo_terminals.guest(test.kept.machine)
    await pilot.press("vertical_line")
    await until(pilot, lambda: bool(run.room.panes) and _reads(run.room.panes[0], "~#"))
    await _type(pilot, "cat /tmp/body")
    await until(pilot, lambda: _reads(run.room.panes[0], "~#", 2))
    workbench_of(pilot).clear_notifications()
    await until(pilot, lambda: run.console.settled)


async def _zoomed(pilot: Pilot[int], engine: ReplayEngine) -> None:
    await SCENES["run-finished"].prepare(pilot, engine)
    app = workbench_of(pilot)
    await pilot.press("tab")
    await until(pilot, lambda: isinstance(app.focused, Timeline))
    await pilot.press("z")
    await until(pilot, lambda: app.focused is not None and app.focused.outer_size.width == app.size.width)


TERMINALS = {
    "terminals": Scene(_terminals),
    "run-terminal": Scene(_beside_consoles),
    "run-zoomed": Scene(_zoomed),
}
