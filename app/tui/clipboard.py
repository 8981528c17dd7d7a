"""The clipboard of the desktop, where the workbench runs on one; elsewhere the outer terminal is asked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

LARGEST_OSC = 100_000
"""Bytes that are handed to the outer terminal at most (OSC 52); many terminals drop what is longer."""
TOO_MUCH: Final = f"More than {LARGEST_OSC // 1000} kB is too much to copy through this terminal."
_TIME = 5.0
"""Seconds that the desktop's program has."""


def desktop_command(
    environ: Mapping[str, str] | None = None,
    platform: str = sys.platform,
    which: Callable[[str], str | None] = shutil.which,
) -> tuple[str, ...]:
    """Return the program that takes text for the desktop's clipboard, or nothing where there is none.

    Over SSH, and in tmux and screen, which may be shown anywhere, the desktop of this host need not be the
    one that the person sits at.
    """
    environ = os.environ if environ is None else environ
    if any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "TMUX", "STY")):
        return ()
    choices: list[tuple[str, ...]] = []
    if platform == "darwin":
        choices.append(("pbcopy",))
    if environ.get("WAYLAND_DISPLAY"):
        choices.append(("wl-copy",))
    if environ.get("DISPLAY"):
        choices += [("xclip", "-selection", "clipboard"), ("xsel", "--clipboard", "--input")]
    return next((choice for choice in choices if which(choice[0])), ())


def fits(text: str) -> bool:
    """Return whether a text can be copied: into the desktop's clipboard any can."""
    return len(text.encode(errors="replace")) <= LARGEST_OSC or bool(desktop_command())


async def hand_over(command: Sequence[str], text: str) -> bool:
    """Give a text to the desktop's program; return whether it took it."""
    quiet = asyncio.subprocess.DEVNULL  # xclip stays, and would keep a pipe open
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True
        )
    except OSError:
        return False
    try:
        await asyncio.wait_for(process.communicate(text.encode(errors="replace")), _TIME)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return False
    return process.returncode == 0
