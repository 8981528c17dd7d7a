"""A host folder visible in a guest: a copy on either side, made the same whenever ``sync`` is called.

Nothing is mounted from the host, so that a machine with shares can be saved, forked and restored like
any other. What both sides held when they were last the same lies beside the guest's copy, and is saved,
forked and restored with it: a guest taken back to yesterday gets today's files, and never gives
yesterday's to the host.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from backends.base import BackendError, Machine, MachineState
from backends.share_guest import TIMEOUT, GuestCopy, Share
from backends.share_host import Scan, Writer, archives, room, scan, unpack
from backends.share_tree import STATE_FILE, Entry, Plan, Tree, plan, to_json, under, unsafe
from backends.store import held

LIST = "shares.json"
LOCK = "shares.lock"
LOCK_DEADLINE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What a sync did. Paths are relative to the share."""

    sent: tuple[str, ...] = ()
    """To the guest."""
    taken: tuple[str, ...] = ()
    """From the guest."""
    deleted_in_guest: tuple[str, ...] = ()
    deleted_on_host: tuple[str, ...] = ()
    conflicts: Mapping[str, str] = field(default_factory=dict)
    """Path that both sides changed → where the guest's version is now; the host's stayed."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Path → why it is not shared, or was not this time."""


def parse(text: str) -> Share:
    """Read ``HOST:GUEST`` or ``HOST:GUEST:ro``.

    Raises:
        BackendError: it is neither, or the folders cannot be shared.
    """
    remedy = "write HOST:GUEST or HOST:GUEST:ro, as in ./site:/srv/site:ro"
    words = text.split(":")
    read_only = len(words) > 2 and words[-1] == "ro"
    if len(words) > 2 and words[-1] in ("ro", "rw"):
        words.pop()
    if len(words) != 2 or not all(words):
        raise BackendError(f"{text!r} is no share", remedy=remedy)
    return check(Share(Path(words[0]).expanduser().absolute(), words[1].rstrip("/"), read_only))


def check(share: Share) -> Share:
    """Return ``share`` if its folders can be shared.

    Raises:
        BackendError: they cannot.
    """
    if not share.host.is_dir():
        raise BackendError(f"{share.host} is no folder", remedy="share a folder that is there")
    if not share.guest.startswith("/") or unsafe(share.guest[1:]):
        raise BackendError(
            f"{share.guest!r} cannot be a shared folder in the guest",
            remedy="give an absolute path without '..', other than /",
        )
    return share


