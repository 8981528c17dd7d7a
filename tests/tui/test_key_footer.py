"""The line of keys: what it shows, and that it is made anew only when that differs."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Input, Static

from app.tui import theme
from app.tui.widgets.key_footer import KeyFooter, KeyLine
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
        line = app.query_one(KeyLine)

        def named() -> list[str]:
            return [key.description for key in line.keys]

        await until(lambda: named() == ["Zoom"], "the app's key")
        before = line.keys
        await pilot.press("tab")
        assert app.focused is app.query_one("#two")
        await pilot.pause()
        assert line.keys is before, "the same keys are not named anew"
        await pilot.press("tab")
        await until(lambda: named() == ["Greet", "Say", "Zoom"], "the keys of what is focused")
        await until(lambda: line.region, "its place")
        assert line.render().plain == " g Greet  s Say  z Zoom "
        await until(lambda: "Greet" in "".join(s.text for s in line.render_line(0)), "its paint")
        await pilot.hover(line, offset=(2, 0))
        await pilot.click(line, offset=(2, 0))
        await until(lambda: app.query_one(Greeter).greeted == 1, "what the click does")
        await pilot.click(line, offset=(50, 0))
        assert app.query_one(Greeter).greeted == 1, "beside the keys there is nothing to press"


async def test_where_there_is_little_room_whole_keys_are_left_out_and_help_stays() -> None:
    class Helped(Host):
        BINDINGS = [("question_mark", "help", "Help")]

    async with Helped().run_test(size=(60, 12)) as pilot:
        line = pilot.app.query_one(KeyLine)
        pilot.app.query_one(Greeter).focus()
        await until(lambda: line.render().plain.split() == "g Greet s Say z Zoom ? Help".split(), "all")
        await pilot.resize_terminal(20, 12)
        await until(lambda: line.render().plain.split() == "g Greet ? Help".split(), "what fits")
        await pilot.click(line, offset=(1, 0))
        await until(lambda: pilot.app.query_one(Greeter).greeted == 1, "what the click does")
        await pilot.resize_terminal(5, 12)
        await until(lambda: line.render().plain.split() == "? Help".split(), "the help")


async def test_what_cannot_be_done_now_is_dim_and_only_rings() -> None:
    class Refusing(Host):
        rung = 0
        zoomed = 0

        def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
            return None if action == "zoom" else True

        def bell(self) -> None:
            self.rung += 1

        def action_zoom(self) -> None:
            self.zoomed += 1

    async with Refusing().run_test(size=(60, 12)) as pilot:
        app = pilot.app
        assert isinstance(app, Refusing)
        line = app.query_one(KeyLine)
        await until(lambda: [key.enabled for key in line.keys] == [False], "the app's key")
        assert all(span.style.dim for span in line.render().spans if not isinstance(span.style, str))
        await until(lambda: line.region, "its place")
        await pilot.click(line, offset=(2, 0))
        await until(lambda: app.rung == 1, "the bell")
        assert not app.zoomed
