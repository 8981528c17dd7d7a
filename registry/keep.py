"""When a machine is left after its test is over."""

from __future__ import annotations

from enum import StrEnum


class Keep(StrEnum):
    """When a machine is left after its test is over."""

    NEVER = "never"
    ON_FAILURE = "on-failure"
    ALWAYS = "always"
