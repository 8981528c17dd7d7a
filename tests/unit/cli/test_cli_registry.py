"""``list`` and ``check``."""

from __future__ import annotations

import json

from tests.cli_desk import Desk

BROKEN = '[[tests]]\nname = "odd"\nsteps = [{ action = "shel", run = "true" }]\n'


def test_list_shows_names_and_summaries(desk: Desk) -> None:
    done = desk.call("list")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()[1:]] == ["web-first", "web-second"]
    assert "the first of all" in done.out
    assert "2 tests in" in done.err


def test_list_takes_filters_that_exclude(desk: Desk) -> None:
    assert "web-second" not in desk.call("list", "web", "-second").out
    assert "web-first" not in desk.call("list", "-tag:quick").out
    # No bundle of short options, though -v is one.
    assert "web-second" in desk.call("list", "-vet").out
    assert "web-first" not in desk.call("list", "--", "-first").out


def test_list_says_what_matches_nothing(desk: Desk) -> None:
    done = desk.call("list", "nothing-like-it")
    assert done.code == 2
    assert "no test matches 'nothing-like-it'" in done.err
    assert "vmbench list" in done.err


def test_list_verbose_shows_the_machine_and_where_it_is_written(desk: Desk) -> None:
    out = desk.call("list", "-v", "second").out
    assert "2 CPU, 512 MiB" in out
    assert "test.toml (tests[1])" in out
    assert "shell" in out and "slow" in out


def test_list_as_json_is_one_document(desk: Desk) -> None:
    done = desk.call("list", "--json", "tag:quick")
    (test,) = json.loads(done.out)["tests"]
    assert test["name"] == "web-first"
    assert [s["action"] for s in test["steps"]] == ["shell", "shell"]
    assert test["machine"]["memory"] >= 256


def test_a_missing_registry_is_a_usage_error(desk: Desk) -> None:
    done = desk.call("list", "--registry", "nowhere")
    assert done.code == 2
    assert done.err.startswith("error: the registry")
    assert "try: " in done.err


def test_check_is_content_with_good_tests(desk: Desk) -> None:
    done = desk.call("check")
    assert (done.code, done.out) == (0, "2 tests, 0 services: no problems\n")


def test_check_explains_each_problem_and_fails(desk: Desk) -> None:
    broken = desk.write("registry/odd/test.toml", BROKEN)
    done = desk.call("check")
    assert done.code == 1
    assert f"{broken}: error: tests[0].steps[0].action: " in done.out
    assert 'did you mean "shell"' in done.out


def test_check_counts_warnings_of_the_registry_and_the_settings(desk: Desk) -> None:
    desk.write("registry/odd/test.toml", '[[tests]]\nname = "a"\nsumary = "x"\nrun = "true"\n')
    settings = desk.write("vmbench.toml", "[run]\nparalel = 2\n")
    done = desk.call("check")
    assert done.code == 1
    assert f"{settings}:2: warning: run.paralel: is no setting" in done.out
    assert "2 problems" in done.out


def test_check_finds_a_backend_that_does_not_exist(desk: Desk) -> None:
    desk.write("registry/odd/test.toml", '[[tests]]\nname = "a"\nrun = "x"\nmachine = { backend = "fak" }\n')
    done = desk.call("check", "--json")
    assert done.code == 1
    (problem,) = json.loads(done.out)["problems"]
    assert "'fak'" in problem["message"] and "did you mean fake?" in problem["remedy"]


def test_a_project_is_one_folder(desk: Desk) -> None:
    desk.write("mine/test.toml", '[test]\nname = "solo"\n[[steps]]\naction = "shell"\nrun = "true"\n')
    done = desk.call("list", "--project", "mine")
    assert done.code == 0
    assert "solo" in done.out
