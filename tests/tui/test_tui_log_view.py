"""The console pane over files that grow, flood, shrink and go away."""

from __future__ import annotations

from contextlib import asynccontextmanager

from textual.app import App
from textual.geometry import Offset
from textual.selection import Selection

from app.logs.match import Pattern
from app.tui import theme
from app.tui.screenshots import until
from app.tui.widgets.log_paint import CUT
from app.tui.widgets.log_view import LogView


class LogApp(App[None]):
    CSS = "Screen { layout: vertical; } LogView { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.animation_level = "none"
        self.said: list[str] = []
        self.register_theme(theme.DARK)
        self.theme = theme.DARK.name

    def compose(self):
        yield LogView(empty="nothing yet", id="log")

    def on_log_view_status(self, event: LogView.Status) -> None:
        self.said.append(event.text)


@asynccontextmanager
async def opened(path=None, size=(40, 10)):
    app = LogApp()
    async with app.run_test(size=size) as pilot:
        view = app.query_one(LogView)
        view.focus()
        if path is not None:
            view.attach(path)
        await pilot.pause()
        yield app, view, pilot


def drawn(view: LogView) -> list[str]:
    return [view.render_line(y).text.rstrip() for y in range(view.view.height)]


def append(path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def numbered(first: int, last: int) -> str:
    return "".join(f"line {n}\n" for n in range(first, last))


async def test_it_says_what_it_waits_for_and_then_shows_it(tmp_path) -> None:
    path = tmp_path / "log"
    async with opened(path) as (_app, view, pilot):
        assert drawn(view)[0] == "nothing yet"
        path.write_text("hello\n")
        await until(pilot, lambda: view.line_count == 1)
        assert drawn(view)[0] == "hello"


async def test_it_follows_the_end(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text(numbered(0, 50))
    async with opened(path) as (_app, view, pilot):
        await until(pilot, lambda: view.line_count == 50)
        assert drawn(view)[-1] == "line 49"
        append(path, numbered(50, 80))
        await until(pilot, lambda: view.line_count == 80)
        assert drawn(view)[-1] == "line 79"


async def test_scrolling_up_pauses_and_end_resumes(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text(numbered(0, 50))
    async with opened(path) as (app, view, pilot):
        await until(pilot, lambda: view.line_count == 50)
        await pilot.press("up")
        assert not view.following
        before = drawn(view)
        append(path, numbered(50, 80))
        await until(pilot, lambda: view.line_count == 80)
        assert drawn(view) == before
        await until(pilot, lambda: bool(app.said) and "30 new lines" in app.said[-1])
        await pilot.press("end")
        assert view.following and drawn(view)[-1] == "line 79"
        append(path, "more\n")
        await until(pilot, lambda: drawn(view)[-1] == "more")


async def test_the_wheel_pauses_too(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text(numbered(0, 50))
    async with opened(path) as (_app, view, pilot):
        await until(pilot, lambda: view.line_count == 50)
        view._on_mouse_scroll_up(_wheel(view))
        await pilot.pause()
        assert not view.following


def _wheel(view: LogView):
    from textual.events import MouseScrollUp

    return MouseScrollUp(view, 1, 1, 0, -1, 0, False, False, False)


async def test_a_smaller_pane_stays_at_the_end(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text(numbered(0, 50))
    async with opened(path, size=(40, 20)) as (_app, view, pilot):
        await until(pilot, lambda: view.line_count == 50)
        await pilot.resize_terminal(40, 8)
        await pilot.pause()
        assert view.following and drawn(view)[-1] == "line 49"
        await pilot.resize_terminal(40, 30)
        await pilot.pause()
        assert view.following and drawn(view)[-1] == "line 49"


async def test_an_unfinished_line_grows(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text("login: ")
    async with opened(path) as (_app, view, pilot):
        await until(pilot, lambda: view.line_count == 1)
        assert drawn(view)[0] == "login:"
        append(path, "root")
        await until(pilot, lambda: drawn(view)[0] == "login: root")


async def test_a_truncated_file_is_shown_anew(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text(numbered(0, 50))
    async with opened(path) as (_app, view, pilot):
        await until(pilot, lambda: view.line_count == 50)
        path.write_text("again\n")
        await until(pilot, lambda: view.line_count == 1)
        assert drawn(view)[0] == "again"
        assert view.following


async def test_a_deleted_file_stays_on_screen(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text(numbered(0, 5))
    async with opened(path) as (_app, view, pilot):
        await until(pilot, lambda: view.line_count == 5)
        path.unlink()
        await pilot.pause(0.3)
        assert drawn(view)[0] == "line 0"


async def test_long_lines_scroll_sideways(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text("0123456789" * 20 + "\n")
    async with opened(path) as (_app, view, pilot):
        await until(pilot, lambda: view.line_count == 1 and view.virtual_size.width == 200)
        await pilot.press("right")
        assert drawn(view)[0].startswith("890123")
        await pilot.press("left")
        assert drawn(view)[0].startswith("0123")
        assert drawn(view)[0].endswith(CUT)
        await pilot.press(*["right"] * 30)
        assert drawn(view)[0].endswith("89")


async def test_searching_counts_hits_and_goes_through_them(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"{'Needle needle' if n % 20 == 5 else 'hay'} {n}\n" for n in range(100)))
    async with opened(path) as (app, view, pilot):
        await until(pilot, lambda: view.line_count == 100)
        view.search(Pattern("needle"))
        await until(pilot, lambda: view.finder is not None and view.finder.count == 5)
        await until(pilot, lambda: "5 lines" in app.said[-1])
        assert not view.following
        view.go_to_hit(1)
        first = view.hit
        view.go_to_hit(1)
        assert view.hit != first
        view.go_to_hit(-1)
        assert view.hit == first
        assert any("Needle needle" in line for line in drawn(view))
        append(path, "needle again\n")
        await until(pilot, lambda: view.finder.count == 6)
        view.search(None)
        await until(pilot, lambda: "needle" not in app.said[-1])


async def test_a_text_that_is_not_there(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text("hay\n")
    async with opened(path) as (app, view, pilot):
        view.search(Pattern("[needle]"))
        await until(pilot, lambda: bool(app.said) and "not found" in app.said[-1])
        assert not view.go_to_hit(1)


async def test_selected_text_is_what_is_seen(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text("one \x1b[31mred\x1b[0m line\nsecond line\nthird\n")
    async with opened(path) as (_app, view, pilot):
        await until(pilot, lambda: view.line_count == 3)
        selection = Selection(Offset(4, 0), Offset(6, 1))
        assert view.get_selection(selection) == ("red line\nsecond", "\n")
        assert view.get_selection(Selection(None, None)) == ("one red line\nsecond line\nthird", "\n")


async def test_text_is_selected_by_dragging(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text("one two three\nsecond line\n")
    async with opened(path) as (app, view, pilot):
        await until(pilot, lambda: view.line_count == 2)
        await pilot.mouse_down(view, offset=(4, 0))
        await pilot.hover(view, offset=(6, 0))
        await pilot.mouse_up(view, offset=(6, 0))
        assert app.screen.get_selected_text() == "two"


async def test_a_flood_never_holds_the_keys_up(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text("")
    line = "the guest prints \x1b[33mvery\x1b[0m many lines like this one\n"
    async with opened(path) as (_app, view, pilot):
        written = 0
        for _ in range(20):
            append(path, line * 5000)
            written += 5000
            await pilot.pause(0.01)
        await pilot.press("home")
        assert not view.following
        await until(pilot, lambda: view.line_count == written)
        assert drawn(view)[0].startswith("the guest prints very many")
        assert len(view._painter) <= 2048
        await pilot.press("end")
        assert view.following


async def test_another_file_begins_at_its_end(tmp_path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text(numbered(0, 50))
    second.write_text("other\n" * 30 + "end\n")
    async with opened(first) as (_app, view, pilot):
        await until(pilot, lambda: view.line_count == 50)
        await pilot.press("up")
        view.attach(second)
        await until(pilot, lambda: view.line_count == 31)
        assert view.following and drawn(view)[-1] == "end"
        view.attach(None)
        await pilot.pause()
        assert view.line_count == 0 and drawn(view)[0] == "nothing yet"
