"""Reports of a run, each made from the state that its events tell."""

from __future__ import annotations

import contextlib
import os
import tempfile
from enum import StrEnum
from pathlib import Path

from app.engine.state import RunState
from backends.base import BackendError
from backends.files import make_room


class ReportFormat(StrEnum):
    """What a report can be written as."""

    JUNIT = "junit"
    """JUnit XML, for CI systems."""
    JSON = "json"
    MARKDOWN = "md"
    HTML = "html"


SUFFIXES = {
    ".xml": ReportFormat.JUNIT,
    ".json": ReportFormat.JSON,
    ".md": ReportFormat.MARKDOWN,
    ".markdown": ReportFormat.MARKDOWN,
    ".html": ReportFormat.HTML,
    ".htm": ReportFormat.HTML,
}
"""The format that a file's name asks for."""


class ReportError(BackendError):
    """A report cannot be made or written."""


def format_of(file: Path) -> ReportFormat:
    """Return the format that a file's name asks for.

    Raises:
        ReportError: its ending is none of those known.
    """
    found = SUFFIXES.get(file.suffix.lower())
    if found is None:
        raise ReportError(
            f"{file} does not tell a report's format by its ending",
            remedy=f"use {', '.join(SUFFIXES)}, or give --format",
        )
    return found


def make_report(state: RunState, kind: ReportFormat, *, cut_off: bool = False) -> str:
    """Return a report.

    Args:
        state: The run.
        kind: Its format.
        cut_off: Whether the run never ended, since its vmbench is gone.

    Raises:
        ReportError: the run has not even begun.
    """
    if state.started is None:
        raise ReportError("this run has no events yet", remedy="wait until it has begun")
    # Each format is imported when it is asked for.
    match kind:
        case ReportFormat.JUNIT:
            from app.engine.reports.junit import junit

            return junit(state)
        case ReportFormat.JSON:
            from app.engine.reports.document import document

            return document(state)
        case ReportFormat.MARKDOWN:
            from app.engine.reports.markdown import markdown

            return markdown(state, cut_off=cut_off)
        case ReportFormat.HTML:
            from app.engine.reports.html import html

            return html(state, cut_off=cut_off)


def write_report(text: str, file: Path, *, force: bool = False) -> None:
    """Write a report, atomically; a file that is there already stays unless ``force``. Blocking.

    Raises:
        ReportError: the file is there already, or cannot be written.
    """
    try:
        check_target(file, force=force)
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        new = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                out.write(text)
            new.chmod(0o644)
            if force:
                new.replace(file)
            else:
                os.link(new, file)  # fails where somebody made the file meanwhile
        finally:
            with contextlib.suppress(FileNotFoundError):
                new.unlink()
    except FileExistsError as error:
        raise _exists(file) from error
    except OSError as error:
        raise ReportError(
            f"{file} cannot be written: {error.strerror or error}",
            remedy=make_room(error) or "name a file in a folder of yours",
        ) from error


def check_target(file: Path, *, force: bool = False) -> None:
    """Say at once what would keep a report from being written later. Blocking, shortly.

    Raises:
        ReportError: the file is there already, or its folder is not.
    """
    if not file.parent.is_dir():
        raise ReportError(f"{file} cannot be written: there is no folder {file.parent}", remedy="make it")
    if file.is_dir():
        raise ReportError(f"{file} is a folder", remedy="name a file in it")
    if file.exists() and not force:
        raise _exists(file)


def _exists(file: Path) -> ReportError:
    return ReportError(f"{file} is there already", remedy="add --force to replace it, or name another file")
