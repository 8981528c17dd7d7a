"""The bar of places names them in full where there is room for all, and never cuts one off."""

from __future__ import annotations

from app.tui import demo, places
from app.tui.app import Workbench
from app.tui.replay import ReplayEngine
from app.tui.screenshots import until
from app.tui.widgets.places_bar import PlacesBar


def named(*, short: bool) -> str:
    return "  ".join(f"{key} {title}" for key, _, title in places.titles(short=short))


async def test_places_are_named_as_there_is_room_and_none_is_cut_off() -> None:
    full = len(named(short=False)) + 2  # an empty column at each side
    app = Workbench(ReplayEngine(demo.registry()))
    async with app.run_test(size=(80, 24)) as pilot:
        bar = app.screen.query_one(PlacesBar)
        for width, short in [(80, True), (100, True), (full - 1, True), (full, False), (160, False)]:
            await pilot.resize_terminal(width, 24)
            expected = named(short=short)
            await until(pilot, lambda w=width, text=expected: bar.size.width == w - 2 and _line(bar) == text)


def _line(bar: PlacesBar) -> str:
    return bar.render_line(0).text.strip()
