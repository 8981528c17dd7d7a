"""Opens a file in the person's editor, at a line."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from backends.base import BackendError

FALLBACKS = ("nano", "vim", "vi")
_COLON = ("hx", "helix", "zed", "subl", "micro", "kate")
_GOTO = ("code", "codium", "code-insiders", "cursor")


def editor_command(
    file: Path, line: int | None = None, environ: Mapping[str, str] | None = None
) -> list[str]:
    """Return the command that opens a file at a line: by ``$VISUAL``, ``$EDITOR`` or an editor that is there.

    Raises:
        BackendError: there is no editor.
    """
    env = os.environ if environ is None else environ
    wanted = env.get("VISUAL") or env.get("EDITOR") or ""
    try:
        command = shlex.split(wanted) or [next(name for name in FALLBACKS if shutil.which(name))]
    except StopIteration:
        raise BackendError("there is no editor", remedy="set EDITOR, such as export EDITOR=nano") from None
    except ValueError as error:
        raise BackendError(f"EDITOR={wanted!r} is no command: {error}", remedy="close its quotes") from error
    name = Path(command[0]).name
    if line is None:
        return [*command, str(file)]
    if name in _COLON:
        return [*command, f"{file}:{line}"]
    if name in _GOTO:
        # Without --wait it would return at once, before anything is changed.
        wait = [] if "--wait" in command or "-w" in command else ["--wait"]
        return [*command, *wait, "--goto", f"{file}:{line}"]
    return [*command, f"+{line}", str(file)]


def edit(file: Path, line: int | None = None) -> None:
    """Open a file in the editor and return when it is closed. Blocking.

    Raises:
        BackendError: there is no such file or editor, or the editor failed.
    """
    if not file.is_file():
        raise BackendError(f"there is no {file} any more", remedy="L reads the registry again")
    command = editor_command(file, line)
    try:
        code = subprocess.run(command, check=False).returncode
    except OSError as error:
        raise BackendError(
            f"{command[0]} does not start: {error.strerror or error}",
            remedy="set EDITOR to an editor that is here",
        ) from error
    if code:
        raise BackendError(f"{command[0]} ended with exit code {code}")


_HEADER = re.compile(r"^\s*\[\[?\s*([A-Za-z0-9_.\-]+)\s*\]\]?", re.MULTILINE)


def line_of(text: str, key: str, step: int | None = None) -> int:
    """Return the line, from 1, on which a test's table begins, or its step's; 1 where it is not found.

    Args:
        text: The file's text.
        key: The test's key in it, such as ``tests[1]``.
        step: Index of the step.
    """
    name, number = _indexed(key)
    begin, end = _table(text, name, number) if name != "steps" else (0, len(text))
    if step is not None:
        prefix = "" if name == "steps" else f"{name}."
        at, _ = _table(text[:end], f"{prefix}steps", step, begin)
        if at >= 0:
            begin = at
        else:
            inline = [m.start() for m in re.finditer(r"\{\s*action\b", text[begin:end])]
            if step < len(inline):
                begin += inline[step]
    return text.count("\n", 0, max(begin, 0)) + 1


def _indexed(key: str) -> tuple[str, int]:
    found = re.match(r"([^\[\].]+)(?:\[(\d+)\])?", key)
    return (found[1], int(found[2] or 0)) if found else (key, 0)


def _table(text: str, name: str, number: int, begin: int = 0) -> tuple[int, int]:
    """Return where the table with this name and number begins and the next of its kind does; -1 for none."""
    places = [
        m.start() + len(m[0]) - len(m[0].lstrip()) for m in _HEADER.finditer(text, begin) if m[1] == name
    ]
    if number >= len(places):
        return -1, len(text)
    return places[number], places[number + 1] if number + 1 < len(places) else len(text)


def excerpt(text: str, key: str) -> str:
    """Return the part of a file that is a test."""
    name, number = _indexed(key)
    if name == "steps":
        return text.strip("\n")
    begin, end = _table(text, name, number)
    return text[begin:end].strip("\n") if begin >= 0 else text.strip("\n")
