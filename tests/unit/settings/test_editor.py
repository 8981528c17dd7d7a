from __future__ import annotations

import pytest

from app.editor import edit, editor_command, excerpt, line_of
from backends.base import BackendError

TEXT = """\
# tests of the web

[[tests]]
name = "one"
[[tests.steps]]
action = "shell"
run = "true"
[[tests.steps]]
action = "shell"
run = "false"

[[tests]]
name = "two"
steps = [
  { action = "shell", run = "a" },
  { action = "shell", run = "b" },
]
"""


@pytest.mark.parametrize(
    ("key", "step", "line"),
    [
        ("tests[0]", None, 3),
        ("tests[0]", 0, 5),
        ("tests[0]", 1, 8),
        ("tests[0]", 7, 3),
        ("tests[1]", None, 12),
        ("tests[1]", 0, 15),
        ("tests[1]", 1, 16),
        ("tests[9]", None, 1),
        ("steps", None, 1),
    ],
)
def test_the_line_of_a_test_and_of_its_steps(key, step, line) -> None:
    assert line_of(TEXT, key, step) == line


def test_a_file_that_is_one_test() -> None:
    text = 'name = "t"\n[[steps]]\naction = "shell"\n[[steps]]\naction = "wait"\n'
    assert [line_of(text, "steps", n) for n in range(2)] == [2, 4]
    assert excerpt(text, "steps") == text.strip()


def test_an_excerpt_is_the_test_alone() -> None:
    assert excerpt(TEXT, "tests[0]").splitlines()[0] == "[[tests]]"
    assert excerpt(TEXT, "tests[0]").endswith('run = "false"')
    assert '"two"' in excerpt(TEXT, "tests[1]")


@pytest.mark.parametrize(
    ("editor", "ends"),
    [
        ("vim -u NONE", ["vim", "-u", "NONE", "+7", "t.toml"]),
        ("/usr/bin/code", ["/usr/bin/code", "--wait", "--goto", "t.toml:7"]),
        ("code --wait", ["code", "--wait", "--goto", "t.toml:7"]),
        ("hx", ["hx", "t.toml:7"]),
    ],
)
def test_editors_are_told_the_line_in_their_own_way(tmp_path, editor, ends) -> None:
    command = editor_command(tmp_path / "t.toml", 7, {"EDITOR": editor})
    assert [word.replace(f"{tmp_path}/", "") for word in command] == ends


def test_the_editor_that_is_asked_for_first_wins(tmp_path) -> None:
    assert editor_command(tmp_path, None, {"EDITOR": "a", "VISUAL": "b"})[0] == "b"


def test_editors_that_fail_say_so(tmp_path, monkeypatch) -> None:
    file = tmp_path / "t.toml"
    with pytest.raises(BackendError, match="any more"):
        edit(file)
    file.touch()
    for editor, told in (("false", "exit code 1"), ("/no/such", "does not start"), ("'x", "no command")):
        monkeypatch.setenv("VISUAL", editor)
        with pytest.raises(BackendError, match=told):
            edit(file, 1)
    monkeypatch.setenv("VISUAL", "true")
    edit(file, 1)
