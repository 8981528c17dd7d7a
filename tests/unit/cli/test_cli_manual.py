"""The manual is made from the commands, as a man page and as docs/cli.md."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from app.cli.manual import markdown, pages, roff
from app.cli.tree import vmbench
from tests.cli_desk import Desk

DOCUMENT = Path(__file__).parents[3] / "docs" / "cli.md"


def test_the_document_is_what_the_commands_say() -> None:
    made = markdown(pages(vmbench))
    assert made == DOCUMENT.read_text(), "make docs writes docs/cli.md anew"


def test_every_command_at_every_depth_has_examples_and_an_about() -> None:
    found = pages(vmbench)
    assert ("vmbench", "snapshot", "save") in [page.words for page in found]
    for page in found:
        assert page.about, page.words
        assert any(block.title == "Examples" and block.lines for block in page.more), page.words
        for option, about in (*page.options, *page.commands):
            assert about, (page.words, option)


def test_one_commands_manual_has_those_below_it(desk: Desk) -> None:
    out = desk.call("man", "image", "--format", "md").out
    assert "## vmbench image\n" in out and "## vmbench image build" in out
    assert "## vmbench run" not in out
    page = desk.call("man", "image").out
    assert page.startswith('.TH "VMBENCH\\-IMAGE" "1"')


def test_an_unknown_command_has_no_manual(desk: Desk) -> None:
    done = desk.call("man", "lst")
    assert done.code == 2
    assert "vmbench --help lists the commands" in done.err


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_man_page_is_read_without_a_warning() -> None:
    text = roff(pages(vmbench))
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-K", "utf8"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    shown = re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout)
    assert "vmbench latency --list; vmbench latency --show" in shown
    for word in ("NAME", "SYNOPSIS", "OPTIONS", "COMMANDS", "EXAMPLES", "COMMAND REFERENCE"):
        assert word in shown


def commands_of(line: str) -> list[list[str]]:
    """Return the words of every vmbench command in a line of shell."""
    if inner := re.findall(r"\$\((vmbench [^()]*)\)", line):
        rest = re.sub(r"\$\(vmbench [^()]*\)", "machine", line)
        return [words for part in (*inner, rest) for words in commands_of(part)]
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[list[str]] = []
    inside = False
    for word in lexer:
        if set(word) <= set("|&;<>"):
            inside = False
        elif inside:
            found[-1].append(word)
        elif word == "vmbench":
            inside = True
            found.append([])
    return found


def parse(words: list[str]) -> None:
    """Take a command apart as vmbench does, and do nothing."""
    command: click.Command = vmbench
    name, context = "vmbench", None
    while True:
        context = command.make_context(name, words, parent=context)
        rest = [*getattr(context, "_protected_args", ()), *context.args]
        if not isinstance(command, click.Group) or not rest:
            return
        told, found, words = command.resolve_command(context, rest)
        assert told is not None and found is not None
        name, command = told, found


def test_every_example_is_a_command_that_is_understood() -> None:
    lines = [
        line
        for page in pages(vmbench)
        for block in page.more
        if block.title == "Examples"
        for line in block.lines
    ]
    for line in lines:
        told = "vmbench" in line or line.split()[0] in ("ssh", "scp")
        assert told, line
        for words in commands_of(line):
            try:
                parse(words)
            except click.UsageError as error:
                raise AssertionError(f"{line}: {error.format_message()}") from error
        # What is about a command and no part of it is a comment, so that the line can be typed as it is.
        assert not re.search(r"\S {2,}[^#\s]", line.strip().partition("#")[0]), line
    with pytest.raises(click.UsageError):
        parse(["rewind", "web-login", "--sideways"])
