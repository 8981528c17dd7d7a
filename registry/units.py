"""Durations and sizes as people write them in TOML: ``30``, ``"500ms"``, ``512``, ``"2G"``."""

from __future__ import annotations

import math
import re

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([MGT])(?:i?B)?", re.IGNORECASE)
_MEBIBYTES = {"M": 1, "G": 1024, "T": 1024 * 1024}

MAX_DURATION = 30 * 24 * 3600.0
"""Longest duration that is taken, in seconds: thirty days."""
MAX_SIZE = 1024 * 1024 * 1024
"""Largest size that is taken, in MiB: one PiB."""


def parse_duration(value: object) -> float:
    """Return a duration in seconds.

    Args:
        value: A number of seconds, or a string of a number and one of ``ms``, ``s``, ``m``, ``h``.

    Raises:
        ValueError: it is neither, not finite, or longer than ``MAX_DURATION``.
    """
    if type(value) is int or type(value) is float:
        if not abs(value) <= MAX_DURATION:  # so that nan is refused too
            raise ValueError("out of range")
        return float(value)
    if isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        seconds = float(match[1]) * _SECONDS[match[2]]
        if seconds > MAX_DURATION:
            raise ValueError("out of range")
        return seconds
    raise ValueError("not a duration")


def parse_size(value: object) -> int:
    """Return a size in whole MiB, rounded up.

    Args:
        value: A positive integer of MiB, or a string of a number and one of ``M``, ``G``, ``T``.

    Raises:
        ValueError: it is neither, not above 0, or larger than ``MAX_SIZE``.
    """
    if type(value) is int:
        size = value
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        exact = float(match[1]) * _MEBIBYTES[match[2].upper()]
        size = math.ceil(exact) if exact <= MAX_SIZE else MAX_SIZE + 1
    else:
        raise ValueError("not a size")
    if not 0 < size <= MAX_SIZE:
        raise ValueError("out of range")
    return size
