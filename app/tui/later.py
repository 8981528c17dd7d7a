"""What is done after a while in the event loop, by a timer that a busy host does not lose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.message_pump import MessagePump


def later(pump: MessagePump, wait: float, action: Callable[[], object]) -> asyncio.TimerHandle:
    """Do something after a while, in the order of a widget's, screen's or app's messages.

    Textual's own timers skip what they are late for: one that was to fire once, on a busy host, may never do.

    Args:
        pump: Whose messages it waits among; once that is gone, nothing is done.
        wait: Seconds.
        action: What is done.

    Returns:
        What cancels it.
    """
    return asyncio.get_running_loop().call_later(wait, pump.call_later, action)
