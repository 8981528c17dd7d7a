"""The guest's copy of a shared folder: read, packed and written by commands in the guest."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backends.base import BackendError, ExecResult, Machine, MachineTimeout
from backends.share_host import Scan
from backends.share_tree import STATE_FILE, Entry, from_json, leaves, unsafe

TIMEOUT = 300.0
"""Seconds that one archive may take to get into a guest, or a guest to read its copy."""

_ODD = "-mindepth 1 -name '*\n*' -prune"
_SCAN = f"""
find . {_ODD} -o ! -path ./{STATE_FILE} -exec stat -c '%f %s %n' {{}} + || exit 9
echo ==
find . {_ODD} -o -type f ! -path ./{STATE_FILE} -exec sha256sum {{}} + || exit 9
echo ==
find . {_ODD} -print0 -o -type l -exec sh -c '
for l; do printf "%s\\0" "$l"; readlink -n "$l"; printf "\\0"; done' sh {{}} +
"""
"""Kinds, sizes and names; then checksums; then links with their targets, and names with line breaks."""


@dataclass(frozen=True, slots=True)
class Share:
    """A folder of the host and where the guest sees it."""

    host: Path
    guest: str
    read_only: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.guest}" + (":ro" if self.read_only else "")


class GuestCopy:
    """A share's folder in a machine.

    Args:
        machine: The machine.
        share: What is shared there.
    """

    def __init__(self, machine: Machine, share: Share) -> None:
        self._machine = machine
        self.share = share

    async def base(self) -> dict[str, Entry] | None:
        """Return what both sides held when they were last the same, if the guest knows."""
        done = await self.command(f"[ ! -e {STATE_FILE} ] || cat {STATE_FILE}")
        if not done.stdout.strip():
            return None
        with contextlib.suppress(ValueError):
            return from_json(done.stdout.decode())
        return None

    async def pack(self, files: list[str], packed: Path) -> None:
        """Have the guest pack files into an archive on the host."""
        with packed.open("xb") as out:
            if not files:
                return

            def spool(stream: str, chunk: bytes) -> None:
                if stream == "stdout":
                    out.write(chunk)

            await self.command(
                "xargs -0 tar -c -f - --no-recursion",
                stdin=b"".join(os.fsencode(f"./{p}") + b"\0" for p in files),
                on_output=spool,
            )

    async def scan(self) -> tuple[Scan, dict[str, int]]:
        """Read the guest's copy: what it holds, and its files' sizes in bytes."""
        for _ in range(3):
            done = await self.command(_SCAN, fail=False)
            if done.ok:
                break  # otherwise a file went away between its name and its checksum
        else:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise BackendError(
                f"cannot read the guest's {self.share.guest}: {said[-1] if said else done.exit_code}",
                remedy=f"look at it: vmbench exec {self._machine.id} -- ls -la {self.share.guest}",
            )
        try:
            return parse_scan(done.stdout)
        except (ValueError, IndexError) as error:
            raise BackendError(f"the guest's {self.share.guest} cannot be understood: {error}") from error

    def _mark(self) -> str:
        return f"/run/vmbench/read-only-{hashlib.sha256(self.share.guest.encode()).hexdigest()[:16]}"

    async def unprotect(self) -> None:
        """Undo what ``write_protect`` did, here or in the machine that this one is a fork of."""
        mark, folder = self._mark(), shlex.quote(self.share.guest)
        await self.command(
            f"[ ! -e {mark} ] || {{ cd /; umount {folder} || umount -l {folder}; rm -f {mark}; }}"
        )

    async def make_writable(self) -> None:
        """Let a read-only folder be written to until ``write_protect``."""
        if self.share.read_only:
            folder = shlex.quote(self.share.guest)
            await self.command(f"[ ! -e {self._mark()} ] || mount -o remount,rw,bind {folder} {folder}")

    async def write_protect(self) -> None:
        """Have the guest see the folder read-only: bound to itself, because it is a copy."""
        if self.share.read_only:
            mark, folder = self._mark(), shlex.quote(self.share.guest)
            await self.command(
                f"[ -e {mark} ] || {{ mkdir -p /run/vmbench && mount --bind {folder} {folder} "
                f"&& : >{mark}; }} && mount -o remount,ro,bind {folder} {folder}",
            )

    async def command(
        self,
        command: str,
        *,
        stdin: bytes | None = None,
        on_output: Callable[[str, bytes], None] | None = None,
        make: bool = False,
        fail: bool = True,
    ) -> ExecResult:
        """Run a command in the guest's copy.

        Raises:
            BackendError: it fails.
            MachineTimeout: it takes too long.
        """
        folder = shlex.quote(self.share.guest)
        if make:
            command = f"mkdir -p {folder} && cd {folder} && {command}"
        done = await self._machine.exec(
            command if make else f"cd {folder} || exit 8\n{command}",
            stdin=stdin,
            timeout=TIMEOUT,
            on_output=on_output,
        )
        if done.timed_out:
            raise MachineTimeout(f"the guest's {self.share.guest} was not synced within {TIMEOUT:g}s")
        if fail and not done.ok:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise BackendError(
                f"the guest's {self.share.guest} cannot be synced: {said[-1] if said else done.exit_code}",
                remedy=f"see its disk: vmbench exec {self._machine.id} -- df -h {self.share.guest}",
            )
        return done


def parse_scan(output: bytes) -> tuple[Scan, dict[str, int]]:
    """Read what the scan of a guest's copy printed.

    Raises:
        ValueError: it is no such thing.
    """
    heads, checksums, links = output.split(b"==\n", 2)
    found, sizes = Scan(), {}
    sums = {}
    for line in checksums.splitlines():
        escaped = line.startswith(b"\\")
        name = line.lstrip(b"\\")[66:]
        sums[_path(name.replace(b"\\\\", b"\\") if escaped else name)] = line.lstrip(b"\\")[:64].decode()
    targets: dict[str, str] = {}
    words = iter(links.split(b"\0")[:-1])
    for word in words:
        if b"\n" in word:
            found.left_out[os.fsdecode(word).removeprefix("./")] = "a line break in the name"
        else:
            targets[_path(word)] = os.fsdecode(next(words, b""))
    for line in heads.split(b"\n")[:-1]:
        mode_text, size, name = line.split(b" ", 2)
        path, mode = _path(name), int(mode_text, 16)
        kind = mode & 0o170000
        if kind == 0o040000:
            found.tree[path] = Entry("folder", mode & 0o777)
        elif kind == 0o120000:
            target = targets.get(path, "")
            if leaves(path, target):
                found.left_out[path] = "a link that leads out of the folder"
            else:
                found.tree[path] = Entry("link", 0, target)
        elif kind == 0o100000 and path in sums:
            found.tree[path] = Entry("file", mode & 0o777, sums[path])
            sizes[path] = int(size)
        else:
            found.left_out[path] = "cannot be read" if kind == 0o100000 else "neither file, folder nor link"
    return found, sizes


def _path(name: bytes) -> str:
    path = os.fsdecode(name).removeprefix("./")
    if unsafe(path):
        raise ValueError(f"{path!r} is no path in it")
    return path
