"""Values that nobody may read: replaced wherever text and bytes leave the engine."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeVar

from app.engine.events import PlannedTest
from registry.model import AddStep, Service, Test

MASK = "•••"
_LEAST_LINE = 8
"""Characters of a line of a secret of several lines from which on it is masked also alone."""

_TELLING = frozenset(
    {"test", "run", "machine", "folder", "registry", "snapshot", "snapshots", "shaken"}
    | {"action", "stream", "level", "phase", "origin", "console", "artifacts", "output", "file", "group"}
)
"""Fields of events that tell one thing from another, or where a file is: they stay as they are."""

T = TypeVar("T")


class Masker:
    """Masks secrets.

    Args:
        secrets: The values; empty ones are left out. Of a value of several lines, longer lines are
            masked also alone, and all of it also with the line ends of a terminal.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        found: set[str] = set()
        for secret in secrets:
            whole = secret.strip("\r\n")
            lines = whole.splitlines()
            if len(lines) > 1:
                found.update(line.strip() for line in lines if len(line.strip()) >= _LEAST_LINE)
                found.update(("\n".join(lines), "\r\n".join(lines), "\r".join(lines)))
            found.add(whole)
        self.secrets = tuple(sorted(found - {""}, key=lambda value: (-len(value), value)))
        """What is masked, the longest first."""
        self._text = re.compile("|".join(map(re.escape, self.secrets)))
        self.encoded = tuple(value.encode(errors="surrogateescape") for value in self.secrets)
        self.whole = re.compile(b"|".join(map(re.escape, self.encoded)))
        """Finds any of them in bytes."""

    def __bool__(self) -> bool:
        return bool(self.secrets)

    def text(self, text: str) -> str:
        """Return a text with every secret masked."""
        return self._text.sub(MASK, text) if self.secrets else text

    def data(self, data: bytes) -> bytes:
        """Return bytes with every secret masked."""
        return self.whole.sub(MASK.encode(), data) if self.secrets else data

    def of(self, value: T) -> T:
        """Return a dataclass, or what it holds, with every text in it masked."""
        if not self.secrets:
            return value
        masked = self._any(value)
        return masked  # type: ignore[return-value]  # of the same type as it was

    def _any(self, value: object) -> object:
        if isinstance(value, Enum):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, tuple):
            return tuple(self._any(part) for part in value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            changed: dict[str, object] = {}
            for field in dataclasses.fields(value):
                if field.name in _TELLING or (field.name == "name" and isinstance(value, PlannedTest)):
                    continue
                before = getattr(value, field.name)
                after = self._any(before)
                if after != before:
                    changed[field.name] = after
            return dataclasses.replace(value, **changed) if changed else value
        return value


class MaskedStream:
    """Masks a stream of bytes that comes in pieces cut anywhere.

    What may be the beginning of a secret is held back until it is known.

    Args:
        masker: Masks what is whole.
    """

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Return what can be told now."""
        if not self._masker:
            return data
        data = self._held + data
        begin = self._begun(data)
        self._held = data[begin:]
        return self._masker.data(data[:begin])

    def _begun(self, data: bytes) -> int:
        """Return where what may be a secret's beginning begins."""
        last = None
        for last in self._masker.whole.finditer(data):  # noqa: B007 - the last one is wanted
            pass
        # A whole secret at the end may be the beginning of a longer one.
        floor = 0 if last is None else last.start() if last.end() == len(data) else last.end()
        begin = len(data)
        for secret in self._masker.encoded:
            for length in range(min(len(secret) - 1, len(data) - floor), len(data) - begin, -1):
                at = len(data) - length
                if data.endswith(secret[:length]) and (
                    last is None or at >= last.end() or at == last.start()
                ):
                    begin = at
                    break
        return begin

    def flush(self) -> bytes:
        """Return what was held back, at the end of the stream."""
        held, self._held = self._held, b""
        return self._masker.data(held)


def secrets_of(
    test: Test, services: Mapping[str, Service], environ: Mapping[str, str] | None = None
) -> dict[str, tuple[str, ...]]:
    """Return every value that a test's secrets have anywhere, by the variables' names.

    Args:
        test: The test.
        services: The registry's.
        environ: The environment; by default the process's. A secret that is set nowhere else comes from it.
    """
    env = os.environ if environ is None else environ
    places: list[Mapping[str, str]] = [test.env]
    for step in test.steps:
        if isinstance(step, AddStep):
            places.append(step.env)
            if step.service in services:
                places.append(services[step.service].variables())
    found: dict[str, tuple[str, ...]] = {}
    for name in test.secrets:
        values = [place[name] for place in places if name in place]
        found[name] = tuple(dict.fromkeys(values or ([env[name]] if name in env else [])))
    return found
