"""The line of keys: what it shows, and that it is made anew only when that differs."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Input, Static
from textual.widgets._footer import FooterKey

from app.tui import theme
from app.tui.widgets.key_footer import KeyFooter
from tests.waiting import until


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

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(theme.DARK)
        self.theme = theme.DARK.name

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

        await until(lambda: named() == ["Zoom"], "the app's key")
        before = keys()
        await pilot.press("tab")
        assert app.focused is app.query_one("#two")
        await pilot.pause()
        assert keys() == before, "the same keys are not made anew"
        await pilot.press("tab")
        await until(lambda: named() == ["Greet", "Say", "Zoom"], "the keys of what is focused")
        await until(lambda: keys()[0].region, "their places")
        assert await pilot.click(keys()[0])
        await until(lambda: app.query_one(Greeter).greeted == 1, "what the click does")
