"""The manual: what click knows of every command, as pages that are written as roff or as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from app import __version__


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph of a text; ``lines`` are kept apart where it is ``verbatim``, and flow otherwise."""

    lines: tuple[str, ...]
    verbatim: bool = False
    title: str = ""
    """A heading that the block began with, such as ``Examples``."""


@dataclass(frozen=True, slots=True)
class Page:
    """What there is to say about one command.

    Attributes:
        words: How it is called, ``vmbench`` first.
        usage: What follows the words.
        about: Its help.
        options: What is written for each option, and what it does.
        commands: Its commands, each with a line on it.
        more: What comes after the options: examples, exit codes.
    """

    words: tuple[str, ...]
    usage: str
    about: tuple[Block, ...]
    options: tuple[tuple[str, str], ...]
    commands: tuple[tuple[str, str], ...]
    more: tuple[Block, ...]


def pages(root: click.Command, name: str = "vmbench") -> list[Page]:
    """Return a page for a command and each of those below it, in the order of its help.

    Args:
        root: The command; all of its modules are imported.
        name: What people type for it.
    """
    return list(_walk(root, _context(root, name), (name,)))


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    return click.Context(command, parent, name, **command.context_settings)


def _walk(command: click.Command, context: click.Context, words: tuple[str, ...]) -> Iterator[Page]:
    below: list[tuple[str, click.Command]] = []
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None and not found.hidden:
                below.append((name, found))
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    yield Page(
        words=words,
        usage=" ".join(command.collect_usage_pieces(context)),
        about=_blocks(command.help or ""),
        options=tuple(record for record in records if record is not None and record[1]),
        commands=tuple((name, found.get_short_help_str(200)) for name, found in below),
        more=_blocks(command.epilog or ""),
    )
    for name, found in below:
        yield from _walk(found, _context(found, name, context), (*words, name))


def _blocks(text: str) -> tuple[Block, ...]:
    """Return the paragraphs of a help text; those that click shall not wrap are verbatim."""
    found: list[Block] = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        lines = paragraph.splitlines()
        verbatim = bool(lines) and lines[0].strip() == "\b"
        lines = lines[1:] if verbatim else lines
        title = ""
        if verbatim and lines and lines[0].endswith(":"):
            title, lines = lines[0][:-1], lines[1:]
        if lines or title:
            found.append(Block(tuple(lines), verbatim, title))
    return tuple(found)


def markdown(found: Sequence[Page]) -> str:
    """Return pages as one Markdown document."""
    lines = ["# Commands", "", "Written by `vmbench man --format md`; every text is that of `--help`."]
    for page in found:
        words = " ".join(page.words)
        lines += ["", f"## {words}", "", "```text", f"{words} {page.usage}".rstrip(), "```"]
        for block in page.about:
            lines += _markdown_block(block)
        if page.commands:
            lines += ["", "| command | does |", "|---|---|"]
            lines += [
                f"| [`{name}`](#{'-'.join((*page.words, name))}) | {_cell(about)} |"
                for name, about in page.commands
            ]
        if page.options:
            lines += ["", "| option | does |", "|---|---|"]
            lines += [f"| `{_cell(option)}` | {_cell(about)} |" for option, about in page.options]
        for block in page.more:
            lines += _markdown_block(block)
    return "\n".join(lines) + "\n"


def _markdown_block(block: Block) -> list[str]:
    head = ["", f"{block.title}:"] if block.title else []
    if not block.lines:
        return head
    if block.verbatim:
        return [*head, "", "```sh" if block.title == "Examples" else "```text", *_dedented(block), "```"]
    return ["", *(line.strip() for line in block.lines)]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _dedented(block: Block) -> list[str]:
    return inspect.cleandoc("\n" + "\n".join(block.lines)).splitlines()


def roff(found: Sequence[Page]) -> str:
    """Return pages as a man page of section 1; the first page leads, the others follow as its commands."""
    first, *others = found
    name = "-".join(first.words)
    lines = [
        f'.TH "{_roff(name.upper())}" "1" "" "vmbench {_roff(__version__)}" "vmbench"',
        ".SH NAME",
        f"{_roff(name)} \\- {_roff(_summary(first))}",
        ".SH SYNOPSIS",
        f".B {_roff(' '.join(first.words))}",
        _line(first.usage),
        ".SH DESCRIPTION",
    ]
    lines += _roff_blocks(first.about)
    lines += _roff_list("OPTIONS", first.options)
    lines += _roff_list("COMMANDS", first.commands)
    for block in first.more:
        if block.title:
            lines += [f".SH {_roff(block.title.upper())}"]
        lines += _roff_blocks((Block(block.lines, block.verbatim),))
    if others:
        lines += [".SH COMMAND REFERENCE"]
    for page in others:
        words = " ".join(page.words)
        lines += [f'.SS "{_roff(words)} {_roff(page.usage)}"']
        lines += _roff_blocks(page.about)
        for option, about in (*page.options, *page.commands):
            lines += [".TP", f".B {_roff(option)}", _line(about)]
        if page.options or page.commands:
            lines += [".PP"]
        lines += _roff_blocks(page.more)
    return "\n".join(line for line in lines if line) + "\n"


def _summary(page: Page) -> str:
    return " ".join(page.about[0].lines).strip().rstrip(".") if page.about else ""


def _roff_list(title: str, entries: Sequence[tuple[str, str]]) -> list[str]:
    lines = [f".SH {title}"] if entries else []
    for term, about in entries:
        lines += [".TP", f".B {_roff(term)}", _line(about)]
    return lines


def _roff_blocks(blocks: Sequence[Block]) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        lines += [".PP"]
        if block.title:
            lines += [f".B {_roff(block.title)}:"]
        if block.verbatim and block.lines:
            lines += [".RS 4", ".nf", *map(_line, _dedented(block)), ".fi", ".RE"]
        elif block.lines:
            lines += [_line(" ".join(line.strip() for line in block.lines))]
    return lines


def _roff(text: str) -> str:
    """Return text as roff reads it: backslashes and hyphens are not its own."""
    return text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")


def _line(text: str) -> str:
    """Return a line of text; one that begins as a request does is none."""
    return ("\\&" if text.startswith((".", "'")) else "") + _roff(text)