class Shares:
    """The shares of one machine; its folder remembers them."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def attached(self) -> list[Share]:
        """Return the machine's shares. Blocking, shortly.

        Raises:
            BackendError: the list is damaged.
        """
        path = self.machine.folder / LIST
        try:
            rows = json.loads(path.read_text())
            return [Share(Path(r["host"]), str(r["guest"]), bool(r["read_only"])) for r in rows]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BackendError(
                f"{path} is damaged: {error}", remedy=f"remove it, and attach the shares again: rm {path}"
            ) from error

    async def attach(self, share: Share, *, force: bool = False) -> SyncReport:
        """Show a host folder in the guest.

        Args:
            share: What to show where.
            force: Make the guest's folder what the host's is, whatever it holds.

        Raises:
            BackendError: the folders cannot be shared, or the guest's holds other things.
        """
        check(share)
        async with self._locked():
            shares = self.attached()
            for other in shares:
                if under(share.guest, [other.guest]) or under(other.guest, [share.guest]):
                    raise BackendError(
                        f"{other.guest} of {self.machine.id} is shared already, with {other.host}",
                        remedy=f"detach it first: vmbench share detach {self.machine.id} {other.guest}",
                    )
            await self._guest(share).command("true", make=True)
            await self._guest(share).unprotect()
            if force:
                base = (await self._guest(share).scan())[0].tree
            else:
                base = await self._known_base(share)
            report = await self._sync(share, base)
            await asyncio.to_thread(self._remember, [*shares, share])
            return report

    async def _refuse_others(self, share: Share) -> None:
        there, _ = await self._guest(share).scan()
        if not there.tree:
            return
        here = await asyncio.to_thread(scan, share.host)
        others = sorted(p for p, e in there.tree.items() if here.tree.get(p) != e and e.kind != "folder")
        if others:
            raise BackendError(
                f"the guest's {share.guest} holds what {share.host} does not: {', '.join(others[:3])}"
                + (f" and {len(others) - 3} more" if len(others) > 3 else ""),
                remedy="choose an empty folder, or add --force to replace what it holds",
            )

    async def sync(self, guest: str | None = None) -> dict[str, SyncReport]:
        """Make both copies the same; return what was done by folder in the guest.

        Args:
            guest: The one to do; ``None`` for all.

        Raises:
            BackendError: there is no such share, or a copy cannot be read or written.
        """
        async with self._locked():
            chosen = [s for s in self.attached() if guest is None or s.guest == guest.rstrip("/")]
            if guest is not None and not chosen:
                raise self._unknown(guest)
            return {
                share.guest: await self._sync(check(share), await self._known_base(share)) for share in chosen
            }

    async def detach(self, guest: str) -> SyncReport:
        """Sync a last time and let go. The guest's copy stays, and can be attached again.

        A machine that does not run is not synced.

        Raises:
            BackendError: there is no such share.
        """
        async with self._locked():
            shares = self.attached()
            share = next((s for s in shares if s.guest == guest.rstrip("/")), None)
            if share is None:
                raise self._unknown(guest)
            report = SyncReport()
            if self.machine.state is MachineState.RUNNING:
                report = await self._sync(check(share), await self._known_base(share))
                if share.read_only:
                    await self._guest(share).unprotect()
            await asyncio.to_thread(self._remember, [s for s in shares if s != share])
            return report

    def _guest(self, share: Share) -> GuestCopy:
        return GuestCopy(self.machine, share)

    def _unknown(self, guest: str) -> BackendError:
        return BackendError(
            f"{self.machine.id} has no share at {guest}",
            remedy=f"vmbench share list {self.machine.id} shows them",
        )

    def _remember(self, shares: Iterable[Share]) -> None:
        path = self.machine.folder / LIST
        temporary = path.with_suffix(".new")
        temporary.write_text(
            json.dumps([{"host": str(s.host), "guest": s.guest, "read_only": s.read_only} for s in shares])
        )
        temporary.replace(path)

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        """Be the only one who changes the machine's shares."""
        async with held(self.machine.folder / LOCK, f"sync {self.machine.id}", timeout=LOCK_DEADLINE):
            yield

    async def _known_base(self, share: Share) -> dict[str, Entry]:
        """Return what both held at the last sync; a guest that lost its copy gets a new one."""
        await self._guest(share).command("true", make=True)
        base = await self._guest(share).base()
        if base is None:
            await self._refuse_others(share)
        return base or {}

    async def _sync(self, share: Share, base: Tree) -> SyncReport:
        await self._guest(share).make_writable()
        (there, sizes), here = await asyncio.gather(
            self._guest(share).scan(), asyncio.to_thread(scan, share.host)
        )
        if "" in here.left_out:
            raise BackendError(f"{share.host} {here.left_out['']}", remedy="see who may read it")
        left_out = {**there.left_out, **here.left_out}
        todo = Plan()
        taken: list[str] = []
        deleted: list[str] = []
        if not share.read_only:
            todo = plan(base, here.tree, there.tree, left_out)
            if todo.take or todo.delete:
                taken, deleted, failed = await self._take(share, todo, here, there, sizes)
                left_out |= failed
                here = await asyncio.to_thread(scan, share.host)
                left_out |= here.left_out
        sent, gone = await self._send(share, here.tree, there.tree, left_out)
        same = {p: e for p, e in here.tree.items() if not under(p, left_out)}
        same |= {p: e for p, e in base.items() if under(p, left_out)}
        await self._guest(share).command(
            f"cat >{STATE_FILE}.new && mv {STATE_FILE}.new {STATE_FILE}", stdin=to_json(same).encode()
        )
        await self._guest(share).write_protect()
        return SyncReport(
            sent=tuple(sent),
            taken=tuple(taken),
            deleted_in_guest=tuple(gone),
            deleted_on_host=tuple(deleted),
            conflicts=todo.conflicts,
            left_out=left_out,
        )

    async def _take(
        self, share: Share, todo: Plan, here: Scan, there: Scan, sizes: Mapping[str, int]
    ) -> tuple[list[str], list[str], dict[str, str]]:
        """Do to the host what the guest did; return what was written, deleted and could not be done."""
        files = []
        for path, target in todo.take.items():
            wanted, present = there.tree[path], here.tree.get(target)
            if wanted.kind == "file" and (present is None or present.what != wanted.what):
                files.append(path)
        if not room(share.host, sum(sizes[p] for p in files)):
            raise BackendError(
                f"no room on {share.host} for what the guest has written", remedy="free some disk space"
            )
        with tempfile.TemporaryDirectory(dir=self.machine.folder, prefix="share-") as folder:
            packed = Path(folder) / "files.tar"
            await self._guest(share).pack(files, packed)
            return await asyncio.to_thread(self._write, share, todo, here, there, packed, set(files))

    def _write(
        self, share: Share, todo: Plan, here: Scan, there: Scan, packed: Path, files: set[str]
    ) -> tuple[list[str], list[str], dict[str, str]]:
        """Write what was taken. Blocking."""
        writer = Writer(share.host, here.tree)
        changed = "changed on the host during the sync; sync again"
        failed: dict[str, str] = {}
        taken: list[str] = []
        deleted = [p for p in todo.delete if writer.delete(p)]
        folders: dict[str, int] = {}
        for path, target in todo.take.items():
            wanted = there.tree[path]
            if path in files:
                continue
            try:
                done = True
                if wanted.kind == "folder":
                    folders[target] = wanted.mode
                    done = writer.folder(target, wanted.mode)
                elif wanted.kind == "link":
                    done = writer.link(target, wanted.what)
                else:
                    writer.mode(target, wanted.mode)
            except OSError as error:
                failed[path] = f"cannot be written: {error.strerror}"
            else:
                (taken.append(target) if done else failed.update({path: changed}))
        if files:
            arrived = set()
            for path, head, content in unpack(packed, {p: p for p in files}):
                arrived.add(path)
                target = todo.take[path]
                mode = there.tree[path].mode
                try:
                    what = writer.file(target, content, mode, head.mtime)
                except OSError as error:
                    failed[path] = f"cannot be written: {error.strerror}"
                    continue
                if what:
                    taken.append(target)
                    there.tree[path] = Entry("file", mode, what)
                else:
                    failed[path] = changed
            failed |= dict.fromkeys(files - arrived, "went away in the guest during the sync")
        for target in sorted(folders, reverse=True):
            with contextlib.suppress(OSError):
                writer.mode(target, folders[target])
        return taken, deleted, failed

    async def _send(
        self, share: Share, here: dict[str, Entry], there: Tree, left_out: Mapping[str, str]
    ) -> tuple[list[str], list[str]]:
        """Make the guest's copy like the host's; return what was sent and what was deleted."""
        outside = set(left_out)
        send = [p for p, e in here.items() if there.get(p) != e and not under(p, outside)]
        gone = [
            p for p, e in there.items() if (p not in here or here[p].kind != e.kind) and not under(p, outside)
        ]
        files = sorted((p for p in gone if there[p].kind != "folder"), reverse=True)
        folders = sorted((p for p in gone if there[p].kind == "folder"), reverse=True)
        for paths, command in ((files, "rm -f"), (folders, "rmdir")):
            if paths:
                names = b"".join(os.fsencode(f"./{p}") + b"\0" for p in paths)
                # A folder in which something new has appeared stays; the next sync takes it over.
                await self._guest(share).command(f"xargs -0 {command} 2>/dev/null || true", stdin=names)
        packs = archives(share.host, send, here)
        while (pack := await asyncio.to_thread(next, packs, None)) is not None:
            if isinstance(pack, str):
                await self.machine.copy_in(share.host / pack, f"{share.guest}/{pack}", timeout=TIMEOUT)
            else:
                await self._guest(share).command("tar -x -f -", stdin=pack)
        return sorted(send), sorted(p for p in gone if p not in here)
