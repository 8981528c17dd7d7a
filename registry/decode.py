"""Reading values out of parsed TOML, collecting every problem instead of stopping at the first."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from registry.problem import Problem, Severity
from registry.units import parse_duration, parse_size

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_KINDS: Mapping[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a float",
    list: "an array",
    dict: "a table",
}


class Problems:
    """Collects the problems of one file."""

    __slots__ = ("errors", "file", "found", "test")

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Problem] = []
        self.errors = 0
        """How many errors were found so far."""
        self.test: str | None = None
        """The test that an error found now breaks."""

    def error(self, key: str, message: str, remedy: str, line: int | None = None) -> None:
        """Add an error."""
        self.errors += 1
        self.found.append(
            Problem(
                severity=Severity.ERROR,
                file=Path(self.file),
                key=key,
                message=message,
                remedy=remedy,
                line=line,
                test=self.test,
            )
        )

    def warning(self, key: str, message: str, remedy: str) -> None:
        """Add a warning."""
        self.found.append(
            Problem(severity=Severity.WARNING, file=Path(self.file), key=key, message=message, remedy=remedy)
        )


def kind_of(value: object) -> str:
    """Return what TOML calls a value, with its article."""
    return _KINDS.get(type(value), "a date or time")


def shown(value: object) -> str:
    """Return a value as it may stand in a message: short, on one line."""
    if isinstance(value, list | dict):
        return kind_of(value)
    text = f'"{value}"' if isinstance(value, str) else str(value).lower()
    text = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return text if len(text) <= 60 else f"{text[:57]}…"


@lru_cache(maxsize=1024)
def _closest(word: str, candidates: tuple[str, ...]) -> str | None:
    close = difflib.get_close_matches(word.lower()[:100], candidates, n=1)
    return close[0] if close else None


def suggest(word: str, candidates: Collection[str], otherwise: str) -> str:
    """Return ``did you mean "…"?`` for the candidate closest to ``word``, or ``otherwise``."""
    found = _closest(word, tuple(sorted(candidates)))
    return f'did you mean "{found}"?' if found else otherwise


class Table:
    """A TOML table, where it stands, and where its problems go."""

    __slots__ = ("data", "key", "problems")

    def __init__(self, data: Mapping[str, object], key: str, problems: Problems) -> None:
        self.data = data
        self.key = key
        self.problems = problems

    def at(self, name: str) -> str:
        """Return the key path of a key of this table."""
        if not _BARE_KEY.fullmatch(name):
            name = f'"{name.encode("unicode_escape").decode()}"'
        return f"{self.key}.{name}" if self.key else name

    def error(self, name: str, message: str, remedy: str) -> None:
        """Report an error at one key of this table."""
        self.problems.error(self.at(name), message, remedy)

    def wrong(self, name: str, expected: str, remedy: str) -> None:
        """Report that a key holds another kind of value than expected."""
        value = self.data[name]
        found = kind_of(value)
        if not isinstance(value, list | dict):
            found += f" ({shown(value)})"
        self.error(name, f"expected {expected}, found {found}", remedy)

    def check_keys(self, known: frozenset[str]) -> None:
        """Warn of every key that is not known here."""
        if self.data.keys() <= known:
            return
        for name in self.data:
            if name not in known:
                remedy = suggest(name, known, f"remove it; known keys are {', '.join(sorted(known))}")
                self.problems.warning(self.at(name), "unknown key", remedy)

    def text(self, name: str) -> str | None:
        """Return a string, or ``None`` where there is none."""
        value = self.data.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            if "\0" not in value:
                return value
            self.error(name, "the string holds a NUL character", "remove it; commands cannot bear it")
        else:
            self.wrong(name, "a string", f'write {name} = "…"')
        return None

    def required(self, name: str) -> str:
        """Return a string that must be there and say something; an empty one after an error."""
        if name not in self.data:
            self.error(name, f'"{name}" is missing', f'add {name} = "…"')
            return ""
        value = self.text(name)
        if value is not None and not value.strip():
            self.error(name, f'"{name}" is empty', f'write {name} = "…"')
        return value or ""

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a boolean."""
        value = self.data.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.wrong(name, "a boolean", "write true or false, without quotes")
            return default
        return value

    def integer(self, name: str, low: int, high: int) -> int | None:
        """Return an integer between two bounds, or ``None`` where there is none."""
        value = self.data.get(name)
        if value is None:
            return None
        if type(value) is not int:
            self.wrong(name, "an integer", f"write a whole number from {low} to {high}")
            return None
        if not low <= value <= high:
            self.error(name, f"{shown(value)} is out of range", f"write a whole number from {low} to {high}")
            return None
        return value

    def duration(self, name: str, default: float, *, minimum: float | None = None) -> float:
        """Return a duration in seconds.

        Args:
            name: The key.
            default: What holds where the key is absent, or wrong.
            minimum: Smallest value that is taken; ``None`` asks for more than 0.
        """
        value = self.data.get(name)
        if value is None:
            return default
        try:
            seconds = parse_duration(value)
        except ValueError:
            self.wrong(
                name, "a duration", 'write seconds, such as 30, or a string such as "500ms", "2m" or "1h"'
            )
            return default
        if seconds <= 0 if minimum is None else seconds < minimum:
            bound = "more than 0" if minimum is None else f"at least {minimum:g}"
            self.error(name, f"{shown(value)} is too short", f"write {bound} seconds")
            return default
        return seconds

    def size(self, name: str) -> int | None:
        """Return a size in MiB, or ``None`` where there is none."""
        value = self.data.get(name)
        if value is None:
            return None
        try:
            return parse_size(value)
        except ValueError:
            self.wrong(
                name, "a size above 0", 'write MiB as a whole number, such as 512, or a string such as "2G"'
            )
            return None

    def table(self, name: str) -> Table | None:
        """Return a table, or ``None`` where there is none."""
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            plural = f", or did you mean [[{name}s]]?" if name == "test" and isinstance(value, list) else ""
            self.wrong(name, "a table", f"write it as [{self.at(name)}]{plural}")
            return None
        return Table(value, self.at(name), self.problems)

    def tables(self, name: str) -> list[Table]:
        """Return an array of tables; an empty one where there is none."""
        value = self.data.get(name)
        if value is None:
            return []
        path = self.at(name)
        if not isinstance(value, list):
            bare = re.sub(r"\[[0-9]+\]", "", path)
            self.wrong(name, "an array of tables", f"write each as [[{bare}]]")
            return []
        found = []
        for index, item in enumerate(value):
            if isinstance(item, dict):
                found.append(Table(item, f"{path}[{index}]", self.problems))
            else:
                self.problems.error(
                    f"{path}[{index}]",
                    f"expected a table, found {kind_of(item)}",
                    "write each entry as a table",
                )
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """Return an array of strings; one string alone stands for an array of it."""
        value = self.data.get(name)
        if value is None:
            return ()
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            self.wrong(name, "an array of strings", f'write {name} = ["…", "…"]')
            return ()
        found: list[str] = []
        for index, item in enumerate(value):
            if isinstance(item, str) and item.strip() and item.isprintable():
                found.append(item)
            else:
                message = f"expected a string that says something, found {kind_of(item)} ({shown(item)})"
                self.problems.error(f"{self.at(name)}[{index}]", message, f'write {name} = ["…", "…"]')
        return tuple(dict.fromkeys(found))

    def variables(self, name: str) -> dict[str, str]:
        """Return a table of environment variables."""
        table = self.table(name)
        found: dict[str, str] = {}
        if table is not None:
            for variable in table.data:
                if table.check_variable(variable, variable):
                    value = table.text(variable)
                    if value is not None:
                        found[variable] = value
        return found

    def check_variable(self, variable: str, name: str) -> bool:
        """Return whether ``variable`` can name an environment variable; report at ``name`` if not."""
        if _ENV_NAME.fullmatch(variable):
            return True
        self.error(
            name,
            f"{shown(variable)} cannot name a variable",
            "use letters, digits and _, and no digit first",
        )
        return False

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """Return one of several words, compared without regard to case."""
        value = self.text(name)
        if value is None:
            return default
        for choice in choices:
            if choice.lower() == value.lower():
                return choice
        allowed = ", ".join(f'"{c}"' for c in choices)
        self.error(name, f"unknown value {shown(value)}", suggest(value, choices, f"write one of {allowed}"))
        return default

    def strings(self, name: str) -> dict[str, str]:
        """Return a table of strings under any keys."""
        table = self.table(name)
        if table is None:
            return {}
        return {key: value for key in table.data if (value := table.text(key)) is not None}

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)
