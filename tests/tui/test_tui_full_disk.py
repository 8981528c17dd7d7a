"""A session on a disk that is really full: what is not written is told, nothing stops, it goes on later."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from app.cli.workbench import build_workbench
from app.engine.events import RunFinished
from app.engine.log import LOG_NAME, replay
from app.tui.app import Workbench
from app.tui.screens.ask import AskReport
from app.tui.screens.run import RunScreen
from app.tui.screens.settings import SettingsScreen
from app.tui.screenshots import WIDE, until
from tests.cli_desk import make_desk
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
