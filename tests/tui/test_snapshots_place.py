"""The place of the snapshots by its keys, over a made-up lineage that takes commands."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Input, Static

from app.engine.snapshots import Lineage
from app.tui import demo, demo_machines
from app.tui.app import Workbench
from app.tui.clock import Clock
from app.tui.replay import ReplayEngine
from app.tui.screens.choices import Ask, Choose
from app.tui.screens.dialogs import Confirm
from app.tui.screens.machines import MachinesScreen
from app.tui.screens.snapshots import SnapshotsScreen
from app.tui.screens.terminal import TerminalScreen
from app.tui.screenshots import NARROW, WIDE, until
from app.tui.snapshot_rows import lineage_rows
from app.tui.widgets.facts import Facts
from backends.base import BackendError


@asynccontextmanager
async def snapshots_place(*, size=WIDE, empty=False):
    house = demo_machines.house(empty=empty)
    engine = ReplayEngine(demo.registry(), results=demo.results())
    app = Workbench(engine, clock=Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH), house=house)
    app.told = []
    notify = app.notify
    app.notify = lambda message, **options: (app.told.append(message), notify(message, **options))[1]
    async with app.run_test(size=size) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, SnapshotsScreen) and app.screen._known)
        await settled(app, pilot)
        yield app, house, pilot, app.screen


async def settled(app, pilot) -> None:
    screen = next(s for s in app.screen_stack if isinstance(s, SnapshotsScreen))
    await until(pilot, lambda: not screen.works and not screen.looking)


async def dialog(app, pilot, kind) -> None:
    await until(pilot, lambda: isinstance(app.screen, kind))


def texts(screen) -> list[str]:
    return [row.prefix + row.text for row in screen.snapshot_list.rows]


async def test_the_lineage_its_sizes_and_its_checkpoints() -> None:
    async with snapshots_place(size=NARROW) as (_, _, pilot, screen):
        assert texts(screen) == [
            "tiny",
            "├─ 6f0c2a91e7d35b84aa19c0de",
            "├─ fresh",
            "│  └─ installed",
            "│     ├─ installed-tls",
            "│     └─ disk-only",
            "└─ before-migration",
            "gone-long-ago",
            "└─ lonely",
            "cut-short",
        ]
        assert screen.selected_id() == "fresh"
        line = "".join(cell.text for cell in screen.snapshot_list.draw_row(3, 120))
        assert "310 MiB" in line and "98 MiB" in line and "tidy-wren" in line and "disk+ram" in line
        await pilot.press("C")
        await until(pilot, lambda: any("ck.2026" in text for text in texts(screen)))
        await pilot.press("C", "down")
        await until(pilot, lambda: not any("ck.2026" in text for text in texts(screen)))
        assert screen.selected_id() == "installed"
        details = screen.query_one(Facts).text
        assert "tidy-wren, gold-finch, spry-seal" in details and "disk-only, installed-tls" in details
        await pilot.press("slash", *"disk-o", "enter")
        await until(pilot, lambda: texts(screen) == ["disk-only"])
        await pilot.press("escape")
        await until(pilot, lambda: len(texts(screen)) == 10)


async def test_a_fork_is_shown_among_the_machines() -> None:
    async with snapshots_place() as (app, house, pilot, _):
        await pilot.press("f")
        await until(pilot, lambda: app.place == "machines" and isinstance(app.screen, MachinesScreen))
        await until(pilot, lambda: app.screen.selected_id() == "glad-gull")
        assert house.machines.calls == [("fork", "fresh", "")]


async def test_a_fork_with_a_terminal() -> None:
    async with snapshots_place() as (app, house, pilot, _):
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, TerminalScreen))
        assert house.machines.calls == [("fork", "fresh", "")]


async def test_a_fork_that_fails_or_is_cancelled() -> None:
    async with snapshots_place() as (app, house, pilot, screen):
        house.machines.gate = asyncio.Event()
        await pilot.press("f")
        await until(pilot, lambda: bool(house.machines.calls))
        await pilot.press("c")
        await until(pilot, lambda: not screen.works)
        assert app.told == ["Cancelled: forking fresh."]
        house.machines.gate = None
        house.machines.errors["fork"] = BackendError("saved under kvm", remedy="boot instead")
        await pilot.press("f")
        await until(pilot, lambda: "saved under kvm\nboot instead" in app.told)
        assert app.place == "snapshots"


async def test_a_restore_asks_where_and_says_what_is_lost() -> None:
    async with snapshots_place() as (app, house, pilot, _):
        await pilot.press("r")
        await dialog(app, pilot, Choose)
        assert "plain-lynx" not in [choice.id for choice in app.screen._choices], "another vmbench uses it"
        await pilot.press("enter")
        await dialog(app, pilot, Confirm)
        assert "What calm-otter is now is lost" in app.screen._loss and "stopped" in app.screen._loss
        await pilot.press("y")
        await until(pilot, lambda: house.machines.calls == [("restore", "calm-otter", "fresh", True, True)])
        await settled(app, pilot)
        assert app.told == ["calm-otter is as fresh was."]


async def test_renaming_keeps_what_came_of_it_and_can_be_undone() -> None:
    async with snapshots_place() as (app, house, pilot, screen):
        await pilot.press("down", "space", "up", "e")
        await dialog(app, pilot, Ask)
        assert app.screen.query_one(Input).value == "installed"
        for wrong, why in (("fresh", "already called fresh"), ("a b", "not a snapshot's name")):
            app.screen.query_one(Input).value = wrong
            await pilot.press("enter")
            await until(pilot, lambda why=why: why in str(app.screen.query_one("#ask-hint", Static).content))
        app.screen.query_one(Input).value = "nginx"
        await pilot.press("enter")
        await until(pilot, lambda: "│  └─ nginx" in texts(screen))
        await settled(app, pilot)
        assert app.told == ["Renamed installed to nginx. To undo it, e names it installed again."]
        assert screen.selected_id() == "nginx" and screen.snapshot_list.marked == {"nginx"}
        assert "│     ├─ installed-tls" in texts(screen) and "gold-finch" in screen.lineage.forks["nginx"]
        await pilot.press("e", "enter")
        await until(pilot, lambda: app.screen is screen)
        assert house.snapshots.calls == [("rename", "installed", "nginx")], "the same name is no rename"
        screen.checkpoints = True
        screen._list()
        assert screen.snapshot_list.go_to("ck.20261120-174211-k3f9.cache-expires.2")
        assert "checkpoint" in screen.why_not("rename")


async def test_a_template_says_why_it_is_there_and_goes_after_a_question() -> None:
    async with snapshots_place() as (app, house, pilot, screen):
        await pilot.press("up")
        row = screen.current
        assert row.template is not None and not screen.selected_id()
        line = "".join(cell.text for cell in screen.snapshot_list.draw_row(1, 120))
        assert "template of 1 CPU, 512 MiB" in line and "96 MiB" in line
        details = " ".join(screen.query_one(Facts).text.split())
        assert "instead of booting" in details
        assert "template" in screen.why_not("fork") and "template" in screen.why_not("rename")
        await pilot.press("space", "up", "d")
        await dialog(app, pilot, Confirm)
        assert not screen.snapshot_list.marked and "makes it anew" in app.screen._loss
        await pilot.press("y")
        await until(pilot, lambda: row.text not in texts(screen))
        await settled(app, pilot)
        assert house.snapshots.calls == [("remove_template", row.text)]
        assert app.told == ["Removed the template, 96 MiB given back."]


async def test_removing_says_what_is_lost_and_what_stays() -> None:
    async with snapshots_place() as (app, house, pilot, screen):
        await pilot.press("down", "d")
        await dialog(app, pilot, Confirm)
        loss = app.screen._loss
        assert "310 MiB given back" in loss and "3 machines and 2 snapshots that came of it stay" in loss
        await pilot.press("n")
        assert not house.snapshots.calls
        await pilot.press("space", "end", "space", "d")
        await dialog(app, pilot, Confirm)
        await pilot.press("y")
        await until(
            pilot, lambda: sorted(house.snapshots.calls) == [("remove", "cut-short"), ("remove", "installed")]
        )
        await settled(app, pilot)
        assert app.told == ["Removed cut-short, installed."]
        assert "installed" in texts(screen) and "│  └─ installed" not in texts(screen)
        assert screen.snapshot_list.rows[-1].name


async def test_a_damaged_one_can_only_be_removed() -> None:
    async with snapshots_place() as (_, _, pilot, screen):
        await pilot.press("end")
        assert "damaged" in screen.why_not("fork") and not screen.why_not("remove")
        details = screen.query_one(Facts).text
        assert "state is not as it was saved" in " ".join(details.split())
        await pilot.press("home")
        assert screen.why_not("export") == "No snapshot is selected."


async def test_export_and_import(tmp_path) -> None:
    async with snapshots_place() as (app, house, pilot, screen):
        there = tmp_path / "there.vmsnap"
        there.write_bytes(b"")
        await pilot.press("x")
        await dialog(app, pilot, Ask)
        assert app.screen.query_one(Input).value == "fresh.vmsnap"
        app.screen.query_one(Input).value = str(there)
        await pilot.press("enter")
        await until(pilot, lambda: "exists" in str(app.screen.query_one("#ask-hint", Static).content))
        app.screen.query_one(Input).value = str(tmp_path / "new.vmsnap")
        house.snapshots.gate = asyncio.Event()
        await pilot.press("enter")
        await until(pilot, lambda: ("export", "fresh", tmp_path / "new.vmsnap") in house.snapshots.calls)
        screen._tick()
        assert "50%, 45 MiB of 90 MiB" in str(screen.work_line.content)
        house.snapshots.gate.set()
        await settled(app, pilot)
        assert app.told == [f"Wrote {tmp_path / 'new.vmsnap'}, 90 MiB."]
        await pilot.press("i")
        await dialog(app, pilot, Ask)
        app.screen.query_one(Input).value = f"{tmp_path / 'none.vmsnap'} as theirs"
        await pilot.press("enter")
        await until(
            pilot, lambda: "there is no file" in str(app.screen.query_one("#ask-hint", Static).content)
        )
        app.screen.query_one(Input).value = f"{there} as theirs"
        await pilot.press("enter")
        await until(pilot, lambda: ("import", there, "theirs") in house.snapshots.calls)
        await until(pilot, lambda: "├─ theirs" in texts(screen) or "└─ theirs" in texts(screen))


async def test_an_empty_place_says_what_to_do() -> None:
    async with snapshots_place(empty=True) as (app, _, pilot, screen):
        said = str(screen.query_one("#snapshots-nothing", Static).content)
        assert screen.has_class("-nothing") and "s in the place of the machines" in said
        await pilot.press("f", "d", "r", "x")
        assert app.screen is screen
        await pilot.press("y")


names = st.sampled_from("abcdef")


@given(st.dictionaries(names, st.sampled_from(["", "a", "b", "c", "d", "e", "f", "gone"])), st.booleans())
def test_every_snapshot_has_one_row_whatever_the_parents(parents, checkpoints) -> None:
    views = [
        demo_machines.snapshot(name if name != "f" else "ck.f", parent, age=ord(name))
        for name, parent in parents.items()
    ]
    rows = lineage_rows(Lineage(snapshots=views), checkpoints=checkpoints)
    shown = sorted(row.name for row in rows if row.view is not None)
    assert shown == sorted(view.name for view in views if checkpoints or not view.checkpoint)
