"""A guest's RAM and devices to a file and back, by QEMU's migration.

Two ways: the whole RAM in the stream, or, where a file backs the RAM, the devices alone
(``x-ignore-shared``), which takes milliseconds whatever the RAM's size.
"""

from __future__ import annotations

import asyncio
import shlex
import shutil
from pathlib import Path

from qemu.qmp import QMPClient

from backends.base import BackendError

POLL = 0.002
"""Seconds between looks at a migration's status; a device state takes ten."""
BANDWIDTH = 1 << 40
"""Bytes a second: QEMU's default would throttle to the speed of a network."""

_NONE = "none"
_OVER = ("completed", "failed", "cancelled")

FULL_BELOW = 64 << 10
"""Bytes free on a disk on which a stream of whole pages found no more room."""


async def save(client: QMPClient, target: Path, *, shared: bool) -> None:
    """Write the state of a guest that stands still to ``target``.

    Raises:
        BackendError: it cannot be written.
    """
    await _set_up(client, shared=shared)
    await client.execute("migrate-set-parameters", {"max-bandwidth": BANDWIDTH})
    await client.execute("migrate", {"uri": f"exec:cat > {shlex.quote(str(target))}"})
    try:
        await _finish(client, f"cannot write {target}")
    except BackendError as error:
        # QEMU tells of a broken pipe; what broke it is the disk.
        if shutil.disk_usage(target.parent).free < FULL_BELOW:
            raise BackendError(
                f"cannot write {target}: no space left on the disk", remedy="free some disk space"
            ) from error
        raise


async def abandon(client: QMPClient) -> None:
    """Cancel a save that goes on without whoever began it: at its end it would halt the guest once more."""
    while (await _status(client))[0] not in (_NONE, *_OVER):
        await client.execute("migrate_cancel")
        await asyncio.sleep(POLL)


async def load(client: QMPClient, source: Path, *, shared: bool) -> None:
    """Take over the state in ``source`` and let the guest go on.

    Raises:
        BackendError: the state does not fit this QEMU.
    """
    await _set_up(client, shared=shared)
    await client.execute("migrate-incoming", {"uri": f"exec:cat {shlex.quote(str(source))}"})
    await _finish(client, f"cannot resume from {source}")
    await client.execute("cont")


async def _set_up(client: QMPClient, *, shared: bool) -> None:
    capability = {"capability": "x-ignore-shared", "state": shared}
    await client.execute("migrate-set-capabilities", {"capabilities": [capability]})


async def _finish(client: QMPClient, complaint: str) -> None:
    while True:
        status, reason = await _status(client)
        if status == "completed":
            return
        if status in _OVER:
            raise BackendError(f"{complaint}: {reason}", remedy="check that the disk is not full")
        await asyncio.sleep(POLL)


async def _status(client: QMPClient) -> tuple[str, str]:
    """Return what a migration is doing, and why where it failed."""
    answer = await client.execute("query-migrate")
    if not isinstance(answer, dict):
        return _NONE, ""
    status = str(answer.get("status", _NONE))
    return status, str(answer.get("error-desc", status))
