"""Changing settings files, by hand of the engine and by the command line."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from app.engine.latency.limits import Limits
from app.settings import SETTINGS, SettingsError, load_settings, value_of
from app.settings_file import remove_setting, setting_of, shown_value, undo, write_setting
from app.settings_schema import settings_schema

SCHEMA = Path(__file__).parents[3] / "docs" / "vmbench.schema.json"
WRITTEN = """# mine
[ui]
theme = "vmbench-light"  # easy on the eye

[run]
# two is enough
parallel = 2
keep = "never"
"""


def read(file: Path):
    return load_settings(project_file=None, user_file=file, environ={})


def test_a_change_keeps_comments_and_order(tmp_path) -> None:
    file = tmp_path / "vmbench.toml"
    file.write_text(WRITTEN)
    write_setting(file, "run.parallel", "4")
    assert file.read_text() == WRITTEN.replace("parallel = 2", "parallel = 4")
    write_setting(file, "run.accel", "tcg")
    assert "# two is enough" in file.read_text()
    assert read(file).run.accel == "tcg"
    assert read(file).problems == ()


@pytest.mark.parametrize(
    ("typed", "written", "mib", "shown"),
    [
        ("9216", '"9G"', 9216, "9G"),
        ("1.5 GiB", '"1536M"', 1536, "1536M"),
        ("2g", '"2G"', 2048, "2G"),
        ("1T", '"1T"', 1024 * 1024, "1T"),
        ("0", '"0"', 0, "0"),
    ],
)
def test_a_size_is_written_and_shown_with_its_unit(tmp_path, typed, written, mib, shown) -> None:
    file = tmp_path / "vmbench.toml"
    write_setting(file, "run.checkpoint_size", typed)
    assert f"checkpoint_size = {written}\n" in file.read_text()
    settings = read(file)
    assert settings.run.checkpoint_size == mib and settings.problems == ()
    assert shown_value(mib, setting_of("run.checkpoint_size")) == shown


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_what_is_shown_of_a_default_can_be_typed_in(tmp_path, setting) -> None:
    if setting.default is None:
        return
    file = tmp_path / "vmbench.toml"
    write_setting(file, setting.key, shown_value(setting.default, setting))
    assert value_of(read(file), setting) == setting.default
    assert read(file).problems == ()


def test_every_limit_of_latency_can_be_set() -> None:
    settings = {s.key.removeprefix("latency.") for s in SETTINGS if s.key.startswith("latency.")}
    assert settings == {field.name for field in fields(Limits)}


def test_a_prefix_key_is_shown_as_it_is_typed(tmp_path) -> None:
    file = tmp_path / "vmbench.toml"
    write_setting(file, "ui.prefix", "ctrl+]")
    assert shown_value(read(file).ui.prefix, setting_of("ui.prefix")) == "ctrl+]"


def test_a_section_that_is_a_value_is_explained(tmp_path) -> None:
    file = tmp_path / "vmbench.toml"
    file.write_text("run = 3\n")
    with pytest.raises(SettingsError, match="run is a value") as raised:
        write_setting(file, "run.parallel", "4")
    assert "[run]" in raised.value.remedy
    assert file.read_text() == "run = 3\n"


def test_a_file_is_made_and_taken_back(tmp_path) -> None:
    file = tmp_path / "new" / "vmbench.toml"
    change = write_setting(file, "ui.theme", "vmbench-light")
    assert read(file).ui.theme == "vmbench-light"
    undo(change)
    assert not file.exists()


def test_a_change_is_not_taken_back_over_another(tmp_path) -> None:
    file = tmp_path / "vmbench.toml"
    file.write_text(WRITTEN)
    change = write_setting(file, "run.parallel", "4")
    file.write_text(file.read_text() + "# more\n")
    with pytest.raises(SettingsError, match="changed since"):
        undo(change)
    assert file.read_text().endswith("# more\n")


def test_what_is_removed_falls_back(tmp_path) -> None:
    file = tmp_path / "vmbench.toml"
    file.write_text(WRITTEN)
    assert remove_setting(file, "run.parallel") is not None
    assert remove_setting(file, "run.parallel") is None
    assert read(file).run.parallel is None
    assert "theme" in file.read_text()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("run.parallel", "many", "whole number"),
        ("run.keep", "sometimes", "on-failure"),
        ("run.paralel", "4", "run.parallel"),
        ("registry", "x", "project"),
    ],
)
def test_nonsense_changes_nothing(tmp_path, key, value, words) -> None:
    file = tmp_path / "vmbench.toml"
    file.write_text(WRITTEN)
    with pytest.raises(SettingsError) as caught:
        write_setting(file, key, value)
    assert words in f"{caught.value.message} {caught.value.remedy}"
    assert file.read_text() == WRITTEN


def test_a_broken_file_is_left_alone(tmp_path) -> None:
    file = tmp_path / "vmbench.toml"
    file.write_text("[run\n")
    with pytest.raises(SettingsError, match="no TOML"):
        write_setting(file, "run.parallel", "4")
    assert file.read_text() == "[run\n"


def test_what_is_written_for_every_choice_is_read_again(tmp_path) -> None:
    file = tmp_path / "vmbench.toml"
    for setting in SETTINGS:
        for value in setting.choices:
            write_setting(file, setting.key, value)
            assert read(file).problems == (), (setting.key, value)


def test_lists_and_numbers_are_written_as_such(tmp_path) -> None:
    file = tmp_path / "vmbench.toml"
    write_setting(file, "run.secrets", "TOKEN, KEY")
    write_setting(file, "terminal.cast_version", "2")
    assert read(file).run.secrets == ("TOKEN", "KEY")
    assert "cast_version = 2\n" in file.read_text()


def test_every_setting_says_what_may_be_written() -> None:
    for setting in SETTINGS:
        assert setting.schema, f"{setting.key}: its parser has to be a Kind"


def test_the_schema_in_the_docs_is_current() -> None:
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(settings_schema())), (
        "run: vmbench settings schema > docs/vmbench.schema.json"
    )
