"""Plain output, for screen readers and braille lines: one fact a line, nothing drawn, nothing that moves."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])
VARIABLE = "VMBENCH_PLAIN"
_META = "vmbench.plain"


def plain() -> bool:
    """Whether plain output is wanted: by ``--plain``, by the environment, or by a terminal that is dumb."""
    context = click.get_current_context(silent=True)
    if context is not None and context.meta.get(_META):
        return True
    if os.environ.get(VARIABLE, "") not in ("", "0"):
        return True
    return os.environ.get("TERM") == "dumb" and sys.stdout.isatty()


def colours() -> bool:
    """Whether standard output takes colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and not plain()


def moving() -> bool:
    """Whether a line on standard error may be drawn again and again."""
    return sys.stderr.isatty() and not plain() and os.environ.get("TERM") != "dumb"


def _note(context: click.Context, _option: click.Parameter, value: bool) -> bool:
    if value:
        context.meta[_META] = True
    return value


def option(command: F) -> F:
    """Add ``--plain``, which the command need not know of."""
    return click.option(
        "--plain",
        is_flag=True,
        expose_value=False,
        callback=_note,
        help="One fact a line, nothing drawn: for screen readers.",
    )(command)
