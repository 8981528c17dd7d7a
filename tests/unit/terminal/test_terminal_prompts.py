"""Commands are found in recordings, and become tests that the registry reads."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from app.engine.recorded import RecordedCommand, new_steps
from app.tui.terminal.cast_file import read_cast
from app.tui.terminal.prompts import commands_of
from registry.discovery import load_location
from registry.location import CATALOG, Kind, Location, RegistryError
from registry.writer import NewStep, NewTest, draft

PROMPT = "\x1b]133;D;{}\x07\x1b]133;A\x07root@box:~# \x1b]133;B\x07"


def commands(path: Path, *events: tuple[str, str], columns: int = 40):
    head = {"version": 3, "term": {"cols": columns, "rows": 6}}
    lines = [head, *([0.5, code, data] for code, data in events)]
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return [(c.text, c.exit_code, c.output) for c in commands_of(read_cast(path))]


def test_commands_are_what_the_screen_showed(tmp_path: Path) -> None:
    long = "echo " + "x" * 60
    found = commands(
        tmp_path / "a.cast",
        ("o", "welcome\r\n" + PROMPT.format(0)),
        ("i", "echo hi\r"),
        ("o", "echo hi\r\nhi\r\n" + PROMPT.format(0)[:5]),
        ("o", PROMPT.format(0)[5:]),
        # A typo mended, and completed: the prompt is drawn again without an end of the line.
        ("i", "eco\x7fho\t"),
        ("o", "eco\x08\x1b[Jho\r" + PROMPT.format(0) + "echo \x1b[J"),
        ("i", "x; false\r"),
        ("o", "x; false\r\nx\r\n" + PROMPT.format(1)),
        # A list of completions ends the line, but nobody pressed enter.
        ("i", "ls /\t\t"),
        ("o", "ls /\r\nbin  etc\r\n" + PROMPT.format(1) + "ls /"),
        ("i", "\x03"),
        ("o", "^C\r\n" + PROMPT.format(130)),
        ("i", "for i in 1 2\rdo echo $i; done\r"),
        ("o", "for i in 1 2\r\n> \x1b]133;B\x07do echo $i; done\r\n1\r\n2\r\n" + PROMPT.format(0)),
        ("i", "\r"),
        ("o", "\r\n" + PROMPT.format(0)),
        ("i", long + "\r"),
        ("o", long + "\r\n" + "x" * 60 + "\r\n" + PROMPT.format(0)),
        ("i", "exit\r"),
        ("o", "exit\r\n"),
    )
    assert found == [
        ("echo hi", 0, "hi"),
        ("echo x; false", 1, "x"),
        ("for i in 1 2\ndo echo $i; done", 0, "1\n2"),
        (long, 0, "x" * 60),
    ]


def test_without_marks_it_is_what_was_typed(tmp_path: Path) -> None:
    found = commands(
        tmp_path / "a.cast",
        ("o", "$ "),
        ("i", "echoo\x7f hi\r"),
        ("i", "wrong\x03ls -l /tmp\x17/etc\rx\x15\x1b[A\r"),
        ("o", "whatever\r\n"),
    )
    assert [text for text, _, _ in found] == ["echo hi", "ls -l /etc"]
    assert commands(tmp_path / "b.cast", ("o", "$ ls\r\n")) == []


def test_what_changes_the_shell_goes_before_the_commands_after_it() -> None:
    found = [
        RecordedCommand(text="cd /tmp", exit_code=0),
        RecordedCommand(text="A=1", exit_code=0),
        RecordedCommand(text="cd /srv", exit_code=0),
        RecordedCommand(text="ls $A", exit_code=0, duration=40),
        RecordedCommand(text="grep x y", exit_code=2),
        RecordedCommand(text="exit", exit_code=0),
        RecordedCommand(text="cat •••", exit_code=0),
    ]
    assert [c.wanted for c in found] == [True, True, True, True, False, False, False]
    steps = new_steps(found, [4, 3, 2, 1, 0])
    assert [(s.run, s.timeout) for s in steps] == [
        ("A=1\ncd /srv\nls $A", 90.0),
        ("A=1\ncd /srv\ngrep x y\ntest $? -eq 2", 30.0),
    ]


EXISTING = """# all about the box
[machine]   # of every test
memory = "256M"

