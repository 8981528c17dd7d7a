"""The documents lead to what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.cli.tree import COMMANDS

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_readme_shows_commands_that_exist() -> None:
    blocks = "".join(re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL))
    used = set(re.findall(r"^(?:\.venv/bin/)?vmbench (\w+)", blocks, re.MULTILINE))
    assert used and used <= COMMANDS.keys()


def test_the_readmes_test_is_one(tmp_path: Path) -> None:
    from registry.discovery import load

    (example,) = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    folder = tmp_path / "hello"
    folder.mkdir()
    (folder / "test.toml").write_text(example)
    registry = load(tmp_path)
    assert registry.problems == ()
    assert [t.name for t in registry.tests] == ["hello-greets"]


SECTIONS = {
    "Tests": "tests list panes",
    "A run": "run list screen",
    "The console": "log run find screen",
    "Machines": "machines panes list",
    "Snapshots": "snapshots",
    "Panes": "panes screen list",
    "Past runs": "runs past-run list panes",
    "Settings and keys": "settings keys list",
}
"""Sections of the workbench's guide with a table of keys, and the scopes of the keymap that these are of."""
SPELT = {"↑": "up", "↓": "down", "←": "left", "→": "right", "PgUp": "pageup", "PgDn": "pagedown"}


def test_the_workbenchs_guide_names_keys_that_are_there() -> None:
    from app.tui import keymap

    spelt = {sign: name for name, sign in keymap._NAMES.items()} | SPELT
    seen = set()
    section, keys = "", False
    for line in (ROOT / "docs" / "workbench.md").read_text().splitlines():
        if line.startswith("## "):
            section = line[3:]
        if line.startswith("| "):
            keys = line == "| key | does |" or (keys and not line.startswith("| sign"))
        if not keys or not line.startswith("| `"):
            continue
        seen.add(section)
        there = {
            name
            for scope in SECTIONS[section].split()
            for key in keymap.SCOPES[scope]
            for name in key.keys.split(",")
        }
        for told in re.findall(r"`([^`]+)`", line.split(" | ")[0]):
            *before, last = told.split("+") if len(told) > 1 else (told,)
            name = "+".join((*before, spelt.get(last, last)))
            assert name in there, f"{section}: {told}"
    assert seen == set(SECTIONS)


def test_every_target_of_the_makefile_is_explained() -> None:
    text = (ROOT / "Makefile").read_text()
    public = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert public is not None
    for target in public[1].split():
        assert re.search(rf"^{target}:.*## \S", text, re.MULTILINE), target
