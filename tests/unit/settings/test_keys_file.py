"""The person's own keys, themes and notices."""

from __future__ import annotations

import importlib
import pkgutil
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import app.tui.screens
from app.keys_file import UnfitKey, load_keys, parse_keys, write_keys
from app.notices import sequence, way_of
from app.settings import SettingsError
from app.tui import keymap
from app.tui.app import Workbench
from app.tui.keys.clashes import BESIDE, clashes
from app.tui.screens.base import VmScreen
from app.tui.user_themes import load_themes, stamp_of
from app.tui.widgets.line_list import LineList
from app.tui.widgets.log_view import LogView
from app.tui.widgets.still import TextPane
from app.tui.widgets.timeline import Timeline

KNOWN = {key.id for _, key in keymap.all_keys()}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("r", "r"),
        ("R", "R"),
        ("ctrl+R", "ctrl+r"),
        ("^x, ?", "ctrl+x,question_mark"),
        ("alt+enter", "alt+enter"),
        ("F5", "f5"),
        ("PgUp", "pageup"),
        ("[", "left_square_bracket"),
        (" ", "space"),
    ],
)
def test_keys_as_people_write_them(text, keys) -> None:
    if text == " ":
        with pytest.raises(UnfitKey):
            parse_keys(text)
    else:
        assert parse_keys(text) == keys


@given(st.text(max_size=12))
def test_any_text_is_keys_or_is_refused_with_words(text) -> None:
    try:
        assert parse_keys(text)
    except UnfitKey as unfit:
        assert str(unfit)


def test_every_default_can_be_written_into_the_file() -> None:
    for _, key in keymap.all_keys():
        assert parse_keys(key.keys) == key.keys


def test_what_makes_sense_applies_and_the_rest_is_explained(tmp_path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text('"tests.run" = "ctrl+r"\n[run]\nrewind = "nokey"\nrewnd = "x"\nattach = 3\n')
    found = load_keys(file, KNOWN)
    assert found.changes == {"tests.run": "ctrl+r"}
    told = " ".join(map(str, found.problems))
    assert "nokey" in told
    assert "run.rewind" in told
    assert "run.attach" in told
    file.write_text("[x")
    assert "no TOML" in str(load_keys(file, KNOWN).problems[0])
    assert load_keys(tmp_path / "none.toml", KNOWN).changes == {}


def test_keys_are_written_where_they_stand(tmp_path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text("# mine\n[run]\nrewind = 'x'  # quick\n")
    write_keys(file, "run.rewind", "ctrl+z")
    write_keys(file, "tests.run", "f5")
    assert "# mine" in file.read_text()
    assert "# quick" in file.read_text()
    assert load_keys(file, KNOWN).changes == {"run.rewind": "ctrl+z", "tests.run": "f5"}
    write_keys(file, "tests.run", None)
    write_keys(file, "run.rewind", None)
    assert load_keys(file, KNOWN).changes == {}
    file.write_text("[x")
    with pytest.raises(SettingsError):
        write_keys(file, "tests.run", "x")
    assert file.read_text() == "[x"


def test_clashes_are_between_what_holds_at_the_same_time() -> None:
    assert clashes({}) == []
    taken = clashes({"tests.run": "f"})
    assert {(c.first.id, c.second.id) for c in taken} == {("tests.run", "tests.run-failed")}
    assert clashes({"tests.run": "q"})[0].second.id == "app.quit"
    assert clashes({"tests.run": "c"}) == []
    assert clashes({"tests.run": "z"})[0].second.id == "panes.zoom"
    assert clashes({"tests.run": "ctrl+p"})[0].second.id == "app.palette"
    assert clashes({"list.up": "w"}) == [], "a list and a log are never focused together"
    assert clashes({"find.done": "q", "confirm.yes": "q", "terminal.next": "q"})[0].second.id == (
        "terminal.jump"
    ), "only what follows the prefix key itself"


def screens() -> list[type[VmScreen]]:
    for module in pkgutil.walk_packages(app.tui.screens.__path__, "app.tui.screens."):
        importlib.import_module(module.name)
    left, found = [VmScreen], []
    while left:
        found.append(left.pop())
        left += found[-1].__subclasses__()
    return [screen for screen in found if screen.__module__.startswith("app.")]


def test_every_screen_says_which_scopes_hold_beside_its_own() -> None:
    for screen in screens():
        for scope in screen.SCOPE.split()[:1]:
            told = {scope for _, scope in screen.HELP_SCOPES} - {"app", "terminal", "find"}
            assert told <= {*screen.SCOPE.split(), *BESIDE.get(scope, ())}, screen


def test_every_key_of_the_workbench_has_an_id() -> None:
    for part in (Workbench, LineList, LogView, TextPane, Timeline, *screens()):
        bindings = part._merge_bindings()
        # What every app of Textual has besides; the next line of it ends a program that asks no question.
        unnamed = {b.action for found in bindings.key_to_bindings.values() for b in found if not b.id}
        assert unnamed <= {"help_quit"}, part


def test_themes_and_what_is_wrong_with_them(tmp_path) -> None:
    assert stamp_of(tmp_path / "none") == ()
    (tmp_path / "plum.toml").write_text(
        'base = "vmbench-light"\nprimary = "#804080"\n[variables]\nvm-dim = "#777777"\n'
    )
    (tmp_path / "bad.toml").write_text('primry = "#804080"\n')
    (tmp_path / "worse.toml").write_text('primary = "no such colour"\n')
    found = load_themes(tmp_path)
    assert [theme.name for theme in found.themes] == ["plum"]
    plum = found.themes[0]
    assert plum.primary == "#804080"
    assert plum.dark is False
    assert plum.variables["vm-dim"] == "#777777"
    assert "vm-rule" in plum.variables
    assert "primary" in found.problems[0]
    assert "no colour" in found.problems[1]


def test_a_notice_cannot_break_out_of_its_sequence() -> None:
    told = sequence("osc9", "a\x1b]0;x\x07", "b\nc")
    assert told.startswith("\x1b]9;")
    assert told.count("\x1b") == 1
    assert sequence("off", "a", "b") == ""
    assert sequence("bell", "a", "b") == "\x07"
    assert sequence("osc777", "a;b", "c").split(";")[2] == "a,b"


@pytest.mark.parametrize(
    ("environ", "way"),
    [
        ({"TERM_PROGRAM": "iTerm.app"}, "osc9"),
        ({"VTE_VERSION": "7000"}, "osc777"),
        ({"TERM": "xterm-kitty"}, "osc9"),
        ({"TERM": "foot"}, "osc777"),
        ({"TERM": "xterm"}, "bell"),
        ({"TERM_PROGRAM": "iTerm.app", "TMUX": "/tmp/x"}, "bell"),
    ],
)
def test_the_terminal_decides_the_way(environ, way) -> None:
    assert way_of("auto", environ) == way
    assert way_of("off", environ) == "off"


def test_the_example_in_the_docs_is_right() -> None:
    from pathlib import Path

    text = (Path(__file__).parents[3] / "docs" / "settings.md").read_text()
    example = text.partition("## Keys")[2].partition("```toml")[2].partition("```")[0]
    table = tomllib.loads(example)
    assert "tests.run" in table
    assert "run.rewind" in KNOWN
