"""The settings and the keys in the workbench, over real files."""

from __future__ import annotations

from contextlib import asynccontextmanager

from textual.command import CommandPalette
from textual.notifications import Notification
from textual.widgets import Input, OptionList, Static

from app.engine.house import House
from app.paths import Paths
from app.settings_desk import SettingsDesk, Shown
from app.tui import demo, theme
from app.tui.app import TOASTS, Workbench
from app.tui.clock import Clock
from app.tui.replay import ReplayEngine
from app.tui.screens.choices import Choose
from app.tui.screens.dialogs import Confirm, Help
from app.tui.screens.keys import KeysScreen, Press
from app.tui.screens.settings import SettingsScreen
from app.tui.screenshots import WIDE, until
from app.tui.user_themes import load_themes
from app.tui.widgets.keys_text import KeysText
from app.tui.widgets.places_bar import PlacesBar
from app.tui.widgets.still import TextPane
from registry.location import Kind, Location


@asynccontextmanager
async def opened(tmp_path, *, environ=None, project=False):
    paths = Paths(cache=tmp_path / "cache", state=tmp_path / "state", config=tmp_path / "config")
    config = tmp_path / "vmbench.toml" if project else None
    if config is not None:
        config.write_text("# the team's\n[run]\nparallel = 2\n")
    location = Location(kind=Kind.REGISTRY, root=demo.ROOT, config=config)
    desk = SettingsDesk(paths, location, environ=environ or {})
    engine = ReplayEngine(
        demo.registry(), results=demo.results(), record=demo.record(tmp_path), folder=tmp_path
    )
    clock = Clock(mono=lambda: 1000.0, wall=lambda: demo.EPOCH)
    app = Workbench(engine, clock=clock, house=House(settings=desk), settings=desk.settings())
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: app.rows.registry is not None)
        yield app, desk, pilot


async def on_setting(app, pilot, key):
    await pilot.press("0")
    await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and bool(app.screen.rows_list.rows))
    rows = app.screen.rows_list
    rows.cursor = next(
        i for i, row in enumerate(rows.rows) if isinstance(row, Shown) and row.setting.key == key
    )
    await pilot.pause()


def notices(app) -> list[str]:
    return [n.message for n in app._notifications]


async def test_a_value_is_chosen_saved_and_taken_back(tmp_path) -> None:
    async with opened(tmp_path) as (app, desk, pilot):
        await on_setting(app, pilot, "run.keep")
        await pilot.press("enter", "j", "enter")
        await until(pilot, lambda: desk.settings().run.keep is not None)
        assert "on-failure" in desk.paths.user_settings.read_text()
        assert app.screen.rows_list.current.source == "yours"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        assert app.screen.query_one(OptionList).highlighted == 1, "it begins on the value there is"
        await pilot.press("G", "k", "escape")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        await pilot.press("d")
        await until(pilot, lambda: desk.settings().run.keep is None)
        await pilot.press("u", "u")
        await until(pilot, lambda: not desk.paths.user_settings.exists())
        await pilot.press("u")
        await until(pilot, lambda: "Nothing was changed here." in notices(app))


async def test_nonsense_is_refused_with_words(tmp_path) -> None:
    async with opened(tmp_path) as (app, desk, pilot):
        await on_setting(app, pilot, "run.parallel")
        await pilot.press("e")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        app.screen.query_one(Input).value = "many"
        await pilot.press("enter")
        await until(pilot, lambda: any("whole number" in n for n in notices(app)))
        assert not desk.paths.user_settings.exists()


