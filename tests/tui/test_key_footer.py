"""The line of keys: what it shows, and that it is made anew only when that differs."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Input, Static
from textual.widgets._footer import FooterKey

from app.tui.widgets.key_footer import KeyFooter


class Plain(Static, can_focus=True):
    pass


class Greeter(Static, can_focus=True):
    BINDINGS = [("g", "greet", "Greet"), ("s", "say('x')", "Say")]
    greeted = 0

    def action_greet(self) -> None:
        self.greeted += 1


class Host(App[None]):
    BINDINGS = [("z", "zoom", "Zoom")]
    ENABLE_COMMAND_PALETTE = False

    def compose(self) -> ComposeResult:
        yield Plain(id="one")
        yield Plain(id="two")
        yield Greeter(id="greeter")
        yield Input()
        yield KeyFooter()

    def action_zoom(self) -> None: ...


async def test_the_keys_of_the_focused_widget_are_shown_and_clicked() -> None:
    async with Host().run_test(size=(60, 12)) as pilot:
        app = pilot.app

        def keys() -> list[FooterKey]:
            return list(app.query(FooterKey))

        def named() -> list[str]:
            return [key.description for key in keys()]

        await pilot.pause()
        assert named() == ["Zoom"]
        before = keys()
        await pilot.press("tab")
        assert app.focused is app.query_one("#two")
        await pilot.pause()
        assert keys() == before, "the same keys are not made anew"
        await pilot.press("tab")
        await pilot.pause()
        assert named() == ["Greet", "Say", "Zoom"]
        assert await pilot.click(keys()[0])
        await pilot.pause()
        assert app.query_one(Greeter).greeted == 1
