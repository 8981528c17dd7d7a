"""What lies in a machine's folder before its guest starts: keys, kernel, initramfs, disk, launch.

Files that never change (kernel, initramfs, disk layers, a saved state) are hard links to the image's
or the snapshot's, so a machine needs neither once it is made.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from backends import keys
from backends.images import cpio
from backends.qemu.argv import CONSOLE_LOG, LaunchSpec
from backends.snapshots import RAM, STATE, link

KERNEL = "kernel"
INITRAMFS = "initramfs"
"""The image's own part of the initramfs."""
INITRD = "initrd.cpio"
"""The image's part and the machine's."""
HOST_KEY = "host_key.dropbear"
LAUNCH = "launch.json"
RESUME_STATE = "resume.state"
"""Present while the machine's next start resumes instead of booting."""
RESUME_RAM = "resume.ram"
CONSOLE_KEPT = 1 << 20
"""Bytes of a console's end that a snapshot keeps, so that forks show what came before them."""


def lay_boot_files(folder: Path, kernel: Path, initramfs: Path) -> None:
    """Link what the guest boots. Blocking."""
    link(kernel, folder / KERNEL)
    link(initramfs, folder / INITRAMFS)


def lay_keys(folder: Path, machine: str, pair: keys.MachineKeys) -> None:
    """Write the machine's keys, and the initramfs that carries them into the guest. Blocking."""
    for stale in (keys.CLIENT_KEY, keys.KNOWN_HOSTS, HOST_KEY, INITRD):
        (folder / stale).unlink(missing_ok=True)
    keys.write_files(pair, folder, machine)
    host_key = folder / HOST_KEY
    host_key.touch(mode=0o600)
    host_key.write_bytes(pair.host_private_dropbear)
    with (folder / INITRAMFS).open("rb") as base, (folder / INITRD).open("xb") as whole:
        shutil.copyfileobj(base, whole, 1 << 20)
        whole.write(b"\0" * (-whole.tell() % cpio.BLOCK))
        whole.write(cpio.archive(key_entries(pair, machine)))


def key_entries(pair: keys.MachineKeys, machine: str) -> tuple[cpio.Entry, ...]:
    """Return what a machine's own part of the initramfs holds: its keys and its id."""
    return (
        cpio.directory("root", 0o700),
        cpio.directory("root/.ssh", 0o700),
        cpio.file("root/.ssh/authorized_keys", f"{pair.client_public}\n".encode(), 0o600),
        cpio.directory("etc/dropbear", 0o700),
        cpio.file("etc/dropbear/dropbear_ed25519_host_key", pair.host_private_dropbear, 0o600),
        cpio.directory("etc/vmbench", 0o755),
        cpio.file("etc/vmbench/machine", f"{machine}\n".encode(), 0o644),
    )


def lay_resume(folder: Path, snapshot: Path) -> None:
    """Link a snapshot's saved state, so that the next start resumes. Blocking."""
    clear_resume(folder)
    link(snapshot / STATE, folder / RESUME_STATE)
    if (snapshot / RAM).exists():
        link(snapshot / RAM, folder / RESUME_RAM)


def clear_resume(folder: Path) -> None:
    """Let the next start boot. Blocking, shortly."""
    (folder / RESUME_STATE).unlink(missing_ok=True)
    (folder / RESUME_RAM).unlink(missing_ok=True)


def lay_console(source: Path, target: Path, renamed: tuple[str, str] | None = None) -> None:
    """Let a console that said nothing yet go on where another one was, as far as its end. Blocking.

    Args:
        source: Folder with the other console's log.
        target: The machine's, or the snapshot's, folder.
        renamed: The other machine's name and this one's: a prompt that waits at the end is this machine's.
    """
    with contextlib.suppress(FileNotFoundError), (source / CONSOLE_LOG).open("rb") as said:
        said.seek(max(0, os.fstat(said.fileno()).st_size - CONSOLE_KEPT))
        before, end, waiting = said.read().rpartition(b"\n")
        if renamed is not None:
            there, here = renamed
            waiting = waiting.replace(there.encode(), here.encode())
        with (target / CONSOLE_LOG).open("ab") as console:
            if not console.tell():
                console.write(before + end + waiting)


def lay_layers(source: Path, target: Path, layers: Sequence[str]) -> None:
    """Link disk layers that nobody writes to any more. Blocking."""
    for layer in layers:
        if not (target / layer).exists():
            link(source / layer, target / layer)


def write_launch(folder: Path, launch: LaunchSpec) -> None:
    """Write how QEMU is started, for whoever starts the machine again. Blocking."""
    temporary = folder / f"{LAUNCH}.new"
    temporary.touch(mode=0o600)
    temporary.write_text(launch.to_json())
    temporary.replace(folder / LAUNCH)
