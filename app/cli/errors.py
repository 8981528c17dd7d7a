"""The one place where an error becomes words and an exit code; no traceback reaches a user."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
import traceback
from pathlib import Path

import click

from app import __version__
from app.settings import SettingsError
from backends.base import BackendError, HostNotAble
from backends.files import disk_full
from registry.location import RegistryError

FAILURES = 1
USAGE = 2
HOST = 3
PIPE_CLOSED = 141
INTERRUPTED = 130


class UsageProblem(Exception):
    """What was asked for makes no sense; exit code 2.

    Args:
        message: What is wrong and why, in one line.
        remedy: What to type or change next.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def tell(error: BaseException) -> int:
    """Print what happened on stderr and return the exit code."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case SystemExit():
            return error.code if isinstance(error.code, int) else FAILURES
        case click.Abort() | KeyboardInterrupt():
            _print("interrupted")
            return INTERRUPTED
        case BrokenPipeError():
            silence_stdout()
            return PIPE_CLOSED
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "vmbench"
            report(error.format_message().removesuffix("."), f"{command} --help")
            return USAGE
        case click.ClickException():
            report(error.format_message())
            return FAILURES
        case UsageProblem() | RegistryError() | SettingsError():
            report(error.message, error.remedy)
            return USAGE
        case BackendError():
            report(error.message, error.remedy, error.detail)
            return HOST if isinstance(error, HostNotAble) else _code_of(error)
        case _:
            return _unexpected(error)


def _code_of(error: BackendError) -> int:
    from app.engine.plan import PlanError

    return USAGE if isinstance(error, PlanError) else FAILURES


def report(message: str, remedy: str = "", detail: str = "") -> None:
    """Print an error: what and why, then what to try."""
    _print(f"error: {message}")
    for line in detail.splitlines():
        _print(f"  | {line}")
    if remedy:
        _print(f"  try: {remedy}")


def warn(message: str, remedy: str = "") -> None:
    """Print a warning."""
    _print(f"warning: {message}" + (f" ({remedy})" if remedy else ""))


def silence_stdout() -> None:
    """Let nothing more be written to a stdout whose reader is gone, also not at exit."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)


def _unexpected(error: BaseException) -> int:
    """Write a report about a fault of vmbench's own and say where it is."""
    summary = f"{type(error).__name__}: {error}".splitlines()[0]
    full = disk_full(error)
    if full is not None:
        report(*full)
        return FAILURES
    if isinstance(error, OSError) and error.filename is not None:
        report(f"{error.filename}: {error.strerror}", "see that the path exists and that you may use it")
        return FAILURES
    text = "\n".join(
        [
            f"vmbench {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"command: {' '.join(sys.argv[1:])}",
            "",
            "".join(traceback.format_exception(error)),
        ]
    )
    try:
        file = _write_report(text)
    except OSError:
        report(f"a fault in vmbench itself: {summary}", "", text)
        return FAILURES
    report(f"a fault in vmbench itself: {summary}", f"file a bug with the report {file}")
    return FAILURES


def _write_report(text: str) -> Path:
    from app.paths import private_folder, user_paths

    paths = user_paths()
    private_folder(paths.state)
    folder = private_folder(paths.reports)
    file = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    file.write_text(text)
    file.chmod(0o600)
    return file


def _print(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # raised when nobody listens any more
        print(line, file=sys.stderr)
