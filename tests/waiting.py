"""Waiting for a state in tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds that anything may take on a busy host before a test gives up."""


async def until(check: Callable[[], object], what: str, shown: Callable[[], str] = str) -> None:
    """Wait until something is true.

    Args:
        check: Whether it is.
        what: What is waited for, for the message.
        shown: What there is instead, for the message.
    """
    deadline = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < deadline, f"it never came to {what}; there is\n{shown()}"
        await asyncio.sleep(0.01)
