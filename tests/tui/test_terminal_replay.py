"""Recordings in the workbench."""

from __future__ import annotations

import json

from app.tui import demo
from app.tui.app import Workbench
from app.tui.replay import ReplayEngine
from app.tui.screens.choices import Choose
from app.tui.screens.replay import ReplayScreen, ReplayView
from app.tui.screenshots import until
from app.tui.terminals import TerminalOptions


def text(screen: ReplayScreen) -> str:
    view = screen.query_one(ReplayView)
    return "\n".join(view.render_line(y).text.rstrip() for y in range(view.size.height))


async def test_a_recording_is_found_played_and_sought_in(tmp_path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    filler = [[0.0, "o", f"\x1b[32mline {n}\x1b[0m of many\r\n" * 20] for n in range(2000)]
    events = [
        [0.0, "o", "hello"],
        [60.0, "m", "the flood"],
        *filler,
        [60.0, "m", "the end"],
        [1.0, "o", "bye"],
    ]
    head = {"version": 3, "term": {"cols": 60, "rows": 10}, "title": "a test"}
    (folder / "a.cast").write_text("\n".join(json.dumps(line) for line in [head, *events]) + "\nbroken")
    engine = ReplayEngine(demo.registry(), record=demo.record(tmp_path), folder=tmp_path, released=0)
    app = Workbench(engine, terminals=TerminalOptions(recordings=folder))
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        await app.run_action("app.recordings")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen))
        screen = app.screen
        assert isinstance(screen, ReplayScreen)
        await until(pilot, lambda: text(screen).startswith("hello"))
        await pilot.press("space", "right_square_bracket", "right_square_bracket")
        await until(pilot, lambda: "line 1999" in text(screen))
        assert screen.player.time == 120.0 and not screen.pace.playing
        await pilot.press("full_stop")
        await until(pilot, lambda: "bye" in text(screen))
        await pilot.press("home")
        await until(pilot, lambda: text(screen).startswith("hello") and "line" not in text(screen))
        # The list of markers leads there too, and so does the slider.
        await pilot.press("tab", "down", "enter")
        await until(pilot, lambda: screen.player.time == 60.0)
        await pilot.click("Slider", offset=(119, 0))
        await until(pilot, lambda: "bye" in text(screen))
        await pilot.press("tab", "escape")
        await until(pilot, lambda: not isinstance(app.screen, ReplayScreen))
