"""Keys that many places share, on each of them; and keys that no story of another test needs."""

from __future__ import annotations

import json
import tomllib

from textual.command import CommandPalette
from textual.widgets import Button, OptionList

from app.engine.recorded import RecordedCommand
from app.tui import keymap, places
from app.tui.layout import PanedScreen
from app.tui.screens.consoles import ConsolesScreen
from app.tui.screens.dialogs import Confirm, Help
from app.tui.screens.guide import Guide
from app.tui.screens.keys import Press
from app.tui.screens.log_dialogs import Marks
from app.tui.screens.new_test import NewTestScreen
from app.tui.screens.output import OutputScreen
from app.tui.screens.past_run import PastRunScreen
from app.tui.screens.replay import ReplayScreen
from app.tui.screens.terminal import TerminalScreen
from app.tui.screens.tests import TestsScreen
from app.tui.screenshots import until
from app.tui.terminal.cast_file import read_cast
from app.tui.widgets.keys_text import KeysText
from app.tui.widgets.line_list import LineList
from app.tui.widgets.log_view import LogView
from app.tui.widgets.still import TextPane
from registry.location import Kind, Location
from tests.tui.test_terminal_sources import Bench
from tests.tui.test_tui_faults_everywhere import DIALOGS, opened, place
from tests.tui.test_tui_settings import on_setting
from tests.tui.test_tui_settings import opened as with_settings


async def rows_are_gone_through(app, pilot, rows: LineList) -> None:
    """Every key that moves the cursor, and back."""
    app.screen.set_focus(rows)
    await pilot.press("g")
    top = rows.cursor
    for there, back in (
        ("down", "up"),
        ("j", "k"),
        ("pagedown", "pageup"),
        ("ctrl+f", "ctrl+b"),
        ("ctrl+d", "ctrl+u"),
        ("end", "home"),
        ("G", "g"),
    ):
        await pilot.press(there)
        assert rows.cursor > top, there
        await pilot.press(back)
        assert rows.cursor == top, back


async def panes_are_changed(app, pilot, screen: PanedScreen) -> None:
    """The whole screen and back, closed and opened, each by its number."""
    count = len([pane for pane in screen.panes if pane.display])
    for number in range(1, 10):
        app.clear_notifications()
        await pilot.press(f"alt+{number}")
        if number <= len(screen.panes):
            await pilot.pause()
        else:
            assert [n.message for n in app._notifications] == [f"There is no pane {number} here."]
    await pilot.press("alt+1")
    await pilot.press("z")
    await until(pilot, lambda: bool(screen.zoomed))
    await pilot.press("z")
    await until(pilot, lambda: not screen.zoomed)
    await pilot.press("underscore")
    closed = set(screen.panes_layout.closed & set(screen.PANES))
    await pilot.press("underscore" if closed else "equals_sign")
    for keys in (("less_than_sign", "greater_than_sign"), ("left_curly_bracket", "right_curly_bracket")):
        before = dict(screen.panes_layout.shares)
        await pilot.press(keys[0])
        if (moved := dict(screen.panes_layout.shares)) != before:
            await pilot.press(keys[1])
            assert screen.panes_layout.shares != moved
    await pilot.press("equals_sign")
    assert not any(split.id in share for split in screen.SPLITS for share in screen.panes_layout.shares)
    await until(pilot, lambda: len([pane for pane in screen.panes if pane.display]) == count)


async def test_keys_that_places_share_do_the_same_on_each(tmp_path) -> None:
    async with opened(tmp_path) as (app, pilot):
        for name in DIALOGS:
            await place(app, pilot, name)
            screen = app.screen
            for rows in screen.query(LineList):
                if rows.count > 2 and rows.display and rows.region.area:
                    await rows_are_gone_through(app, pilot, rows)
            if isinstance(screen, PanedScreen):
                await panes_are_changed(app, pilot, screen)
            await pilot.press("question_mark")
            await until(pilot, lambda: isinstance(app.screen, Help))
            assert app.screen._title == screen.NAME and screen.PURPOSE
            if name == places.TESTS:
                await text_is_gone_through(pilot, app.screen.query_one(KeysText))
            await pilot.press("q")
            await until(pilot, lambda screen=screen: app.screen is screen)
            await pilot.press("f1")
            await until(pilot, lambda: isinstance(app.screen, Guide))
            await pilot.press("escape")
            await until(pilot, lambda screen=screen: app.screen is screen)
            before = app.theme
            await pilot.press("t")
            await until(pilot, lambda before=before: app.theme != before)
            await pilot.press("t")
            await until(pilot, lambda before=before: app.theme == before)
            await pilot.press("ctrl+p")
            await until(pilot, lambda: isinstance(app.screen, CommandPalette))
            await pilot.press("escape")
            await until(pilot, lambda screen=screen: app.screen is screen)
            # The palette knows what the keys do here, or why they do not.
            offered = {command.title: command for command in app.get_system_commands(screen)}
            for scope in screen.SCOPE.split():
                for key in keymap.SCOPES[scope]:
                    action = key.action.partition("(")[0]
                    if key.help and action != "back" and screen.check_action(action, ()) is not False:
                        found = [t for t in offered if t.startswith(f"{key.label.capitalize()} (")]
                        assert found, (name, key.id)
                        reason = screen.reason_against(action)
                        assert not reason or any(offered[t].help == reason for t in found), (name, key.id)
        for digit, name, _title in reversed(places.titles()):
            await pilot.press(digit)
            await until(pilot, lambda name=name: app.place == name)


