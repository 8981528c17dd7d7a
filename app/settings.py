"""Settings: ``vmbench.toml`` of the project and of the user, the environment and the command line.

A flag wins over the environment, that over the project's file, that over the user's, that over the
default. A value that makes no sense is explained as a ``Problem`` and the next one in line is taken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from app.engine.latency.limits import Limits
from app.setting_kinds import (
    CAST_VERSION,
    KEEP,
    MILLISECONDS,
    NAMES,
    PARALLEL,
    PREFIX_KEY,
    SIZE,
    SWITCH,
    TEXT,
    Kind,
    Unfit,
    choice,
    count,
)
from registry.decode import shown, suggest
from registry.keep import Keep
from registry.location import CONFIG
from registry.problem import Problem, Severity

ACCELERATORS = ("auto", "tcg", "kvm", "hvf")
ISOLATIONS = ("auto", "off")
EMULATORS = ("pyte", "ghostty")
NOTIFY = ("auto", "osc9", "osc777", "bell", "off")
PREFIX = "ctrl+g"
"""Neither tmux's (ctrl+b) nor screen's (ctrl+a), and a shell only rings the bell for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How tests are run unless a flag says otherwise."""

    parallel: int | None = None
    """Machines at once; ``None`` lets memory and cores decide."""
    keep: Keep | None = None
    """Keep policy of tests that have none of their own; ``None`` for ``never``."""
    retry_errors: int = 0
    """How often a test that ended in ``error`` is tried again."""
    backend: str | None = None
    """Backend of tests that name none; ``None`` for the first that works on this host."""
    accel: str = "auto"
    """Accelerator of QEMU machines."""
    reserve: int | None = None
    """MiB of memory that stay free for the host; ``None`` for a tenth of it, at least 512."""
    isolation: str = "auto"
    """Whether guests are kept off the core that the person's own programs need."""
    checkpoint_count: int = 200
    """Checkpoints of all tests that are left at most."""
    checkpoint_size: int = 8192
    """MiB on the host's disk that they take at most."""
    history: int = 10_000
    """Past runs that are left at most."""
    secrets: tuple[str, ...] = ()
    """Variables of the environment whose values are masked in events, logs and recordings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UiSettings:
    """How the workbench looks."""

    theme: str = "vmbench-dark"
    notify: str = "auto"
    """How the end of a long run is told outside the workbench: a desktop notification, a bell, or not."""
    notify_after: int = 20
    """Seconds that a run takes at least before its end is told so."""
    animation: bool = False
    """Whether anything moves, such as a list that glides."""
    prefix: str = PREFIX
    """Key of terminals that is the workbench's own, as Textual calls it."""
    restore: bool = True
    """Whether the workbench begins where it was left: place, cursor, filter, marks, folds, panes, theme."""
    gauge: bool = True
    """Whether the workbench shows what keys cost just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalSettings:
    """How terminals in the workbench work."""

    record: bool = False
    """Whether every terminal is recorded from its beginning."""
    record_input: bool = False
    """Whether recordings hold what is typed, too."""
    cast_version: Literal[2, 3] = 3
    """Of the asciicast format."""
    emulator: str = "pyte"
    """What terminals are emulated by; ``ghostty`` is an optional extra."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting with its value, and what was wrong on the way to it.

    Which registry holds is no part of it: ``registry.location`` decides that.
    """

    run: RunSettings = RunSettings()
    ui: UiSettings = UiSettings()
    terminal: TerminalSettings = TerminalSettings()
    latency: Limits = field(default_factory=Limits)
    problems: tuple[Problem, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    """Where each value that is no default comes from, by its key such as ``run.parallel``."""


class SettingsError(Exception):
    """A setting cannot be changed.

    Attributes:
        message: What is wrong.
        remedy: What to do about it.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its key in the files, its variable and how a raw value becomes a typed one."""

    key: str
    env: str
    parse: Callable[[object], object]
    about: str
    project_only: bool = False
    otherwise: str = "auto"
    """What people read where nobody sets it and the default is ``None``."""

    @property
    def schema(self) -> Mapping[str, object]:
        """What may be written in a file, as a JSON schema; empty where the parser does not say."""
        return self.parse.schema if isinstance(self.parse, Kind) else {}

    @property
    def choices(self) -> tuple[str, ...]:
        """All values there are, where they can be listed."""
        return self.parse.choices if isinstance(self.parse, Kind) else ()

    def show(self, value: object) -> str:
        """Return a typed value as people write it."""
        return self.parse.show(value) if isinstance(self.parse, Kind) else str(value)

    @property
    def default(self) -> object:
        """The value that holds where nobody sets it; ``None`` is decided by the host."""
        section, _, name = self.key.rpartition(".")
        return getattr(getattr(Settings(), section), name) if section else None


LIMITS = {
    "paint_p99": "milliseconds from a key to its paint at most: 99 of 100 keys",
    "paint_max": "milliseconds from a key to its paint at most: the slowest key",
    "gap_p99": "milliseconds between pieces of steady output at most: 99 of 100 gaps",
    "gap_max": "milliseconds between pieces of steady output at most: the longest gap",
    "gap_busy_p99": "the same beside two burning vCPUs or more: 99 of 100 gaps",
    "gap_busy_max": "the same beside two burning vCPUs or more: the longest gap",
    "echo_p50": "milliseconds from a key to its echo in the workbench at most: half of the keys",
    "echo_p99": "milliseconds from a key to its echo in the workbench at most: 99 of 100 keys",
}
"""What the limits of latency are for, by their names."""

REGISTRY_ENV = "VMBENCH_REGISTRY"

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "registry",
        REGISTRY_ENV,
        TEXT,
        "folder of the registry, relative to the project's file",
        project_only=True,
    ),
    Setting(
        "run.parallel", "VMBENCH_PARALLEL", PARALLEL, 'machines at once; "auto" decides by memory and cores'
    ),
    Setting(
        "run.keep",
        "VMBENCH_KEEP",
        KEEP,
        "when tests that do not say so themselves leave their machine",
        otherwise="never",
    ),
    Setting(
        "run.retry_errors",
        "VMBENCH_RETRY_ERRORS",
        count(0),
        "how often a test is tried again that ended in error, the fault of the host",
    ),
    Setting(
        "run.backend",
        "VMBENCH_BACKEND",
        TEXT,
        "backend of tests that name none; auto is microvm where it works, else qemu",
    ),
    Setting(
        "run.accel",
        "VMBENCH_ACCEL",
        choice(*ACCELERATORS),
        "accelerator of machines; auto believes only a guest that booted",
    ),
    Setting(
        "run.reserve",
        "VMBENCH_RESERVE",
        SIZE,
        "memory that machines never take; auto is a tenth of it, at least 512M",
    ),
    Setting(
        "run.isolation",
        "VMBENCH_ISOLATION",
        choice(*ISOLATIONS),
        "whether machines leave one core to you, so that your keys stay quick",
    ),
    Setting(
        "run.checkpoint_count",
        "VMBENCH_CHECKPOINT_COUNT",
        count(0),
        "checkpoints of failed tests that are left at most; the oldest go first",
    ),
    Setting(
        "run.checkpoint_size",
        "VMBENCH_CHECKPOINT_SIZE",
        SIZE,
        "disk that checkpoints take at most; the oldest go first",
    ),
    Setting(
        "run.history", "VMBENCH_HISTORY", count(1), "past runs that are left at most; the oldest go first"
    ),
    Setting(
        "run.secrets",
        "VMBENCH_SECRETS",
        NAMES,
        "variables of the environment whose values are masked in events, logs and recordings",
    ),
    Setting(
        "ui.prefix",
        "VMBENCH_PREFIX",
        PREFIX_KEY,
        "key of terminals that is the workbench's own; pressed twice it is sent",
    ),
    Setting(
        "terminal.record", "VMBENCH_RECORD", SWITCH, "whether every terminal is recorded from its beginning"
    ),
    Setting(
        "terminal.record_input", "VMBENCH_RECORD_INPUT", SWITCH, "whether recordings hold what is typed, too"
    ),
    Setting("terminal.cast_version", "VMBENCH_CAST_VERSION", CAST_VERSION, "version of the asciicast format"),
    Setting(
        "terminal.emulator",
        "VMBENCH_EMULATOR",
        choice(*EMULATORS),
        "what terminals are emulated by; ghostty is an extra to install",
    ),
    Setting(
        "ui.theme", "VMBENCH_THEME", TEXT, "theme of the workbench: one of its own, of Textual's or of yours"
    ),
    Setting(
        "ui.notify",
        "VMBENCH_NOTIFY",
        choice(*NOTIFY),
        "how the end of a long run is told to somebody who looks elsewhere",
    ),
    Setting("ui.notify_after", "VMBENCH_NOTIFY_AFTER", count(0), "seconds from which on a run is long"),
    Setting(
        "ui.animation", "VMBENCH_ANIMATION", SWITCH, "whether anything moves, such as a list that glides"
    ),
    Setting("ui.restore", "VMBENCH_RESTORE", SWITCH, "whether the workbench begins where it was left"),
    Setting("ui.gauge", "VMBENCH_GAUGE", SWITCH, "whether the bottom line shows what your last keys cost"),
    *(
        Setting(
            f"latency.{name}",
            f"VMBENCH_LATENCY_{name.upper()}",
            MILLISECONDS,
            about,
            otherwise="none",
        )
        for name, about in LIMITS.items()
    ),
)

SECTIONS = tuple(dict.fromkeys(s.key.partition(".")[0] for s in SETTINGS if "." in s.key))


def load_settings(
    *,
    project_file: Path | None,
    user_file: Path | None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Settings:
    """Return the settings from all places; never raises for what a user wrote.

    Args:
        project_file: The project's ``vmbench.toml``, if there is one.
        user_file: The user's; it may be missing.
        environ: The environment; by default the process's.
        flags: Values from the command line by key, already parsed; only those that were given.
    """
    env = os.environ if environ is None else environ
    problems: list[Problem] = []
    values: dict[str, object] = {}
    sources: dict[str, str] = {}
    # The user's file is also the project's when vmbench is started in the config folder.
    if user_file is not None and user_file.is_file() and user_file != project_file:
        _take_file(user_file, values, sources, problems, is_project=False)
    if project_file is not None:
        _take_file(project_file, values, sources, problems, is_project=True)
    for setting in SETTINGS:
        raw = env.get(setting.env, "")
        if raw:
            try:
                values[setting.key] = setting.parse(raw)
                sources[setting.key] = setting.env
            except Unfit as unfit:
                problems.append(
                    _problem(Path(f"${setting.env}"), "", f'"{raw}" does not fit', f"give {unfit}")
                )
        if flags is not None and setting.key in flags:
            values[setting.key] = flags[setting.key]
            sources[setting.key] = "command line"
    return _build(values, sources, problems)


def value_of(settings: Settings, setting: Setting) -> object:
    """Return the value that holds for a setting, one of a section."""
    section, _, name = setting.key.rpartition(".")
    return getattr(getattr(settings, section), name)


def _build(values: Mapping[str, object], sources: dict[str, str], problems: Sequence[Problem]) -> Settings:
    def of(section: str) -> dict[str, object]:
        dot = f"{section}."
        return {key.removeprefix(dot): value for key, value in values.items() if key.startswith(dot)}

    return Settings(
        run=RunSettings(**of("run")),  # type: ignore[arg-type]  # each parser returns its field's type
        ui=UiSettings(**of("ui")),  # type: ignore[arg-type]
        terminal=TerminalSettings(**of("terminal")),  # type: ignore[arg-type]
        latency=Limits(**of("latency")),  # type: ignore[arg-type]
        problems=tuple(problems),
        sources=sources,
    )


def _take_file(
    file: Path,
    values: dict[str, object],
    sources: dict[str, str],
    problems: list[Problem],
    *,
    is_project: bool,
) -> None:
    import tomli  # where there is a file: the first paint of most does not wait for it

    try:
        text = file.read_bytes().decode()
        table = tomli.loads(text)
    except OSError as error:
        problems.append(
            _problem(file, "", f"cannot be read: {error.strerror}", "make it readable, or remove it")
        )
        return
    except ValueError as error:
        line = re.search(r"at line (\d+)", str(error))
        problems.append(
            _problem(
                file,
                "",
                f"is no TOML: {error}",
                "correct it; until then none of it applies",
                line=int(line[1]) if line else None,
            )
        )
        return
    lines = _KeyLines(text)
    for key, raw in _flat(table):
        setting = next((s for s in SETTINGS if s.key == key), None)
        if setting is None:
            problems.append(_unknown(file, key, lines))
        elif setting.project_only and not is_project:
            problems.append(
                _problem(
                    file,
                    key,
                    "belongs to a project, not to a user",
                    f"set it in the project's {CONFIG}, or give {setting.env}",
                    line=lines.find(key),
                )
            )
        elif setting.project_only:
            # Finding the registry reads it, relative to the file; here it is only checked.
            _parse(setting, raw, file, lines, problems)
        else:
            parsed = _parse(setting, raw, file, lines, problems)
            if parsed is not _NOTHING:
                values[key] = parsed
                sources[key] = str(file)


_NOTHING = object()


def _parse(setting: Setting, raw: object, file: Path, lines: _KeyLines, problems: list[Problem]) -> object:
    try:
        return setting.parse(raw)
    except Unfit as unfit:
        problems.append(
            _problem(
                file, setting.key, f"{shown(raw)} does not fit", f"give {unfit}", line=lines.find(setting.key)
            )
        )
        return _NOTHING


def _flat(table: Mapping[str, object], prefix: str = "") -> list[tuple[str, object]]:
    """Return the leaves of ``table`` with their dotted keys; only known sections are entered."""
    found: list[tuple[str, object]] = []
    for name, value in table.items():
        if not prefix and name in SECTIONS and isinstance(value, dict):
            found += _flat(value, f"{name}.")
        else:
            found.append((prefix + name, value))
    return found


def _unknown(file: Path, key: str, lines: _KeyLines) -> Problem:
    if key in SECTIONS:
        remedy = f"it is a section: write [{key}] and its settings below"
        return _problem(file, key, "is no setting by itself", remedy, line=lines.find(key))
    # A right name in a wrong section is likelier than any near spelling.
    same = [s.key for s in SETTINGS if s.key.rpartition(".")[2] == key.rpartition(".")[2]]
    otherwise = "remove it; docs/settings.md lists every setting"
    known = [*SECTIONS, *(s.key for s in SETTINGS)]
    remedy = f'did you mean "{same[0]}"?' if same else suggest(key, known, otherwise)
    return _problem(file, key, "is no setting", remedy, line=lines.find(key), severity=Severity.WARNING)


def _problem(
    file: Path,
    key: str,
    message: str,
    remedy: str,
    *,
    line: int | None = None,
    severity: Severity = Severity.ERROR,
) -> Problem:
    return Problem(severity=severity, file=file, key=key, message=message, remedy=remedy, line=line)


class _KeyLines:
    """Finds the line a key is written on; good enough for files a person writes."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()

    def find(self, key: str) -> int | None:
        section, _, name = key.rpartition(".")
        current = ""
        for number, line in enumerate(self._lines, 1):
            header = re.match(r"\s*\[\s*([\w.\-]+)\s*\]", line)
            if header:
                current = header[1]
                if current == key:
                    return number
                continue
            # A key may be written whole at the top, or by its own name inside its section.
            wanted = key if not current else name if current == section else None
            if wanted and re.match(rf"""\s*["']?{re.escape(wanted)}["']?\s*=""", line):
                return number
        return None
