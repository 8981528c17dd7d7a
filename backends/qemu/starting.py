"""How a guest comes up: booted, resumed from a saved state, forked from a template, rebooted."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import time

from backends import keys
from backends.base import BackendError, MachineState, MachineTimeout, PhaseSink
from backends.guest import GuestChannel, preload
from backends.qemu import console, disks, furnish, migration, monitor, usage, waking
from backends.qemu.control import ControlChannel
from backends.qemu.parts import Parts
from backends.qemu.template import Template

SETTLE_DEADLINE, SETTLE_SPAN, SETTLED = 5.0, 0.25, 0.08
"""A template is saved when its guest used less than this share of a core for so many seconds."""
MARKER = re.compile(rb"vmbench: ready\r?\n")
"""What a guest prints on its console once its SSH server listens."""


async def start(parts: Parts, template: Template | None, say: PhaseSink) -> None:
    """Fork the template, resume the saved state that lies in the folder, or boot.

    Raises:
        BackendError: the guest does not come up.
    """
    if template is not None and await template.lay(say):
        try:
            await _resume(parts, say, "fork of a template")
            return
        except BackendError:
            # A template that does not resume is not trusted again; the machine boots instead.
            await parts.process.kill()
            await parts.channels.hang_up()
            await asyncio.to_thread(template.forget)
            parts.held.update(state=MachineState.CREATED, process=None)
    elif template is None and (parts.folder / furnish.RESUME_STATE).exists():
        await _resume(parts, say, f"fork of {parts.held.record.parent}")
        return
    await boot(parts, say)


async def boot(parts: Parts, say: PhaseSink) -> None:
    """Boot, and wait until the guest takes commands.

    Raises:
        BackendError: it does not come up.
    """
    deadline = time.monotonic() + parts.around.boot_timeout
    process, channels = parts.process, parts.channels
    say("booting", f"{parts.launch.machine_type}, {parts.launch.accel}")
    console_start = parts.console_log.stat().st_size
    process.spawn(parts.launch, parts.around.affinity)
    loading = asyncio.create_task(asyncio.to_thread(preload))
    try:
        control = await process.until(deadline, ControlChannel.open(parts.folder), "QEMU")
        channels.control = control
        await process.until(deadline, _find_port(parts), "QEMU's monitor")
        control.expect_boot()
        await process.until(deadline, _booted(parts, console_start, deadline), "the guest's ready line")
        await loading
        guest = channels.reach_guest()
        left = max(1.0, deadline - time.monotonic())
        await process.until(deadline, guest.connect(timeout=left), "the guest's SSH server")
    finally:
        await asyncio.shield(loading)
    parts.held.update(state=MachineState.RUNNING)
    say("ready", "")


async def _booted(parts: Parts, console_start: int, deadline: float) -> None:
    """Wait until the console says that the SSH server listens, some moments before the channel does."""
    left = max(0.0, deadline - time.monotonic())
    await console.wait_for(
        parts.console_log, MARKER, timeout=left, start=console_start, gone=parts.process.ended
    )


async def _find_port(parts: Parts) -> None:
    async with monitor.monitor(parts.folder) as client:
        parts.held.update(ssh_port=await monitor.forwarded_port(client))


async def _resume(parts: Parts, say: PhaseSink, origin: str) -> None:
    deadline = time.monotonic() + parts.around.boot_timeout
    process, channels = parts.process, parts.channels
    say("booting", f"{origin}, {parts.launch.machine_type}, {parts.launch.accel}")
    shared = (parts.folder / furnish.RESUME_RAM).exists()
    parts.launch = dataclasses.replace(
        parts.launch, incoming=True, ram_file=furnish.RESUME_RAM if shared else None, ram_shared=False
    )
    process.spawn(parts.launch, parts.around.affinity)
    loading = asyncio.create_task(asyncio.to_thread(preload))
    try:
        control = await process.until(deadline, ControlChannel.open(parts.folder), "QEMU")
        channels.control = control
        await process.until(deadline, _load(parts, shared), "the saved state's resuming")
        personal = waking.personalise(
            control, machine=parts.held.record.id, client_key=keys.public_of(parts.folder)
        )
        await process.until(deadline, personal, "the guest after it resumed")
    finally:
        await asyncio.shield(loading)
    channels.reach_guest()
    await asyncio.to_thread(furnish.clear_resume, parts.folder)
    parts.launch = dataclasses.replace(parts.launch, incoming=False, ram_file=None)
    parts.held.update(state=MachineState.RUNNING)
    say("ready", "")


async def _load(parts: Parts, shared: bool) -> None:
    async with monitor.monitor(parts.folder) as client:
        await migration.load(client, parts.folder / furnish.RESUME_STATE, shared=shared)
        parts.held.update(ssh_port=await monitor.forwarded_port(client))


async def settle(parts: Parts, guest: GuestChannel) -> None:
    """Let a fresh guest finish what its boot began: what is left of that, every fork would do again.

    Raises:
        BackendError: it gives no answer.
    """
    control = await parts.channels.open_control()
    await guest.exec("true", timeout=30.0)
    await guest.reset()
    await control.run("true; (true | true)", timeout=30.0)
    process = parts.held.record.process
    deadline = time.monotonic() + SETTLE_DEADLINE
    while process is not None and time.monotonic() < deadline:
        if await asyncio.to_thread(usage.cpu_share, process.pid, SETTLE_SPAN) < SETTLED:
            return


async def reboot(parts: Parts, guest: GuestChannel, timeout: float) -> None:
    """Reboot the guest, which keeps its disk, and wait until it takes commands again.

    Raises:
        MachineTimeout: it does not within ``timeout`` seconds.
        BackendError: it did not reboot.
    """
    machine, process = parts.held.record.id, parts.process
    control = await parts.channels.open_control()
    deadline = time.monotonic() + timeout
    before = await _boot_id(control)
    await guest.reset()
    parts.held.update(console_start=console.size(parts.console_log))
    with contextlib.suppress(BackendError):
        await control.run("sync; reboot -f", timeout=0.5)
    try:
        await process.until(deadline, control.ready(), "the guest's ready line")
        left = max(1.0, deadline - time.monotonic())
        await process.until(deadline, guest.connect(timeout=left), "the guest's SSH server")
    except MachineTimeout as error:
        raise MachineTimeout(
            f"{machine} did not come back from its reboot within {timeout:g}s",
            detail=console.tail(parts.console_log),
        ) from error
    if await _boot_id(control) == before:
        raise BackendError(f"{machine} did not reboot", detail=console.tail(parts.console_log))


async def _boot_id(control: ControlChannel) -> bytes:
    _, said = await control.run("cat /proc/sys/kernel/random/boot_id", timeout=10.0)
    return said.strip()


async def reboot_afresh(parts: Parts) -> None:
    """Boot again with the disk as it was when the machine was made.

    Raises:
        BackendError: it does not come up.
    """
    await parts.process.kill()
    await parts.channels.hang_up()
    record = parts.held.record
    if record.disk:
        top = await asyncio.to_thread(_fresh_top, parts)
        for stale in set(record.layers) - set(record.base):
            (parts.folder / stale).unlink(missing_ok=True)
        parts.use_layers((top, *record.base))
    parts.held.update(state=MachineState.CREATED, process=None, ssh_port=None)
    await boot(parts, lambda phase, detail: None)


def _fresh_top(parts: Parts) -> str:
    record = parts.held.record
    if record.base:
        return disks.overlay(parts.folder, record.base[0])
    return disks.blank(parts.folder, record.disk or 0)