async def text_is_gone_through(pilot, view: TextPane | LogView) -> None:
    await pilot.press("home")
    await until(pilot, lambda: view.scroll_y == 0)
    pages = (("pagedown", "pageup"), ("ctrl+f", "ctrl+b"), ("ctrl+d", "ctrl+u"))
    for there, back in (("down", "up"), ("j", "k"), *pages):
        await pilot.press(there)
        await until(pilot, lambda: view.scroll_y > 0)
        await pilot.press(back)
        await until(pilot, lambda: view.scroll_y == 0)
    await pilot.press("end")
    await until(pilot, lambda: view.scroll_y == view.max_scroll_y > 0)


async def hits_are_gone_through(app, pilot, view: LogView, text: str) -> None:
    """Search, then the hit after and the one before."""
    await pilot.press("slash", *text, "enter", "n")
    await until(pilot, lambda: view.hit is not None)
    first = view.hit
    await pilot.press("N")
    await until(pilot, lambda: view.hit != first)
    await pilot.press("n")
    await until(pilot, lambda: view.hit == first)
    await pilot.press("escape")


async def test_logs_of_a_run_by_every_key(tmp_path) -> None:
    async with opened(tmp_path) as (app, pilot):
        screen, engine = app.screen, app.engine
        await until(pilot, lambda: screen.console.line_count > 0 and screen.console.settled)
        following = screen.console.following
        await pilot.press("F")
        assert screen.console.following is not following
        await pilot.press("F")
        await hits_are_gone_through(app, pilot, screen.console, "gateway")
        # Entries lead to their list by arrows, and are cleared by one key.
        await pilot.press("1", "slash", *"net", "down")
        await until(pilot, lambda: app.focused is app.tests_screen.test_list)
        assert app.rows.filter == "net"
        await pilot.press("slash", "escape")
        assert not app.rows.filter
        await pilot.press("2")
        await until(pilot, lambda: app.screen is screen)

        await pilot.press("M")
        await until(pilot, lambda: isinstance(app.screen, ConsolesScreen))
        merged = app.screen.view
        await until(pilot, lambda: merged.line_count > 0 and merged.settled)
        await pilot.resize_terminal(100, 16)
        await until(pilot, lambda: merged.max_scroll_y > 0)
        await text_is_gone_through(pilot, merged)
        assert merged.following
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, Marks))
        marks = app.screen.query_one(OptionList)
        await pilot.press("home")
        await pilot.press("j")
        await until(pilot, lambda: marks.highlighted == 1)
        await pilot.press("k")
        await until(pilot, lambda: marks.highlighted == 0)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Marks))
        await hits_are_gone_through(app, pilot, merged, "gateway")
        await pilot.press("y")
        assert "gateway" in app.clipboard
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)

        test = screen.run_list.current
        assert test is not None and test.result is not None
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, OutputScreen))
        output = app.screen.view
        await until(pilot, lambda: output.line_count > 0)
        await pilot.press("slash", *"body", "enter")
        await pilot.press("n")
        await until(pilot, lambda: output.hit == 0)
        await pilot.press("N")
        await until(pilot, lambda: output.hit == 0 and "1 of 1" in str(output.border_title))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.screen is screen)

        # A dialog's buttons are gone through by arrows and letters; the first one loses nothing.
        await pilot.press("6", "d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        for key, focused in (("right", "yes"), ("left", "no"), ("l", "yes"), ("h", "no")):
            await pilot.press(key)
            await until(pilot, lambda focused=focused: app.focused.id == focused)
        assert isinstance(app.focused, Button)
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, Confirm))
        await pilot.press("home", "enter")
        await until(pilot, lambda: isinstance(app.screen, PastRunScreen) and app.screen.past.over)
        past = app.screen.past
        await pilot.press("shift+left")
        await until(pilot, lambda: not past.at_end)
        assert round(past.length - past.at, 6) == 1.0
        await pilot.press("shift+left")
        await until(pilot, lambda: round(past.length - past.at, 6) == 2.0)
        await pilot.press("shift+right", "shift+right")
        await until(pilot, lambda: past.at_end)

        # What is over runs again without its set-up.
        await pilot.press("2", "W")
        await until(pilot, lambda: len(engine.started) == 2)
        assert (engine.started[1].names, engine.started[1].retest) == ((test.name,), True)


