"""``vmbench settings``."""

from __future__ import annotations

import json


def test_values_and_where_they_come_from(desk, monkeypatch) -> None:
    desk.write("vmbench.toml", "[run]\nparallel = 3\n")
    monkeypatch.setenv("VMBENCH_KEEP", "always")
    document = json.loads(desk.call("settings", "list", "--json").out)
    found = {s["key"]: (s["value"], s["source"]) for s in document["settings"]}
    assert found["run.parallel"] == ("3", "project")
    assert found["run.keep"] == ("always", "VMBENCH_KEEP")
    assert found["run.accel"] == ("auto", "default")
    assert "run.parallel" in desk.call("settings").out


def test_a_value_is_set_and_unset(desk) -> None:
    assert desk.call("settings", "set", "run.parallel", "5").code == 0
    assert desk.call("settings", "get", "run.parallel").out == "5\n"
    assert desk.paths.user_settings.is_file()
    assert desk.call("settings", "unset", "run.parallel").code == 0
    assert desk.call("settings", "get", "run.parallel").out == "auto\n"


def test_what_wins_over_a_set_value_is_said(desk, monkeypatch) -> None:
    monkeypatch.setenv("VMBENCH_PARALLEL", "2")
    result = desk.call("settings", "set", "run.parallel", "5")
    assert result.code == 0
    assert "VMBENCH_PARALLEL wins over it: 2 holds" in result.err


def test_a_project_without_a_file_is_told_how_to_get_one(desk) -> None:
    result = desk.call("settings", "set", "run.parallel", "5", "--in-project")
    assert result.code == 2
    assert "touch vmbench.toml" in result.err


def test_nonsense_is_explained(desk) -> None:
    result = desk.call("settings", "set", "run.keep", "maybe")
    assert result.code == 2
    assert "on-failure" in result.err
    assert desk.call("settings", "get", "run.kep").code == 2
    assert "$schema" in json.loads(desk.call("settings", "schema").out)