[[tests]]  # the first one
name = "old"
steps = [{ action = "shell", run = "true" }]  # inline

# and the second
[[tests]]
name = "older"

  [[tests.steps]]
  action = "shell"   # odd spaces
  run = 'echo "quoted"'
# the end
"""


def location(root: Path, kind: Kind = Kind.REGISTRY) -> Location:
    return Location(kind=kind, root=root)


def test_a_test_is_added_and_everything_else_survives(tmp_path: Path) -> None:
    file = tmp_path / "tests" / "box.toml"
    file.parent.mkdir()
    file.write_text(EXISTING)
    awkward = ["echo \"a\" 'b' \\n", "printf '%s'\ntest $? -eq 1", "echo '''\nx", 'echo "\t"']
    steps = [NewStep(run=run, timeout=45 if run.startswith("echo '''") else 30) for run in awkward]
    made = draft(location(tmp_path), NewTest(name="fresh", steps=steps), Path("tests/box.toml"))
    assert file.read_text() == EXISTING
    assert '+name = "fresh"' in made.diff() and "\n-" not in made.diff().partition("@@")[2]
    made.save()
    text = file.read_text()
    assert [line for line in text.splitlines() if line in EXISTING.splitlines()][: len(EXISTING.splitlines())]
    for line in EXISTING.splitlines():
        assert line in text
    registry = load_location(location(tmp_path))
    assert registry.problems == ()
    assert [t.name for t in registry.tests] == ["fresh", "old", "older"]
    assert [s.run.strip("\n") for s in registry.tests[0].steps] == awkward
    assert tomllib.loads(text)["machine"] == {"memory": "256M"}
    # A second one, into a file of its own; then the same name again.
    draft(location(tmp_path), NewTest(name="alone", steps=steps)).save()
    assert (tmp_path / "tests" / "alone.toml").exists()
    assert len(load_location(location(tmp_path)).tests) == 4
    for name in ("fresh", "alone"):
        with pytest.raises(RegistryError, match="already") as caught:
            draft(location(tmp_path), NewTest(name=name, steps=steps))
        assert "name" in caught.value.remedy


def test_a_service_s_file_and_a_project_s(tmp_path: Path) -> None:
    steps = [NewStep(run="true")]
    web = tmp_path / "web"
    web.mkdir()
    (web / "service.toml").write_text('description = "x"\n[start]\nrun = "true"\n')
    made = draft(location(tmp_path), NewTest(name="smoke", steps=steps), Path("web/test.toml"))
    made.save()
    assert (made.name, [t.name for t in load_location(location(tmp_path)).tests]) == (
        "web-smoke",
        ["web-smoke"],
    )
    project = tmp_path / "project"
    project.mkdir()
    (project / "test.toml").write_text('[[tests]]\nname = "zero"\nrun = "true"\n')
    draft(location(project, Kind.PROJECT), NewTest(name="one", steps=steps)).save()
    draft(location(project, Kind.PROJECT), NewTest(name="two", steps=steps)).save()
    assert len(load_location(location(project, Kind.PROJECT)).tests) == 3


def test_nothing_is_clobbered_and_every_refusal_has_a_remedy(tmp_path: Path) -> None:
    one = NewTest(name="x", steps=[NewStep(run="true")])
    here = location(tmp_path)
    made = draft(here, one)
    made.file.parent.mkdir()
    made.file.write_text("# mine\n")
    for action in (
        made.save,
        lambda: draft(here, one),
        lambda: draft(here, NewTest(name="y", steps=[])),
        lambda: draft(here, NewTest(name="-", steps=one.steps)),
        lambda: draft(here, one, Path("../x.toml")),
        lambda: draft(here, one, Path("tests/x.txt")),
        lambda: draft(here, one, Path("deep/er/x.toml")),
        lambda: draft(Location(kind=Kind.CATALOG, root=CATALOG), one),
    ):
        with pytest.raises(RegistryError) as caught:
            action()
        assert caught.value.remedy
    assert made.file.read_text() == "# mine\n"
    made.file.write_text("tests = [{ name = 'a', run = 'true' }]\n")
    with pytest.raises(RegistryError, match="one array"):
        draft(here, one, Path("tests/x.toml"))
    made.file.write_text("tests = [\n")
    with pytest.raises(RegistryError, match="no TOML"):
        draft(here, one, Path("tests/x.toml"))
