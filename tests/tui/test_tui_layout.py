"""Panes that are moved, closed and jumped to, and a workbench that begins where it was left."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

from textual.content import Content

from app.settings import Settings, UiSettings
from app.tui import demo, theme
from app.tui.app import Workbench
from app.tui.clock import Clock
from app.tui.memory import Memory, read_memory, write_memory
from app.tui.replay import ReplayEngine
from app.tui.screens.commands import CommandsScreen
from app.tui.screens.jump import Jump
from app.tui.screens.run import RunScreen
from app.tui.screenshots import WIDE, until
from app.tui.test_rows import Grouping, Sort
from backends.commands import noted


@asynccontextmanager
async def opened(tmp_path, *, size=WIDE, memory=None, restore=True):
    engine = ReplayEngine(
        demo.registry(),
        results=demo.results(),
        record=demo.record(tmp_path / "run"),
        folder=tmp_path / "run",
        released=None,
    )
    app = Workbench(
        engine,
        clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH),
        memory=memory,
        settings=Settings(ui=UiSettings(restore=restore)),
    )
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        yield app, pilot


async def test_panes_are_moved_by_keys_and_by_the_mouse(tmp_path) -> None:
    async with opened(tmp_path) as (app, pilot):
        tests, details = app.screen.query_one("#tests"), app.screen.query_one("#details")
        before = tests.outer_size.width
        await pilot.press("less_than_sign", "less_than_sign")
        await until(pilot, lambda: tests.outer_size.width < before - 10)
        await pilot.press("greater_than_sign")
        narrow = tests.outer_size.width
        # The rule is the left edge of the details.
        await pilot.mouse_down(details, offset=(0, 10))
        await pilot.hover("#panes", offset=(120, 10))
        await until(pilot, lambda: tests.outer_size.width == 120)
        await pilot.mouse_up("#panes", offset=(120, 10))
        await pilot.hover("#panes", offset=(60, 12))
        assert tests.outer_size.width == 120 > narrow
        await pilot.press("equals_sign")
        await until(pilot, lambda: tests.outer_size.width == before)
        app.screen.set_focus(tests)
        await pilot.press("underscore")
        await until(pilot, lambda: not tests.display and app.focused is details)
        assert details.outer_size.width == WIDE[0]
        await pilot.press("underscore")
        await until(pilot, lambda: tests.display and tests.outer_size.width == before)
        # Where there is no room the panes are above each other, and the rule is another one.
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: details.outer_size == (80, 8))
        await pilot.press("1", "right_curly_bracket")
        await pilot.resize_terminal(20, 5)
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: tests.outer_size.width == before)


async def test_a_run_has_two_rules_and_jumps(tmp_path) -> None:
    async with opened(tmp_path) as (app, pilot):
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.run_list.count > 3)
        screen = app.screen
        before = screen.console.outer_size
        screen.set_focus(screen.console)
        await pilot.press("left_curly_bracket")
        await until(pilot, lambda: screen.console.outer_size.height < before.height)
        await pilot.press("greater_than_sign")
        await until(pilot, lambda: screen.console.outer_size.width > before.width)
        await pilot.press("semicolon")
        await until(pilot, lambda: isinstance(app.screen, Jump))
        assert {"1", "2", "3", "a"} <= set(app.screen.targets)
        await pilot.press("1")
        await until(pilot, lambda: app.screen is screen and app.focused is screen.run_list)
        await pilot.press("semicolon")
        await until(pilot, lambda: isinstance(app.screen, Jump))
        await pilot.press("c")
        await until(pilot, lambda: app.screen is screen and screen.run_list.cursor == 2)
        await pilot.press("semicolon")
        await until(pilot, lambda: isinstance(app.screen, Jump))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen and screen.run_list.cursor == 2)


async def test_letters_move_as_arrows_do_and_groups_fold(tmp_path) -> None:
    async with opened(tmp_path) as (app, pilot):
        rows = app.tests_screen.test_list
        await pilot.press("g", "j", "j")
        assert rows.cursor == 2
        await pilot.press("G")
        assert rows.cursor == rows.count - 1
        await pilot.press("ctrl+u", "ctrl+b", "home")
        assert rows.cursor == 0
        count = rows.count
        for close, open_ in (("h", "l"), ("left", "right")):
            await pilot.press("j", "j", close)
            await until(pilot, lambda: rows.cursor == 0 and rows.count < count)
            await pilot.press(close, "right")
            await until(pilot, lambda: rows.count == count and rows.cursor == 0)
            await pilot.press(open_)
            assert rows.cursor == 1
            await pilot.press("k")
        # Where the list is not the focused pane, its rows have letters all the same.
        app.screen.set_focus(app.screen.query_one("#details"))
        await pilot.press("h", "semicolon")
        await until(pilot, lambda: isinstance(app.screen, Jump))
        assert {"1", "2", "a", "c"} <= set(app.screen.targets)
        await pilot.press("c")
        await until(pilot, lambda: app.focused is rows and rows.cursor == 2)
        assert rows.count == count
        await pilot.press("6", "semicolon")
        await until(pilot, lambda: isinstance(app.screen, Jump))
        assert not app.screen.targets, "an empty place has nothing to jump to"
        await pilot.press("escape")


async def test_panes_have_numbers_that_lead_to_them_and_a_zoom_that_is_kept(tmp_path) -> None:
    memory = tmp_path / "state" / "workbench.json"
    async with opened(tmp_path, memory=memory) as (app, pilot):
        tests, details = app.screen.query_one("#tests"), app.screen.query_one("#details")
        await until(pilot, lambda: app.focused is tests)
        assert Content.from_markup(tests.border_title).plain == "1 tests"
        assert Content.from_markup(details.border_title).plain == "2 details"
        await pilot.press("alt+2")
        await until(pilot, lambda: app.focused is details)
        await pilot.press("z")
        await until(pilot, lambda: not tests.display and details.outer_size.width == WIDE[0])
        await pilot.press("alt+1")
        await until(pilot, lambda: tests.display and app.focused is tests)
        await pilot.press("alt+9")
        await until(pilot, lambda: any("no pane 9" in n.message for n in app._notifications))
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.run_list.count > 3)
        await until(pilot, lambda: not app.session.active)
        run = app.screen
        for pane, others in (
            ("console", ("run-tests", "timeline")),
            ("timeline", ("run-tests", "console")),
            ("run-tests", ("timeline", "console")),
        ):
            run.set_focus(run.query_one(f"#{pane}"))
            await pilot.press("z")
            await until(pilot, lambda pane=pane: run.query_one(f"#{pane}").outer_size.width == WIDE[0])
            assert not any(run.query_one(f"#{other}").region.area for other in others)
            await pilot.press("z" if pane == "timeline" else "escape")
            await until(pilot, lambda others=others: all(run.query_one(f"#{o}").region.area for o in others))
        await pilot.press("alt+2", "z")
        await until(pilot, lambda: app.memory.layout.zoomed == {"timeline"})
        await pilot.press("q")
        await until(pilot, memory.exists)
    async with opened(tmp_path, memory=memory) as (app, pilot):
        await until(pilot, lambda: app.place == "run")
        await pilot.press("1", "R")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.run_list.count > 3)
        run = app.screen
        await until(pilot, lambda: app.focused is run.timeline and not run.run_list.region.area)
        await pilot.press("underscore")
        await until(pilot, lambda: run.run_list.region.area and not app.memory.layout.zoomed)
        for key, number in (("4", 3), ("5", 2), ("8", 2), ("9", 2), ("0", 2)):
            before = app.screen
            await pilot.press(key)
            await until(pilot, lambda before=before: app.screen is not before)
            await pilot.press("z", "z", "equals_sign")
            assert len(app.screen.panes) == number


async def test_the_workbench_begins_where_it_was_left(tmp_path) -> None:
    memory = tmp_path / "state" / "workbench.json"
    async with opened(tmp_path, memory=memory) as (app, pilot):
        await pilot.press(
            "slash", *"ca", "enter", "home", "down", "space", "T", "T", "o", "less_than_sign", "t"
        )
        here = app.tests_screen.test_list.current_test
        shares = dict(app.memory.layout.shares)
        assert here is not None and shares
        await pilot.press("q")
        await until(pilot, memory.exists)
    async with opened(tmp_path, memory=memory) as (app, pilot):
        await until(pilot, lambda: app.rows.filter == "ca")
        assert app.tests_screen.test_list.current_test.name == here.name
        assert app.rows.marked == {"cache-evicts-oldest"}
        assert (app.rows.grouping, app.rows.sort) == (Grouping.FLAT, Sort.NAME)
        assert app.memory.layout.shares == shares
        assert app.theme == theme.LIGHT.name
    async with opened(tmp_path, memory=memory, restore=False) as (app, pilot):
        assert not app.rows.filter and app.theme == theme.DARK.name


async def test_a_bad_memory_is_told_and_a_full_disk_too(tmp_path) -> None:
    memory = tmp_path / "workbench.json"
    memory.write_text("{")
    async with opened(tmp_path, memory=memory) as (app, pilot):
        assert any("begin afresh" in n.message for n in app._notifications)
        memory.unlink()
        memory.mkdir()  # nothing can be written there
        app.remembering.write()
        await until(pilot, lambda: any("cannot be written" in n.message for n in app._notifications))
        await pilot.press("down")
        assert app.tests_screen.test_list.cursor == 1


def test_a_memory_takes_what_makes_sense(tmp_path) -> None:
    file = tmp_path / "workbench.json"
    memory = Memory(theme="x")
    memory.layout.shares["a:x"] = 0.3
    write_memory(file, memory.dump())
    assert read_memory(file) == (memory, "")
    assert [path.name for path in tmp_path.iterdir()] == ["workbench.json"]
    data = {"version": 1, "theme": 3, "shares": {"a:x": "wide", "b:x": 9, "c:y": 0.5}, "closed": 1}
    file.write_text(json.dumps(data | {"registries": {"/r": {"filter": ["x"], "marked": [1, "t"]}, "/s": 2}}))
    found, wrong = read_memory(file)
    assert not wrong and found.layout.shares == {"c:y": 0.5} and found.theme == ""
    assert found.spots["/r"].marked == ["t"] and found.spots["/s"].filter == ""
    for text in ("[]", '{"version": 99}', "\0", "[" * 100_000):
        file.write_text(text)
        assert "begin afresh" in read_memory(file)[1]


async def test_the_command_log_lists_what_was_run_and_copies_it(tmp_path) -> None:
    async with opened(tmp_path) as (app, pilot):
        with app.command_log.listening():
            await pilot.press("ctrl+l")
            await until(pilot, lambda: isinstance(app.screen, CommandsScreen))
            screen = app.screen
            assert screen.query_one("#no-commands").display
            await pilot.press("y")
            with noted("qemu", ["qemu-system-x86_64", "-m", "256"], "calm-otter"):
                with noted("guest", "uname -a", "calm-otter") as ending:
                    ending.exit_code = 2
                await until(pilot, lambda: len(screen.list.commands) == 2)
            assert screen.list.cursor == 1
            await pilot.press("y")
            assert app.clipboard == "vmbench exec calm-otter -- sh -c 'uname -a'"
            await pilot.press("up")
            await until(pilot, lambda: screen.list.commands[0].duration is not None)
            await pilot.press("Y")
            assert app.clipboard == "qemu-system-x86_64 -m 256"
            with noted("qmp", '{"execute": "stop"}', "calm-otter"):
                pass
            await until(pilot, lambda: len(screen.list.commands) == 3)
            # The filter narrows by kind, and esc takes it back before it leads away.
            await pilot.press("slash", *"otter -qemu", "enter")
            await until(pilot, lambda: [c.kind for c in screen.list.commands] == ["guest", "qmp"])
            assert "2 of 3 commands" in str(screen.list.border_title)
            app.save_screenshot(str(tmp_path / "commands.svg"))
            await pilot.press("escape")
            await until(pilot, lambda: len(screen.list.commands) == 3 and app.screen is screen)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.tests_screen)
