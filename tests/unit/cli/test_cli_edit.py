"""``vmbench edit`` with a real editor: a script that changes the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import editing
from app.cli import options
from backends.base import BackendError
from registry.discovery import load
from tests.cli_desk import Desk


@pytest.fixture
def at_terminal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk whose person sits at a terminal and edits with scripts."""
    monkeypatch.setattr(options, "on_terminal", lambda: True)
    monkeypatch.delenv("VISUAL", raising=False)
    return desk


def editor(desk: Desk, monkeypatch: pytest.MonkeyPatch, *scripts: str) -> Path:
    """Edit by sed: the first script the first time, the last one ever after; return what was opened."""
    program, opened = desk.folder / "editor.sh", desk.folder / "opened"
    cases = "\n".join(f"  {n}) sed -i '{script}' \"$2\" ;;" for n, script in enumerate(scripts, 1))
    program.write_text(f'#!/bin/sh\necho "$1" "$2" >> {opened}\ncase $(wc -l < {opened}) in\n{cases}\nesac\n')
    program.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(program))
    return opened


def test_a_change_is_told(at_terminal: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = editor(
        at_terminal, monkeypatch, 's/run = "two"/run = "2"/; s/cpus = 2/cpus = 4/', "", 's/"first"/"begin"/'
    )
    done = at_terminal.call("edit", "web-second")
    file = at_terminal.folder / "registry/web/test.toml"
    assert opened.read_text() == f"+8 {file}\n"
    assert done.code == 0
    assert done.out == "web-first: step 2 changed\nweb-second: machine\n"
    assert at_terminal.call("edit", "web-first", "--step", "2").out == f"nothing changed in {file}\n"
    assert at_terminal.call("edit", "first").out == "web-first is called web-begin now\n"


def test_what_is_wrong_is_told_and_opened_again(at_terminal: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("click.confirm", lambda text, **_: not asked.append(text) and len(asked) < 2)
    opened = editor(
        at_terminal, monkeypatch, "s/cpus = 2/cpus = two/", "s/cpus = two/cpus = -2/", "s/cpus = -2/cpus = 1/"
    )
    done = at_terminal.call("edit", "second")
    assert done.code == 1 and len(asked) == 2
    assert "test.toml:11: error" in done.out and "cpus" in done.out
    places = [line.split()[0] for line in opened.read_text().splitlines()]
    assert places == ["+8", "+11"], "the second time where the error is"
    # It cannot be read, and is found all the same.
    done = at_terminal.call("edit", "second")
    assert done.code == 0 and "web-second" in done.out


def test_what_cannot_be_opened(at_terminal: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for words, said in (
        (["web"], "fits 2 tests: web-first, web-second"),
        (["secnd"], "no test is called 'secnd'"),
        (["first", "--step", "3"], "web-first has 2 steps"),
    ):
        done = at_terminal.call("edit", *words)
        assert done.code == 1 and said in done.err, done
    monkeypatch.setenv("EDITOR", str(tmp_path / "none"))
    assert "set EDITOR" in at_terminal.call("edit", "first").err
    broken = at_terminal.write("registry/api/test.toml", "[[tests]\n")
    found = editing.find(load(at_terminal.folder / "registry"), "registry/api/test.toml")
    assert (found.file, found.line) == (broken, 1)
    with pytest.raises(BackendError, match="no test is called"):
        editing.find(load(at_terminal.folder / "registry"), "other.toml")
    monkeypatch.setattr(options, "on_terminal", lambda: False)
    assert at_terminal.call("edit", "first").code == 2
