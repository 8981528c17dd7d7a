"""What the apps share: covered screens, the driver."""

from __future__ import annotations

from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from app.tui.base_app import BaseApp
from app.tui.screenshots import until


class Bottom(Screen):
    def compose(self):
        yield Static("before", id="text")


class Over(ModalScreen):
    CSS = "Over { background: $background 60%; }"


def shown(app) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def test_an_opaque_screen_is_not_painted_for_what_it_covers() -> None:
    app = BaseApp()
    async with app.run_test() as pilot:
        bottom = Bottom()
        await app.push_screen(bottom)
        top = Screen()
        await app.push_screen(top)
        await pilot.pause()
        assert not bottom.is_current
        bottom.query_one("#text", Static).update("after")
        await pilot.pause()
        await app.push_screen(Over())
        assert top.is_current and not bottom.is_current
        app.pop_screen()
        app.pop_screen()
        await until(pilot, lambda: app.screen is bottom and "after" in shown(app))
        await app.push_screen(Over())
        assert bottom.is_current