async def test_snapshots_by_the_rest_of_their_keys(tmp_path) -> None:
    async with opened(tmp_path) as (app, pilot):
        await place(app, pilot, "snapshots")
        shown = app.screen
        await pilot.press("down", "down", "space", "y")
        assert app.clipboard == f"vmbench snapshot fork {shown.selected_id()}" and shown.snapshot_list.marked
        await pilot.press("u")
        assert not shown.snapshot_list.marked


async def test_settings_and_keys_by_the_rest_of_their_keys(tmp_path) -> None:
    async with with_settings(tmp_path) as (app, desk, pilot):
        await on_setting(app, pilot, "ui.theme")
        settings = app.screen
        await pilot.press("y")
        assert tomllib.loads(app.clipboard) == {"ui": {"theme": settings.rows_list.current.value}}
        await on_setting(app, pilot, "ui.notify_after")
        await pilot.press("y")
        assert app.clipboard == f"ui.notify_after = {desk.settings().ui.notify_after}"
        await pilot.press("K")
        await until(pilot, lambda: app.screen is not settings)
        keys = app.screen
        await pilot.press("slash", *"app.guide", "enter")
        await until(pilot, lambda: keys.rows_list.count == 1)
        await pilot.press("plus")
        await until(pilot, lambda: isinstance(app.screen, Press))
        await pilot.press("f7")
        await until(pilot, lambda: app.key_changes.get("app.guide") == "f1,f7")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.screen is settings)
        await pilot.press("f7")
        await until(pilot, lambda: isinstance(app.screen, Guide))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is settings)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TestsScreen))


async def test_terminals_are_gone_through_and_a_new_test_is_left(tmp_path) -> None:
    app = Bench()
    async with app.run_test(size=(120, 30)) as pilot:
        await until(
            pilot, lambda: isinstance(app.screen, TerminalScreen) and bool(app.screen.panes[0].source)
        )
        screen = app.screen
        await pilot.press("ctrl+g", "percent_sign")
        await until(pilot, lambda: len(screen.panes) == 2 and screen.panes[1].has_focus)
        first = screen.panes[0]
        await pilot.press("ctrl+g", "shift+tab")
        await until(pilot, lambda: first.has_focus)
        width = first.outer_size.width
        await pilot.press("ctrl+g", "greater_than_sign")
        await until(pilot, lambda: first.outer_size.width > width)
        await pilot.press("ctrl+g", "less_than_sign")
        await until(pilot, lambda: first.outer_size.width == width)
        review = NewTestScreen([RecordedCommand(text="true")], Location(kind=Kind.REGISTRY, root=tmp_path))
        await app.push_screen(review)
        await pilot.press(*"unsaved", "escape")
        await until(pilot, lambda: app.screen is screen)
        assert not review.saved and not list(tmp_path.iterdir())


async def test_a_recording_is_gone_through_by_every_key(tmp_path) -> None:
    lines = [{"version": 3, "term": {"cols": 40, "rows": 5}}]
    lines += [[4.0, "o", f"line {n}\r\n"] for n in range(10)]
    lines += [[0.0, "m", "the middle"], [20.0, "o", "the end"]]
    file = tmp_path / "a.cast"
    file.write_text("\n".join(map(json.dumps, lines)))
    async with opened(tmp_path) as (app, pilot):
        screen = ReplayScreen(read_cast(file))
        await app.push_screen(screen)
        await pilot.press("space", "home")
        await until(pilot, lambda: not screen.pace.playing and screen.player.time == 0.0)
        await pilot.press("right", "right")
        await until(pilot, lambda: 10.0 <= screen.player.time < 11.0)
        await pilot.press("left")
        await until(pilot, lambda: 5.0 <= screen.player.time < 6.0)
        speed = screen.pace.speed
        await pilot.press("up")
        assert screen.pace.speed > speed
        await pilot.press("down")
        assert screen.pace.speed == speed
        await pilot.press("end")
        await until(pilot, lambda: screen.player.time == 60.0)
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: screen.player.time == 40.0)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen)
