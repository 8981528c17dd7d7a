"""Every view small and dark, and large and light, from the recorded run."""

from __future__ import annotations

import pytest

from app.tui import theme
from app.tui.screenshots import NARROW, SCENES, WIDE, stage


@pytest.mark.parametrize(
    ("size", "theme_name"),
    [(NARROW, theme.DARK.name), (WIDE, theme.LIGHT.name)],
    ids=["80x24-dark", "160x45-light"],
)
@pytest.mark.parametrize("name", SCENES)
def test_scene(snap_compare, tmp_path, name, size, theme_name) -> None:
    scene = SCENES[name]
    app, engine = stage(scene, tmp_path, theme_name)

    async def prepare(pilot) -> None:
        await scene.prepare(pilot, engine)
        pilot.app.clear_notifications()

    assert snap_compare(app, terminal_size=size, run_before=prepare)
