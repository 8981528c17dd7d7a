"""Short turns on the processor for the threads that serve the keyboard."""

from __future__ import annotations

import contextlib
import os
import sys

TURN = 100_000
"""Nanoseconds of a turn; the least that Linux takes."""
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
_RESET_ON_FORK = 1
_ATTRIBUTES = "=IIQiIQQQ"
"""``struct sched_attr`` of sched_setattr(2): size, policy, flags, nice, priority and three times."""


def ask_for_short_turns() -> bool:
    """Ask that the calling thread gets short turns, but soon; return whether the system does that.

    A thread that asks for less at once than others runs before them when it has something to do, for which
    no privilege is needed (Linux 6.12 and later: ``sched_runtime`` of an ordinary thread is its slice). What
    it starts does not inherit that.
    """
    number = _SCHED_SETATTR.get(os.uname().machine)
    if sys.platform != "linux" or number is None:
        return False
    import ctypes  # not before the first paint
    import struct

    nice = os.getpriority(os.PRIO_PROCESS, 0)
    size = struct.calcsize(_ATTRIBUTES)
    attributes = struct.pack(_ATTRIBUTES, size, os.SCHED_OTHER, _RESET_ON_FORK, nice, 0, TURN, 0, 0)
    with contextlib.suppress(OSError, AttributeError):
        return not ctypes.CDLL(None, use_errno=True).syscall(number, 0, attributes, 0)
    return False
