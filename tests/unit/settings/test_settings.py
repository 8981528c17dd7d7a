from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.paths import user_paths
from app.settings import SETTINGS, RunSettings, UiSettings, load_settings
from registry.model import Keep, Severity

DOCS = Path(__file__).parents[3] / "docs" / "settings.md"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "vmbench.toml"


@pytest.fixture
def user(tmp_path: Path) -> Path:
    (tmp_path / "user").mkdir()
    return tmp_path / "user" / "vmbench.toml"


def test_defaults_hold_where_nothing_is_said(user: Path) -> None:
    settings = load_settings(project_file=None, user_file=user, environ={})
    assert settings.run == RunSettings()
    assert settings.ui == UiSettings()
    assert settings.problems == ()
    assert settings.sources == {}


def test_each_place_wins_over_the_next(project: Path, user: Path) -> None:
    user.write_text('[run]\nparallel = 1\nkeep = "never"\nretry_errors = 1\nreserve = 100\n')
    project.write_text('[run]\nparallel = 2\nkeep = "always"\nretry_errors = 2\n')
    settings = load_settings(
        project_file=project,
        user_file=user,
        environ={"VMBENCH_PARALLEL": "3", "VMBENCH_KEEP": "on-failure"},
        flags={"run.parallel": 4},
    )
    assert settings.problems == ()
    assert settings.run.parallel == 4
    assert settings.run.keep is Keep.ON_FAILURE
    assert settings.run.retry_errors == 2
    assert settings.run.reserve == 100
    assert settings.sources["run.parallel"] == "command line"
    assert settings.sources["run.keep"] == "VMBENCH_KEEP"
    assert settings.sources["run.retry_errors"] == str(project)
    assert settings.sources["run.reserve"] == str(user)


def test_auto_on_the_command_line_undoes_a_number_in_a_file(project: Path) -> None:
    project.write_text("[run]\nparallel = 2\n")
    settings = load_settings(project_file=project, user_file=None, environ={}, flags={"run.parallel": None})
    assert settings.run.parallel is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("parallel = 0", '"auto" or a whole number from 1 up'),
        ("parallel = true", '"auto" or a whole number from 1 up'),
        ('parallel = "many"', '"auto" or a whole number from 1 up'),
        ('keep = "allways"', '"never", "on-failure", "always"'),
        ("retry_errors = -1", "a whole number from 0 up"),
        ("backend = 5", "a text in quotes"),
        ('accel = "turbo"', '"auto", "tcg", "kvm", "hvf"'),
        ('reserve = "lots"', '"512M" or "2G"'),
    ],
)
def test_a_bad_value_is_explained_and_the_rest_applies(project: Path, line: str, said: str) -> None:
    other = "parallel = 7" if line.startswith("retry") else "retry_errors = 7"
    project.write_text(f"# mine\n[run]\n{other}\n{line}\n")
    settings = load_settings(project_file=project, user_file=None, environ={})
    (problem,) = settings.problems
    assert problem.severity is Severity.ERROR
    assert problem.file == project
    assert problem.key == f"run.{line.split()[0]}"
    assert problem.line == 4
    assert said in problem.remedy
    assert 7 in (settings.run.parallel, settings.run.retry_errors)


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        ("[run]\nparalel = 2\n", "run.paralel", 'did you mean "run.parallel"?'),
        ("parallel = 2\n", "parallel", 'did you mean "run.parallel"?'),
        ("[ui]\nkeep = 2\n", "ui.keep", 'did you mean "run.keep"?'),
        ("[rum]\nkeep = 2\n", "rum", 'did you mean "run"?'),
        ("quux = 2\n", "quux", "docs/settings.md lists every setting"),
    ],
)
def test_an_unknown_key_is_a_warning_with_a_guess(project: Path, text: str, key: str, remedy: str) -> None:
    project.write_text(text)
    (problem,) = load_settings(project_file=project, user_file=None, environ={}).problems
    assert (problem.severity, problem.key) == (Severity.WARNING, key)
    assert remedy in problem.remedy


def test_a_section_that_is_no_table_is_explained(project: Path) -> None:
    project.write_text("run = 5\n")
    (problem,) = load_settings(project_file=project, user_file=None, environ={}).problems
    assert problem.key == "run"
    assert "[run]" in problem.remedy


def test_a_file_that_is_no_toml_is_explained_with_its_line(project: Path, user: Path) -> None:
    project.write_text("[run]\nparallel = = 2\n")
    user.write_text("[run]\nparallel = 5\n")
    settings = load_settings(project_file=project, user_file=user, environ={})
    (problem,) = settings.problems
    assert problem.line == 2
    assert settings.run.parallel == 5


def test_a_bad_variable_names_itself(user: Path) -> None:
    settings = load_settings(project_file=None, user_file=user, environ={"VMBENCH_ACCEL": "warp"})
    (problem,) = settings.problems
    assert "VMBENCH_ACCEL" in str(problem)
    assert settings.run.accel == "auto"


def test_the_registry_is_a_projects_own_setting(project: Path, user: Path) -> None:
    user.write_text('registry = "x"\n')
    project.write_text('registry = "y"\n')
    (problem,) = load_settings(project_file=project, user_file=user, environ={}).problems
    assert problem.file == user


def test_memory_is_taken_as_number_or_text(project: Path) -> None:
    for text, mib in (("2048", 2048), ('"2G"', 2048), ('"512M"', 512), ("0", 0)):
        project.write_text(f"[run]\nreserve = {text}\n")
        assert load_settings(project_file=project, user_file=None, environ={}).run.reserve == mib


_value = st.one_of(st.integers(), st.booleans(), st.text(), st.floats(), st.lists(st.integers()), st.none())


@given(st.sampled_from(SETTINGS), _value)
def test_no_value_breaks_a_parser(setting: object, value: object) -> None:
    try:
        setting.parse(value)  # type: ignore[attr-defined]
    except ValueError as error:
        assert str(error)


@given(st.binary(max_size=200))
def test_no_file_breaks_the_reading(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("settings") / "vmbench.toml"
    file.write_bytes(content)
    load_settings(project_file=file, user_file=None, environ={})


def test_every_setting_is_documented() -> None:
    text = DOCS.read_text()
    for setting in SETTINGS:
        assert f"`{setting.key.rpartition('.')[2]}`" in text
        assert f"`{setting.env}`" in text


def test_folders_follow_their_variables(tmp_path: Path) -> None:
    paths = user_paths(
        {
            "VMBENCH_CACHE": str(tmp_path / "c"),
            "VMBENCH_STATE": str(tmp_path / "s"),
            "VMBENCH_CONFIG": str(tmp_path / "f"),
        }
    )
    assert paths.images == tmp_path / "c" / "images"
    assert paths.machines == tmp_path / "s" / "machines"
    assert paths.runs == tmp_path / "s" / "runs"
    assert paths.user_settings == tmp_path / "f" / "vmbench.toml"
    paths.make()
    for folder in (paths.cache, paths.state, paths.machines, paths.runs, paths.images):
        assert folder.stat().st_mode & 0o777 == 0o700
    paths.make()
