"""Every view small and large, in the dark and in the light theme, from recorded and made-up things."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Input

from app.tui import places, theme
from app.tui.screenshots import NARROW, SCENES, WIDE, stage

SIZES = {"80x24": NARROW, "160x45": WIDE}
THEMES = {"dark": theme.DARK.name, "light": theme.LIGHT.name}
STATES = {
    "tests": ("empty", "tests-while-running", "tests-failed"),
    "run": ("run-empty", "run", "run-finished"),
    "terminals": ("terminals-empty", "terminals", "terminals-failed"),
    "machines": ("machines-empty", "machines", "machines-failed"),
    "snapshots": ("snapshots-empty", "snapshots-busy", "snapshots-failed"),
    "runs": ("runs-empty", "runs-busy", "runs-failed"),
    "images": ("images-empty", "images-building", "images-failed"),
    "latency": ("latency-empty", "latency-busy", "latency-failed"),
    "doctor": ("doctor-empty", "doctor-busy", "doctor-failed"),
    "settings": ("settings", "keys", "settings-failed"),
}
"""The scenes of every place: with nothing to show, at work, and failed."""

_drawn: dict[tuple[str, str], dict[str, str]] = {}
"""The last scene that was drawn, by its name and size: by theme."""


class Picture(App[str]):
    """An app whose picture was taken already."""

    def __init__(self, svg: str) -> None:
        super().__init__()
        self.svg = svg

    def run(self, **_options: object) -> str:
        return self.svg


async def draw(name: str, size: str) -> dict[str, str]:
    """Return a scene in both themes: from one app that changes them, but for dialogs, where nobody does."""
    pictures: dict[str, str] = {}
    # The first one is not the one that most people see: that is drawn after the change.
    left = ["light", "dark"] if size == "80x24" else ["dark", "light"]
    while left:
        with tempfile.TemporaryDirectory() as folder:
            app, engine = stage(SCENES[name], Path(folder), THEMES[left[0]])
            async with app.run_test(size=SIZES[size]) as pilot:
                await SCENES[name].prepare(pilot, engine)
                for each in left if not isinstance(app.screen, ModalScreen) else left[:1]:
                    app.theme = THEMES[each]
                    pictures[each] = await picture(pilot)
        left = [each for each in left if each not in pictures]
    return pictures


async def picture(pilot: Pilot[int]) -> str:
    """Return what is seen, as SVG, without what comes and goes by itself."""
    pilot.app.clear_notifications()
    for entry in pilot.app.screen.query(Input):
        entry.cursor_blink = False
    await pilot.pause()
    await pilot.wait_for_scheduled_animations()
    await pilot.pause()
    return pilot.app.export_screenshot(title=pilot.app.title, simplify=True)


# The theme changes fastest: both pictures come of one app.
@pytest.mark.parametrize("theme_name", THEMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SCENES)
async def test_scene(snap_compare, name, size, theme_name) -> None:
    if (name, size) not in _drawn:
        _drawn.clear()
        _drawn[name, size] = await draw(name, size)
    assert snap_compare(Picture(_drawn[name, size][theme_name]))


def test_every_place_is_drawn_empty_busy_and_failed() -> None:
    assert list(STATES) == [place for _key, place, _title in places.titles()]
    for scenes in STATES.values():
        assert len(set(scenes)) == 3 and set(scenes) <= set(SCENES)
