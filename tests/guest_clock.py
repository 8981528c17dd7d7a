"""Whether a guest knows what time it is."""

from __future__ import annotations

import time

from backends.base import Machine


async def tells_the_time(machine: Machine) -> bool:
    """Return whether the guest's clock is within two seconds of the host's, however long it takes to ask."""
    before = time.time()
    said = float((await machine.exec("date +%s")).stdout)
    return before - 2 <= said <= time.time() + 2
