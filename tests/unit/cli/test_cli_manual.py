"""The manual is made from the commands, as a man page and as docs/cli.md."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

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
