"""The place of the machines by its keys and its mouse, over made-up machines that take commands."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

from rich.cells import cell_len
from textual.widgets import Input, OptionList, Static

from app.tui import demo, demo_machines
from app.tui.app import Workbench
from app.tui.clock import Clock
from app.tui.replay import ReplayEngine
from app.tui.screens.choices import Ask, Choose
from app.tui.screens.consoles import ConsolesScreen
from app.tui.screens.dialogs import Confirm
from app.tui.screens.machines import MachinesScreen
from app.tui.screens.new_machine import NewMachine
from app.tui.screens.terminal import TerminalScreen
from app.tui.screenshots import NARROW, WIDE, until
from app.tui.widgets.facts import Facts
from app.tui.widgets.find_bar import FindEntry
from backends.base import BackendError, MachineRequest, MachineState
from tests.fakes import FakeBackend


@asynccontextmanager
async def machines_place(views=None, *, size=WIDE):
    engine = ReplayEngine(demo.registry(), results=demo.results())
    house = demo_machines.house()
    if views is not None:
        house.machines.views = list(views)
    app = Workbench(engine, clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH), house=house)
    app.told = []
    notify = app.notify
    app.notify = lambda message, **options: (app.told.append(message), notify(message, **options))[1]
    async with app.run_test(size=size) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, MachinesScreen) and app.screen._known)
        await settled(app, pilot)
        yield app, house.machines, pilot, app.screen


async def settled(app, pilot) -> None:
    """Wait until nothing goes on and everything was looked at."""
    screen = next(s for s in app.screen_stack if isinstance(s, MachinesScreen))
    await until(pilot, lambda: not screen.works and not screen.looking)


async def dialog(app, pilot, kind) -> None:
    await until(pilot, lambda: isinstance(app.screen, kind))


def told(app) -> list[str]:
    """Everything that was told since the app began."""
    return app.told


def row_text(screen, index: int) -> str:
    return "".join(cell.text for cell in screen.machine_list.draw_row(index, 110))


async def test_what_is_listed_and_sampled() -> None:
    async with machines_place(size=NARROW) as (app, api, pilot, screen):
        lines = [row_text(screen, index) for index in range(screen.machine_list.count)]
        assert len(lines) == 7
        for line, words in zip(
            lines,
            ("▶ running|kept|1h", "this run", "pid 4711", "‖ paused", "■ stopped", "✗ died", "△ starting"),
            strict=True,
        ):
            assert all(word in line for word in words.split("|")), line
        assert "46%" in lines[0] and "106 MiB" in lines[0]
        assert "%" not in lines[4]
        details = screen.query_one(Facts).text
        assert "root@127.0.0.1 port" in details and "gateway failed" in details
        # A kernel that panicked started anew: the machine runs, and is not what it was.
        api.views[0] = replace(api.views[0], panic="sysrq triggered crash")
        screen.read()
        await until(pilot, lambda: "! panicked" in row_text(screen, 0))
        assert "sysrq triggered crash" in screen.query_one(Facts).text
        await pilot.press("slash", *"panicked", "enter")
        await until(pilot, lambda: screen.machine_list.count == 1)
        await pilot.press("escape")
        await until(pilot, lambda: screen.machine_list.count == 7)
        # Fifty more: only those in view are sampled, and the one under the cursor.
        api.views += [demo_machines.machine(f"extra-{chr(97 + i % 26)}{i}") for i in range(50)]
        screen.read()
        await until(pilot, lambda: screen.machine_list.count == 57)
        await settled(app, pilot)
        assert len(api.sampled) < 20
        await pilot.press("end")
        screen.read()
        await until(pilot, lambda: api.views[-1].id in api.sampled)


async def test_its_life_by_keys() -> None:
    async with machines_place() as (app, api, pilot, screen):
        await pilot.press("p")
        await until(pilot, lambda: api.find("calm-otter").state is MachineState.PAUSED)
        await settled(app, pilot)
        await pilot.press("p")
        await until(pilot, lambda: api.find("calm-otter").state is MachineState.RUNNING)
        await settled(app, pilot)
        await pilot.press("x")
        await dialog(app, pilot, Confirm)
        await pilot.press("n")
        assert [call[0] for call in api.calls] == ["pause", "resume"]
        await pilot.press("x")
        await dialog(app, pilot, Confirm)
        await pilot.press("y")
        await until(pilot, lambda: api.find("calm-otter").state is MachineState.STOPPED)
        await settled(app, pilot)
        assert screen.why_not("stop") == "calm-otter is stopped"
        assert "vmbench start calm-otter" in screen.why_not("attach")
        await pilot.press("o")
        await until(pilot, lambda: api.find("calm-otter").state is MachineState.RUNNING)
        await settled(app, pilot)
        await pilot.press("X")
        await dialog(app, pilot, Confirm)
        await pilot.press("y")
        await until(pilot, lambda: ("kill", "calm-otter") in api.calls)
        await settled(app, pilot)
        assert "Paused calm-otter." in told(app) and "Started calm-otter." in told(app)


async def test_reboots_keep_or_discard_the_disk() -> None:
    async with machines_place() as (app, api, pilot, _):
        await pilot.press("R")
        await dialog(app, pilot, Choose)
        await pilot.press("j", "k")
        assert app.screen.query_one(OptionList).highlighted == 0, "k moves and chooses nothing"
        await pilot.press("w")
        await until(pilot, lambda: ("reboot", "calm-otter", False) in api.calls)
        await settled(app, pilot)
        await pilot.press("R")
        await dialog(app, pilot, Choose)
        await pilot.press("d")
        await dialog(app, pilot, Confirm)
        await pilot.press("y")
        await until(pilot, lambda: ("reboot", "calm-otter", True) in api.calls)
        await settled(app, pilot)


async def test_saving_asks_for_a_name_that_may_be_used() -> None:
    async with machines_place() as (app, api, pilot, _):
        await pilot.press("s")
        await dialog(app, pilot, Ask)
        hint = app.screen.query_one("#ask-hint", Static)
        assert cell_len(str(hint.content)) > hint.size.width and hint.size.height == 2, "it is cut"
        await pilot.press(*"a/b", "enter")
        await until(pilot, lambda: "is a path" in str(app.screen.query_one("#ask-hint", Static).content))
        app.screen.query_one(Input).value = "good"
        await pilot.press("enter")
        await until(pilot, lambda: ("save", "calm-otter", "good") in api.calls)
        await until(pilot, lambda: any("as good" in text for text in told(app)))


async def test_ports_are_opened_listed_and_closed() -> None:
    async with machines_place() as (app, api, pilot, screen):
        await pilot.press("f")
        await dialog(app, pilot, Ask)
        await pilot.press(*"8080:80", "enter")
        await until(pilot, lambda: bool(api.forwards()))
        await settled(app, pilot)
        details = screen.query_one(Facts).text
        assert "127.0.0.1:8080 leads to port 80 of calm-otter" in " ".join(details.split())
        await pilot.press("F")
        await dialog(app, pilot, Choose)
        await pilot.press("enter")
        await until(pilot, lambda: not api.forwards())
        await settled(app, pilot)
        assert "No port" in screen.why_not("forwards")


async def test_keeping_dropping_and_labelling_by_keys() -> None:
    async with machines_place() as (app, api, pilot, screen):
        await pilot.press("K")
        await dialog(app, pilot, Confirm)
        await pilot.press("y")
        await until(pilot, lambda: not api.find("calm-otter").record.keep)
        await settled(app, pilot)
        assert "nobody" in row_text(screen, 0)
        await pilot.press("K")
        await until(pilot, lambda: api.find("calm-otter").record.keep)
        await settled(app, pilot)
        # Of a machine at work its run is asked.
        await pilot.press("down", "K")
        await until(pilot, lambda: ("keep", "brisk-heron", "kept by hand") in api.calls)
        await settled(app, pilot)
        await pilot.press("e")
        await dialog(app, pilot, Ask)
        app.screen.query_one(Input).value = "web host"
        await pilot.press("enter")
        await until(pilot, lambda: api.find("brisk-heron").record.label == "web host")
        await settled(app, pilot)


async def test_several_are_removed_after_saying_what_is_lost() -> None:
    async with machines_place() as (app, _api, pilot, screen):
        await pilot.press("space", "down", "down", "space")
        assert screen.machine_list.marked == {"calm-otter", "tidy-wren"}
        await pilot.press("d")
        await dialog(app, pilot, Confirm)
        assert "2 of them run" in app.screen._loss and "Snapshots of them stay" in app.screen._loss
        await pilot.press("y")
        await until(pilot, lambda: screen.machine_list.count == 5)
        await settled(app, pilot)
        assert told(app) == ["Removed calm-otter, tidy-wren."]
        assert not screen.machine_list.marked


async def test_marks_and_details_by_the_mouse() -> None:
    async with machines_place(size=NARROW) as (app, _, pilot, screen):
        await pilot.click("#machines", offset=(1, 2))
        await until(pilot, lambda: screen.machine_list.marked == {"brisk-heron"})
        await pilot.press("u")
        await until(pilot, lambda: not screen.machine_list.marked)
        await pilot.click("#machines", offset=(20, 5), times=2)
        await until(pilot, lambda: screen.has_class("-reading"))
        assert screen.selected_id() == "gold-finch"
        await pilot.press("escape")
        assert not screen.has_class("-reading") and app.focused is screen.machine_list


async def test_what_another_vmbench_uses_is_walked_into_and_looked_at_only(tmp_path) -> None:
    async with machines_place() as (app, api, pilot, screen):
        await pilot.press("down", "down")
        for action in ("stop", "remove", "save", "forward", "pause"):
            assert "pid 4711" in screen.why_not(action), action
        await pilot.press("d", "x")
        await pilot.pause()
        assert not isinstance(app.screen, Confirm) and not api.calls
        commands = {command.title: command.help for command in app.get_system_commands(screen)}
        assert "pid 4711" in commands["Stop (x): not now"]
        machine = app.engine.machines["plain-lynx"] = await FakeBackend(tmp_path).create(MachineRequest())
        walked = []

        async def walk(_, found, typed):
            walked.append(found)

        app.walk = walk
        await pilot.press("a")
        await until(pilot, lambda: machine.released and walked == [machine])
        assert any(
            "copy-round-trip is at work in plain-lynx: it sees what you change" in t for t in told(app)
        )


async def test_what_is_kept_no_longer_runs_no_test() -> None:
    mine = demo_machines.machine("calm-otter", kept="", used_by=0)
    test = demo_machines.machine("tidy-wren", kept="", used_by=0)
    mine = replace(mine, record=replace(mine.record, run=""))
    async with machines_place([mine, test]) as (app, _, pilot, screen):
        rows = ["".join(cell.text for cell in screen.machine_list.draw_row(n, 100)) for n in (0, 1)]
        assert "till quit" in rows[0] and "this run" in rows[1]
        assert screen._beside() == ""
        for runs_test in (False, True):
            await pilot.press("d")
            await dialog(app, pilot, Confirm)
            assert ("A test is running" in app.screen._loss) is runs_test
            await pilot.press("escape", "down")
            await until(pilot, lambda: app.screen is screen)


async def test_a_new_machine_is_asked_for_and_selected() -> None:
    async with machines_place() as (app, api, pilot, screen):
        await pilot.press("n")
        await dialog(app, pilot, NewMachine)
        app.screen.query_one("#new-memory", Input).value = "lots"
        await pilot.press("enter")
        await until(pilot, lambda: "memory" in str(app.screen.query_one("#new-wrong", Static).content))
        app.screen.query_one("#new-memory", Input).value = "1G"
        app.screen.query_one("#new-label", Input).value = "web"
        await pilot.press("enter")
        await until(pilot, lambda: screen.selected_id() == "fresh-fox")
        request = MachineRequest(image="tiny", cpus=1, memory=1024, label="web")
        assert api.calls == [("up", request, "microvm")]


async def test_what_takes_long_is_told_and_can_be_cancelled() -> None:
    async with machines_place() as (app, api, pilot, screen):
        api.gate = asyncio.Event()
        await pilot.press("n")
        await dialog(app, pilot, NewMachine)
        await pilot.press("enter")
        await until(pilot, lambda: bool(api.calls))
        screen._tick()
        line = str(screen.work_line.content)
        assert screen.work_line.display and "making a machine of tiny" in line and "booting" in line
        await pilot.press("c")
        await until(pilot, lambda: not screen.works)
        assert not screen.work_line.display
        assert "Cancelled: making a machine of tiny." in told(app)
        assert len(api.views) == 7


async def test_errors_say_what_to_do_and_leave_the_place_alive() -> None:
    async with machines_place() as (app, api, pilot, screen):
        api.errors["save"] = BackendError("there is no room", remedy="vmbench gc")
        await pilot.press("s")
        await dialog(app, pilot, Ask)
        await pilot.press("x", "enter")
        await until(pilot, lambda: "there is no room\nvmbench gc" in told(app))
        api.errors["machines"] = BackendError("the folder cannot be read", remedy="chmod")
        api.views.clear()
        screen.read()
        await settled(app, pilot)
        assert screen.machine_list.count == 7, "what was seen last stays"
        del api.errors["machines"]
        screen.read()
        await until(pilot, lambda: screen.has_class("-nothing"))
        assert "n starts one" in str(screen.query_one("#machines-nothing", Static).content)
        assert any("calm-otter is gone" in text for text in told(app))


async def test_the_filter_narrows_and_the_cursor_stays_on_its_machine() -> None:
    async with machines_place() as (app, api, pilot, screen):
        await pilot.press("down", "down", "down")
        await pilot.press("slash", *"paused -kernel", "enter")
        await until(pilot, lambda: screen.machine_list.count == 1)
        assert screen.selected_id() == "tidy-wren" and app.focused is screen.machine_list
        await pilot.press("escape")
        await until(pilot, lambda: screen.machine_list.count == 7)
        assert screen.selected_id() == "tidy-wren"
        del api.views[0]
        screen.read()
        await until(pilot, lambda: screen.machine_list.count == 6)
        assert screen.selected_id() == "tidy-wren"


async def test_ways_in_and_commands_to_copy(tmp_path) -> None:
    async with machines_place() as (app, _, pilot, _screen):
        machine = await FakeBackend(tmp_path / "machines").create(MachineRequest())
        machine.state = MachineState.RUNNING
        app.engine.machines["calm-otter"] = machine
        walked = []

        async def walk(_, found, typed):
            walked.append(found)

        app.walk = walk
        await pilot.press("a")
        await until(pilot, lambda: machine.released)
        assert walked == [machine]
        await pilot.press("y")
        assert app.clipboard.startswith("ssh ") and "calm-otter" in app.clipboard
        await pilot.press("Y")
        assert app.clipboard == "vmbench exec calm-otter -- "
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, TerminalScreen))
        assert app.place == "terminals"


async def test_zoom_gives_the_console_the_screen() -> None:
    async with machines_place(size=NARROW) as (_, _, pilot, screen):
        await pilot.press("z")
        assert not screen.query_one("#machines-pane").display or screen.has_class("-zoom")
        assert screen.focused is screen.query_one("#machine-console")
        await pilot.press("escape")
        assert screen.focused is screen.machine_list


async def test_a_workbench_without_machines_says_so() -> None:
    app = Workbench(ReplayEngine(demo.registry()))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, MachinesScreen) and app.screen.failure is not None)
        screen = app.screen
        assert "without machines" in str(screen.query_one("#machines-nothing", Static).content)
        await pilot.press("n", "d", "f")
        assert app.screen is screen


async def test_consoles_are_searched_and_merged_from_here(tmp_path) -> None:
    async with machines_place() as (app, api, pilot, screen):
        views = screen.machine_list.views[:2]
        for number, view in enumerate(views):
            path = tmp_path / view.id / "console.log"
            path.parent.mkdir()
            path.write_text("".join(f"[{n:5}.{number}00000] line {n} of {view.id}\n" for n in range(300)))
        shown = [replace(view, folder=tmp_path / view.id) for view in views]
        api.views = shown
        screen.take(shown)
        first, second = (view.id for view in shown)

        # In the console, what asks for a place to type leads to where there is one.
        await pilot.press("enter", "slash")
        await dialog(app, pilot, ConsolesScreen)
        await until(pilot, lambda: isinstance(app.focused, FindEntry))
        await pilot.press(*"line 17", "enter")
        await until(pilot, lambda: "of 11 lines" in str(app.screen.view.border_title))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("ampersand")
        await until(pilot, lambda: isinstance(app.focused, FindEntry))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.screen is screen)

        # Marked machines are one log.
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is screen.machine_list)
        await pilot.press("home", "space", "space", "M")
        await dialog(app, pilot, ConsolesScreen)
        await until(pilot, lambda: app.screen.view.line_count == 600)
        view = app.screen.view
        assert str(view.border_title).startswith("2 consoles")
        text = "".join(view.line_text(n) for n in range(600))
        assert text.count(f"of {first}") == text.count(f"of {second}") == 300