async def test_what_makes_no_sense_in_the_files_is_told_and_listed(tmp_path) -> None:
    config = tmp_path / "config"
    config.mkdir()
    (config / "vmbench.toml").write_text('[run]\nparallel = "many"\nparalel = 3\nkeep = "always"\n')
    (config / "keys.toml").write_text('"tests.run" = "rr"\n"tests.foo" = "x"\n"tests.mark" = "x"\n')
    async with opened(tmp_path) as (app, desk, pilot):
        await until(pilot, lambda: len(notices(app)) == 2)
        keys, settings = notices(app)
        assert "tests.run" in keys and "1 more: 0 and then K shows all" in keys
        assert "run.parallel" in settings and "1 more: 0 shows all" in settings
        await on_setting(app, pilot, "run.keep")
        rows, details = app.screen.rows_list, app.screen.query_one("#setting-details", TextPane)
        assert rows.current.value == "always", "the rest applies"
        rows.cursor = 1
        await until(pilot, lambda: "vmbench.toml:2" in details.text)
        assert '"many" does not fit' in details.text and '→ give "auto"' in details.text
        assert app.screen.why_not("edit")
        rows.cursor = 2
        await until(pilot, lambda: 'did you mean "run.parallel"?' in details.text)
        desk.paths.user_settings.write_text('[run]\nkeep = "always"\n')
        await pilot.press("K")
        await until(pilot, lambda: isinstance(app.screen, KeysScreen) and app.screen.rows_list.count > 2)
        listed = app.screen.rows_list
        assert [problem.key for problem in listed.problems] == ["tests.run", "tests.foo"]
        assert listed.current is None
        await pilot.press("e", "down", "down", "down", "down")
        assert listed.current is not None
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        await until(pilot, lambda: rows.rows[0] == "Registry")


async def test_the_projects_file_and_what_wins(tmp_path) -> None:
    async with opened(tmp_path, project=True, environ={"VMBENCH_ACCEL": "tcg"}) as (app, desk, pilot):
        await on_setting(app, pilot, "run.parallel")
        assert app.screen.rows_list.current.source == "project"
        await pilot.press("p", "e")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        app.screen.query_one(Input).value = "7"
        await pilot.press("enter")
        await until(pilot, lambda: desk.settings().run.parallel == 7)
        assert desk.project_file.read_text() == "# the team's\n[run]\nparallel = 7\n"
        await on_setting(app, pilot, "run.accel")
        assert app.screen.why_not("edit") == "VMBENCH_ACCEL decides it; no file could change that."
        await pilot.press("enter")
        await until(pilot, lambda: any("VMBENCH_ACCEL decides" in n for n in notices(app)))


async def test_a_theme_that_no_setting_names_stays(tmp_path) -> None:
    async with opened(tmp_path) as (app, desk, pilot):
        await until(pilot, lambda: app.live.themes_read)
        app.theme = theme.LIGHT.name
        app.live.themes_read = False
        app.live.themes_changed(load_themes(desk.paths.user_themes))
        assert app.theme == theme.LIGHT.name


async def test_a_theme_holds_at_once_and_ones_own_is_read_live(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("app.tui.live_settings.THEMES_PERIOD", 0.01)
    async with opened(tmp_path) as (app, desk, pilot):
        desk.set("ui.theme", "vmbench-light")
        await on_setting(app, pilot, "ui.theme")
        assert app.theme == "vmbench-light"
        desk.paths.user_themes.mkdir()
        (desk.paths.user_themes / "plum.toml").write_text('primary = "#804080"\n')
        await until(pilot, lambda: "plum" in app.available_themes)
        app.theme = "plum"
        await until(pilot, lambda: app.theme_variables["primary"] == "#804080")
        (desk.paths.user_themes / "plum.toml").write_text('primary = "#408040"  # greener\n')
        await until(pilot, lambda: app.theme_variables["primary"] == "#408040")
        (desk.paths.user_themes / "plum.toml").write_text("primary = 3\n")
        await until(pilot, lambda: any("no colour" in n for n in notices(app)))


async def test_a_key_is_pressed_holds_at_once_and_goes_back(tmp_path) -> None:
    async with opened(tmp_path) as (app, desk, pilot):
        await pilot.press("0", "K")
        await until(pilot, lambda: isinstance(app.screen, KeysScreen))
        keys = app.screen
        await pilot.press("slash", *"app.theme", "enter")
        await until(pilot, lambda: keys.rows_list.count == 1)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, Press))
        await pilot.press("f7")
        await until(pilot, lambda: app.key_changes == {"app.theme": "f7"})
        assert '"app.theme" = "f7"' in desk.paths.user_keys.read_text()
        before = app.theme
        await pilot.press("f7")
        await until(pilot, lambda: app.theme != before)
        await pilot.press("t")
        await pilot.pause()
        assert app.theme != before
        await pilot.press("d")
        await until(pilot, lambda: app.key_changes == {})
        await pilot.press("u")
        await until(pilot, lambda: app.key_changes == {"app.theme": "f7"})


