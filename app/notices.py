"""What is told when a long run ends to a person who looks elsewhere: a desktop notification, or a bell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.engine.events import RunFinished, ShakeFinished

_DESKTOP = {
    "iTerm.app": "osc9",
    "WezTerm": "osc9",
    "ghostty": "osc9",
    "WarpTerminal": "osc9",
    "kitty": "osc9",
    "foot": "osc777",
    "rxvt-unicode": "osc777",
}
_LIMIT = 200
"""Characters of a notice at most; terminals cut or refuse longer ones."""


def way_of(setting: str, environ: Mapping[str, str]) -> str:
    """Return how a notice is given: ``osc9``, ``osc777``, ``bell`` or ``off``.

    Args:
        setting: What the settings say; ``auto`` looks at the terminal, and rings where it is unknown.
        environ: The environment.
    """
    if setting != "auto":
        return setting
    if environ.get("TMUX") or environ.get("STY"):
        return "bell"  # what multiplexers do with these sequences depends on how they are set up
    if environ.get("VTE_VERSION"):
        return "osc777"
    term = environ.get("TERM", "")
    program = environ.get("TERM_PROGRAM", "") or next(
        (name for name in ("kitty", "foot", "ghostty", "rxvt-unicode") if name in term), ""
    )
    return _DESKTOP.get(program, "bell")


def sequence(way: str, title: str, body: str) -> str:
    """Return what is written to the terminal: OSC 9 (iTerm2), OSC 777 (rxvt-unicode), or BEL."""
    title, body = _clean(title), _clean(body)
    if way == "osc9":
        return f"\x1b]9;{title}: {body}\x07\x07"
    if way == "osc777":
        return f"\x1b]777;notify;{title.replace(';', ',')};{body}\x07\x07"
    return "\x07" if way == "bell" else ""


def worth_telling(finished: RunFinished, after: float) -> bool:
    """Whether a run was long: it took ``after`` seconds or more, and nobody cancelled it."""
    return finished.duration >= after and not finished.cancelled


def run_ended(finished: RunFinished, took: str, shaken: Iterable[ShakeFinished] = ()) -> tuple[str, str]:
    """Return the title and the words of a notice that a run is over.

    Args:
        finished: How it ended.
        took: Its duration in words.
        shaken: How the forks of shaken tests ended.
    """
    counts = [f"{finished.passed} passed"]
    for number, word in (
        (finished.failed, "failed"),
        (finished.errors, "error"),
        (finished.skipped, "skipped"),
    ):
        if number:
            counts.append(f"{number} {word}")
    title = "Run cancelled" if finished.cancelled else "Run finished"
    verdicts = "".join(f" Shaken: {each.test}: {each.verdict}." for each in shaken)
    return title, f"{', '.join(counts)} in {took}.{verdicts}"


def _clean(text: str) -> str:
    """Return a text that can end no sequence and begin none."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text)[:_LIMIT].strip()
