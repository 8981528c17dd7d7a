"""A session on a disk that is really full: what is not written is told, nothing stops, it goes on later."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from app import wiring
from app.cli.workbench import build_workbench
from app.engine.events import RunFinished
from app.engine.log import LOG_NAME, replay
from app.engine.recorded import RecordedCommand
from app.tui.app import Workbench
from app.tui.screens.ask import AskReport
from app.tui.screens.choices import Ask
from app.tui.screens.commands import CommandsScreen
from app.tui.screens.keys import KeysScreen, Press
from app.tui.screens.machines import MachinesScreen
from app.tui.screens.new_test import NewTestScreen
from app.tui.screens.run import RunScreen
from app.tui.screens.settings import SettingsScreen
from app.tui.screenshots import WIDE, until
from registry.location import Kind, Location
from tests.cli_desk import StoredBackend, make_desk
from tests.fakes import FakeMachine, Reply, Script
from tests.small_disk import fill, litter, small_disk


@pytest.fixture
def disk(tmp_path, monkeypatch, capsys):
    desk = make_desk(tmp_path, monkeypatch, capsys)
    with small_disk(tmp_path / "state", 2) as state:
        monkeypatch.setenv("VMBENCH_CONFIG", str(state / "config"))
        yield desk, state


@pytest.fixture
def told(monkeypatch):
    """What was told: title and words of every notice."""
    said, notify = [], Workbench.notify

    def noted(self, message: str, *, title: str = "", **options: object) -> None:
        said.append(f"{title}: {message}")
        notify(self, message, title=title, **options)

    monkeypatch.setattr(Workbench, "notify", noted)

    def count(*words: str) -> int:
        return sum(all(word in text for word in words) for text in said)

    return count


@pytest.fixture
def kept(disk, monkeypatch):
    """A machine of before, among the records of the real store."""
    desk, state = disk
    desk.backend = StoredBackend(state / "stored", desk.paths)
    monkeypatch.setattr(wiring, "backends_for", lambda *_args: {"fake": desk.backend})
    assert desk.call("up", "--label", "mine").code == 0
    desk.backend.sync()
    (state / "guide-seen").touch()
    return desk.backend.machines[0]


async def test_what_a_person_makes_finds_no_room_and_nothing_is_left_of_it(disk, kept, told) -> None:
    desk, state = disk
    registry = state / "registry"
    (registry / "tests").mkdir(parents=True)
    app = build_workbench()
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        app.remembering.write()
        await until(pilot, lambda: (state / "workbench.json").exists())
        remembered = (state / "workbench.json").read_text()
        fill(state)
        # A snapshot of a machine.
        await pilot.press("4")
        await until(
            pilot, lambda: isinstance(app.screen, MachinesScreen) and bool(app.screen.machine_list.count)
        )
        place = app.screen
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await pilot.press(*"full", "enter")
        await until(pilot, lambda: told("Not saved", "No space left", "free some disk space"))
        assert app.screen is place and not kept.removed
        assert not (desk.paths.snapshots / "full").exists() and litter(state) == []
        # A key.
        await pilot.press("0")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        await pilot.press("K")
        await until(pilot, lambda: isinstance(app.screen, KeysScreen))
        rows = app.screen.rows_list
        rows.cursor = next(i for i, row in enumerate(rows.rows) if row[1].id == "app.theme")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Press))
        await pilot.press("f7")
        await until(pilot, lambda: told("Not saved", "keys.toml", "No space left", "free some disk space"))
        assert app.key_changes == {} and not desk.paths.user_keys.exists()
        await pilot.press("escape")
        # A test made of what was typed; the registry is on the full disk, too.
        location = Location(kind=Kind.REGISTRY, root=registry)
        screen = NewTestScreen([RecordedCommand(text="true", exit_code=0)], location)
        await app.push_screen(screen)
        screen.query_one("#name", Input).value = "made"
        await until(pilot, lambda: screen._draft is not None)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: told("Not saved", "No space left", "free some disk space"))
        await until(pilot, lambda: told("registry", "No space left", "free some disk space"))
        assert app.screen is screen and [path for path in registry.rglob("*") if path.is_file()] == []
        await pilot.press("escape")
        # The command log goes on, and where the person is is lost with a word at the end.
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, CommandsScreen))
        await pilot.press("escape", "1", "down")
        app.leave("Closing …")
        await until(pilot, lambda: app._exit)
        assert any("the next start does not know where you were" in str(r) for r in app._exit_renderables)
    assert (state / "workbench.json").read_text() == remembered and litter(state) == []
    assert app.return_code == 0 and app.fault is None


async def test_a_session_outlives_a_full_disk(disk, told) -> None:
    desk, state = disk

    async def flood(_machine: FakeMachine) -> Reply:
        fill(state)
        _machine.say("printed on a full disk\n" * 100)
        return Reply(stdout=b"printed\n" * 1000)

    desk.backend.scripts["web-first"] = Script(commands={"one": flood})
    (state / "guide-seen").touch()
    app = build_workbench()
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        app.remembering.write()
        await until(pilot, lambda: (state / "workbench.json").exists())
        before = (state / "workbench.json").read_text()
        # The disk fills up while a run goes on: its tests end as they would.
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and not app.session.active)
        finished = app.session.state.finished
        assert finished.passed + finished.errors == 2 and finished.passed >= 1
        messages = [n.message for n in app.session.state.notices]
        assert sum("the event log could not be written: No space left" in m for m in messages) == 1
        assert all("free some disk space" in m for m in messages)
        assert all(machine.removed for machine in desk.backend.machines)
        # A report, settings and where the person was: each says what was not written.
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, AskReport))
        app.screen.query_one(Input).value = str(state / "report.html")
        await pilot.press("enter")
        await until(pilot, lambda: told("Not written", "report.html", "free some disk space"))
        await pilot.press("0")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and bool(app.screen.rows_list.rows))
        rows = app.screen.rows_list
        rows.cursor = next(
            i for i, r in enumerate(rows.rows) if not isinstance(r, str) and r.setting.key == "run.keep"
        )
        await pilot.press("enter", "down", "enter")
        await until(pilot, lambda: told("vmbench.toml", "No space left", "free some disk space"))
        assert not desk.paths.user_settings.exists()
        app.remembering.write()
        await until(pilot, lambda: told("Not remembered", "free some disk space"))
        await app.remembering._write()
        assert told("Not remembered") == 1
        assert (state / "workbench.json").read_text() == before
        # Nothing begins, and that is said too.
        await pilot.press("1", "R")
        await until(pilot, lambda: told("Not started", "No space left", "free some disk space"))
        assert litter(state) == []
        # With room again all goes on.
        (state / "filler").unlink()
        desk.backend.scripts.clear()
        app.remembering.write()
        await until(pilot, lambda: (state / "workbench.json").read_text() != before)
        assert told("Not remembered") == 1
        first = app.session
        await pilot.press("R")
        await until(pilot, lambda: app.session is not first and not app.session.active)
        assert app.session.state.finished.passed == 2
        logged = [s.event for s in replay(app.session.folder / LOG_NAME)]
        assert isinstance(logged[-1], RunFinished)
