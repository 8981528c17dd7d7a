"""What is wrong in a file, and where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """How grave a problem in a registry is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong in a registry: where it is, what it is, and what to do about it."""

    severity: Severity
    file: Path
    key: str
    """Path of the key inside the file, such as ``tests[1].steps[0].action``; empty for the whole file."""
    message: str
    remedy: str
    line: int | None = None
    test: str | None = None
    """Name of the test that cannot run because of this problem, where it is known."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else str(self.file)
        key = f" {self.key}:" if self.key else ""
        return f"{where}:{key} {self.message} ({self.remedy})"