async def test_any_key_can_be_pressed_for_an_action_and_clashes_are_shown(tmp_path) -> None:
    async with opened(tmp_path) as (app, desk, pilot):
        await pilot.press("0", "K")
        await until(pilot, lambda: isinstance(app.screen, KeysScreen))
        keys = app.screen
        await pilot.press("slash", *"tests.run", "enter")
        await until(pilot, lambda: keys.rows_list.current.id == "tests.run")
        for pressed, taken in (("ctrl+p", "app.palette"), ("ctrl+q", "app.leave"), ("tab", "screen.next")):
            await pilot.press("e")
            await until(pilot, lambda: isinstance(app.screen, Press))
            await pilot.press(pressed)
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            assert any(taken in str(text.content) for text in app.screen.query(Static))
            await pilot.press("n")
            await until(pilot, lambda: app.screen is keys)
        assert not app.key_changes
        desk.set_keys("app.palette", "ctrl+o")
        desk.set_keys("app.go-machines", "M")
        desk.set_keys("settings.file", "F")
        app.live.load_keys()
        assert "M Machines" in str(app.screen.query_one(PlacesBar).content)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is keys)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        await pilot.press("F")
        await until(pilot, lambda: any(n.title == "Not now: file" for n in app._notifications))


async def test_the_help_begins_with_the_focused_pane(tmp_path) -> None:
    async with opened(tmp_path) as (app, _desk, pilot):
        for pane, title, key, sentence in (
            ("tests", "Here: the list of tests", "home end g G", "First and last row."),
            ("details", "Here: details", "↑ ↓ k j", "Scroll."),
        ):
            app.screen.set_focus(app.screen.query_one(f"#{pane}"))
            await pilot.press("question_mark")
            await until(pilot, lambda: isinstance(app.screen, Help))
            text = app.screen.query_one(KeysText).text
            lines = text.splitlines()
            assert text.index(title) < text.index("Mark the test") < text.index("Everywhere")
            assert text.index(title) < text.index(sentence) < text.index("Everywhere")
            assert any(line.startswith(key) and line.endswith(sentence) for line in lines)
            assert any(line.startswith("^p ") for line in lines), "what Textual brings is told too"
            assert any(line.startswith("alt+1 … alt+9") for line in lines)
            await pilot.press("j", "j", "G", "k", "g", "escape")
            await until(pilot, lambda: not isinstance(app.screen, Help))


async def test_a_key_that_is_taken_is_asked_about(tmp_path) -> None:
    async with opened(tmp_path) as (app, _, pilot):
        await pilot.press("0", "K")
        await until(pilot, lambda: isinstance(app.screen, KeysScreen))
        keys = app.screen
        await pilot.press("slash", *"tests.run-shown", "enter")
        await until(pilot, lambda: keys.rows_list.count == 1)
        await pilot.press("e", "q")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is keys)
        assert app.key_changes == {}
        await pilot.press("e", "q")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: app.key_changes == {"tests.run-shown": "q"})
        assert {"tests.run-shown", "app.quit"} == keys.rows_list.clashing


async def test_notices_do_not_pile_up(tmp_path) -> None:
    async with opened(tmp_path) as (app, _, pilot):
        for _ in range(4):
            app.notify("the same")
        await until(pilot, lambda: notices(app) == ["the same"])
        for number in range(6):
            app.notify(f"number {number}")
        await until(pilot, lambda: notices(app) == ["number 3", "number 4", "number 5"])
        assert all(isinstance(n, Notification) for n in app._notifications)
        assert len(notices(app)) == TOASTS
