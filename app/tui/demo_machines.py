"""Made-up machines and snapshots that take commands: what screenshots and tests of their places show."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from app.engine.forwards import Forward, Ports
from app.engine.house import House
from app.engine.machines_api import MachineView, Offer
from app.engine.snapshots import Lineage, SnapshotView, TemplateView
from app.engine.usage import Usage
from app.tui import demo
from backends.base import BackendError, MachineRequest, MachineState, PhaseSink, UnknownMachine, WrongState
from backends.counted import OnBytes
from backends.snapshots import SnapshotError, SnapshotRecord
from backends.store import MachineRecord

MIB = 1 << 20
ROOT = Path("/home/ada/.local/state/vmbench")
_S = MachineState
_MACHINES = (
    # id, state, label, seconds old, kept why, used by (0: this run), parent, memory, disk
    ("calm-otter", _S.RUNNING, "gateway-rejects-bad-token", 5400, "gateway failed", None, "", 256, None),
    ("brisk-heron", _S.RUNNING, "cache-expires", 48, "", 0, "", 256, None),
    ("plain-lynx", _S.RUNNING, "copy-round-trip", 31, "", 4711, "", 256, None),
    ("tidy-wren", _S.PAUSED, "build host", 93600, "vmbench up", None, "installed", 1024, 4096),
    ("gold-finch", _S.STOPPED, "", 7200, "fork of installed", None, "installed", 512, 1024),
    ("odd-newt", _S.DIED, "kernel panics", 260000, "kernel panics error", None, "", 256, None),
    ("spry-seal", _S.STARTING, "", 3, "", 0, "installed", 512, None),
)
_SNAPSHOTS = (
    # name, parent, machine, seconds old, own MiB, shared MiB, with RAM, label
    ("fresh", "", "calm-otter", 90000, 76, 22, True, ""),
    ("installed", "fresh", "tidy-wren", 86000, 310, 98, True, "build host"),
    ("installed-tls", "installed", "gold-finch", 7000, 142, 408, True, ""),
    ("disk-only", "installed", "gold-finch", 6000, 12, 330, False, ""),
    ("before-migration", "", "plain-lynx", 500, 81, 22, True, "copy-round-trip"),
    ("ck.20261120-174211-k3f9.cache-expires.2", "fresh", "brisk-heron", 40, 71, 22, True, "cache-expires"),
    ("lonely", "gone-long-ago", "odd-newt", 250000, 90, 0, True, ""),
)


def machine(
    name: str,
    state: MachineState = _S.RUNNING,
    *,
    label: str = "",
    age: float = 60.0,
    kept: str = "by hand",
    used_by: int | None = None,
    parent: str = "",
    memory: int = 256,
    disk: int | None = None,
    root: Path = ROOT,
) -> MachineView:
    """Return a machine as it is listed."""
    up = state in (_S.RUNNING, _S.PAUSED, _S.STARTING)
    pid = 1000 + sum(map(ord, name)) if up else None
    port = 30000 + sum(map(ord, name)) if state is _S.RUNNING else None
    record = MachineRecord(
        id=name,
        backend="microvm",
        image="tiny",
        image_digest="8d21f0c4b7aa66fe",
        cpus=1,
        memory=memory,
        disk=disk,
        label=label,
        run=demo.RUN if used_by is not None else "",
        created=demo.EPOCH - age,
        state=state,
        accel="tcg",
        keep=bool(kept),
        keep_reason=kept,
        ssh_port=port,
        parent=parent,
    )
    folder = root / "machines" / name
    ssh = f"ssh -F {folder}/ssh_config {name}" if port else ""
    ours = used_by == 0
    owner = 4242 if ours else used_by
    return MachineView(record=record, folder=folder, pid=pid, ssh=ssh, used_by=owner, ours=ours)


def machines(root: Path = ROOT) -> list[MachineView]:
    """Return the machines of the screenshots."""
    return [
        machine(
            name,
            state,
            label=label,
            age=age,
            kept=kept,
            used_by=used_by,
            parent=parent,
            memory=memory,
            disk=disk,
            root=root,
        )
        for name, state, label, age, kept, used_by, parent, memory, disk in _MACHINES
    ]


def snapshot(
    name: str,
    parent: str = "",
    *,
    of: str = "calm-otter",
    age: float = 60.0,
    own: int = 80,
    shared: int = 20,
    ram: bool = True,
    label: str = "",
    root: Path = ROOT,
) -> SnapshotView:
    """Return a snapshot as it is listed; sizes are MiB."""
    record = SnapshotRecord(
        name=name,
        created=demo.EPOCH - age,
        machine=of,
        label=label,
        parent=parent,
        backend="microvm",
        machine_type="microvm",
        accel="tcg",
        cpus=1,
        memory=512,
        disk=1024,
        image="tiny",
        image_digest="8d21f0c4b7aa66fe",
        cmdline=(),
        tsc_khz=None,
        qemu_version="7.2.22",
        host_key="",
        with_ram=ram,
    )
    return SnapshotView(
        record=record,
        folder=root / "snapshots" / name,
        own=own * MIB,
        shared=shared * MIB,
        checkpoint=name.startswith("ck."),
    )


def templates() -> list[TemplateView]:
    """Return the templates of the screenshots."""
    record = snapshot("6f0c2a91e7d35b84aa19c0de", of="first-fox", age=86400.0).record
    return [TemplateView(record=record, own=96 * MIB, shared=12 * MIB, used=demo.EPOCH - 240.0)]


def snapshots() -> list[SnapshotView]:
    """Return the snapshots of the screenshots."""
    return [
        snapshot(name, parent, of=of, age=age, own=own, shared=shared, ram=ram, label=label)
        for name, parent, of, age, own, shared, ram, label in _SNAPSHOTS
    ]


class DemoMachines:
    """Fulfils ``app.engine.machines_api.MachinesApi`` without a guest.

    Args:
        views: What there is at first.
    """

    def __init__(self, views: Iterable[MachineView] = ()) -> None:
        self.views = list(views)
        self.calls: list[tuple[object, ...]] = []
        """What was asked, in order: the call's name and its arguments."""
        self.errors: dict[str, BackendError] = {}
        """What a call raises, by its name."""
        self.gate: asyncio.Event | None = None
        """Calls wait for it, if there is one."""
        self.sampled: list[str] = []
        """Ids of the machines that were sampled last."""
        self.saved: Callable[[str, str], None] = lambda machine, name: None
        self._open: list[Forward] = []

    def find(self, name: str) -> MachineView:
        """Return a machine by its id."""
        for view in self.views:
            if view.id == name:
                return view
        raise UnknownMachine(f"no machine is called {name!r}", remedy="vmbench ps lists the machines")

    def change(self, name: str, *, pid: int | None = None, **changes: object) -> None:
        """Change what is noted of a machine."""
        view = self.find(name)
        record = dataclasses.replace(view.record, **changes)  # type: ignore[arg-type]
        self.views[self.views.index(view)] = dataclasses.replace(view, record=record, pid=pid)

    async def _call(self, name: str, *arguments: object) -> None:
        self.calls.append((name, *arguments))
        if self.gate is not None:
            await self.gate.wait()
        if name in self.errors:
            raise self.errors[name]

    def machines(self) -> Sequence[MachineView]:
        """Return every machine."""
        if "machines" in self.errors:
            raise self.errors["machines"]
        return list(self.views)

    def usage(self, machines: Iterable[MachineView]) -> Mapping[str, Usage]:
        """Return made-up figures."""
        found = {}
        for view in machines:
            seed = sum(map(ord, view.id))
            up = view.pid is not None
            found[view.id] = Usage(
                cpu_percent=float(seed % 97) if up else None,
                memory=(40 + seed % 190) * MIB if up else 0,
                disk=(2 + seed % 400) * MIB,
                written=(seed % 60) * MIB,
            )
        self.sampled = list(found)
        return found

    def offer(self) -> Offer:
        """Return two backends and two images."""
        return Offer(
            backends=(("microvm", ""), ("qemu", ""), ("vz", "needs macOS")), images=("tiny", "debian-12")
        )

    async def up(self, request: MachineRequest, backend: str | None, on_phase: PhaseSink) -> str:
        """List one more machine."""
        on_phase("booting", "fork of a template")
        await self._call("up", request, backend)
        self.views.append(machine("fresh-fox", label=request.label, age=0.0, memory=request.memory))
        return "fresh-fox"

    async def fork(self, snapshot: str, label: str, on_phase: PhaseSink) -> str:
        """List one more machine."""
        on_phase("booting", f"fork of {snapshot}")
        await self._call("fork", snapshot, label)
        self.views.append(machine("glad-gull", label=label, age=0.0, parent=snapshot))
        return "glad-gull"

    async def start(self, machine: str, on_phase: PhaseSink | None = None) -> None:
        """Let it run."""
        if on_phase is not None:
            on_phase("booting", "")
        await self._call("start", machine)
        self.change(machine, pid=1, state=_S.RUNNING, ssh_port=30000)

    async def stop(self, machine: str, *, timeout: float = 10.0) -> None:
        """Let it be stopped."""
        await self._call("stop", machine)
        self.change(machine, state=_S.STOPPED)

    async def kill(self, machine: str) -> None:
        """Let it be stopped."""
        await self._call("kill", machine)
        self.change(machine, state=_S.STOPPED)

    async def pause(self, machine: str) -> None:
        """Let it be paused."""
        await self._call("pause", machine)
        self.change(machine, pid=1, state=_S.PAUSED)

    async def resume(self, machine: str) -> None:
        """Let it run."""
        await self._call("resume", machine)
        self.change(machine, pid=1, state=_S.RUNNING)

    async def reboot(self, machine: str, *, discard: bool = False, timeout: float = 60.0) -> None:
        """Note it."""
        await self._call("reboot", machine, discard)

    async def save(self, machine: str, name: str) -> SnapshotRecord:
        """Return a record."""
        await self._call("save", machine, name)
        self.saved(machine, name)
        return snapshot(name, of=machine).record

    async def restore(
        self,
        machine: str,
        snapshot: str,
        *,
        stop: bool = False,
        start: bool = False,
        on_phase: PhaseSink | None = None,
    ) -> None:
        """Note where it comes from."""
        await self._call("restore", machine, snapshot, stop, start)
        self.change(machine, pid=1 if start else None, parent=snapshot)

    async def keep(self, machine: str, reason: str) -> None:
        """Keep it."""
        await self._call("keep", machine, reason)
        self.change(machine, pid=self.find(machine).pid, keep=True, keep_reason=reason)

    async def drop(self, machine: str) -> None:
        """Keep it no longer."""
        await self._call("drop", machine)
        self.change(machine, pid=self.find(machine).pid, keep=False, keep_reason="")

    async def relabel(self, machine: str, label: str) -> None:
        """Label it."""
        await self._call("relabel", machine, label)
        self.change(machine, pid=self.find(machine).pid, label=label)

    async def remove(self, machine: str) -> None:
        """List it no longer."""
        await self._call("remove", machine)
        view = self.find(machine)
        if view.used_by is not None and not view.ours:
            raise WrongState(f"{machine} belongs to a run of another vmbench")
        self.views.remove(view)

    async def forward(self, machine: str, ports: Ports) -> Forward:
        """List one more port."""
        await self._call("forward", machine, str(ports))
        self._open.append(Forward(machine=machine, listening=ports.wanted or 45001, ports=ports))
        return self._open[-1]

    def forwards(self) -> Sequence[Forward]:
        """Return the ports."""
        return tuple(self._open)

    async def close_forward(self, forward: Forward) -> None:
        """List it no longer."""
        await self._call("close_forward", forward.listening)
        self._open.remove(forward)

    async def close(self) -> None:
        """Close every port."""
        self._open.clear()


class DemoSnapshots:
    """Fulfils ``app.engine.snapshots.SnapshotsApi`` without a file.

    Args:
        views: What there is at first.
        damaged: Why others cannot be used, by name.
        machines: Whose machines are forks.
        templates: What machines are forked from instead of booting.
    """

    def __init__(
        self,
        views: Iterable[SnapshotView] = (),
        damaged: Mapping[str, str] | None = None,
        machines: DemoMachines | None = None,
        templates: Iterable[TemplateView] = (),
    ) -> None:
        self.views = list(views)
        self.templates = list(templates)
        self.damaged = dict(damaged or {})
        self.calls: list[tuple[object, ...]] = []
        """What was asked, in order: the call's name and its arguments."""
        self.errors: dict[str, BackendError] = {}
        """What a call raises, by its name."""
        self.gate: asyncio.Event | None = None
        """Calls wait for it, if there is one."""
        self._machines = machines

    async def _call(self, name: str, *arguments: object) -> None:
        self.calls.append((name, *arguments))
        if self.gate is not None:
            await self.gate.wait()
        if name in self.errors:
            raise self.errors[name]

    def lineage(self) -> Lineage:
        """Return every snapshot."""
        if "lineage" in self.errors:
            raise self.errors["lineage"]
        forks: dict[str, list[str]] = {}
        for view in self._machines.views if self._machines is not None else ():
            if view.record.parent:
                forks.setdefault(view.record.parent, []).append(view.id)
        return Lineage(
            snapshots=sorted(self.views, key=lambda v: v.name),
            damaged=dict(self.damaged),
            forks=forks,
            templates=list(self.templates),
        )

    async def remove(self, name: str) -> int:
        """List it no longer."""
        await self._call("remove", name)
        if self.damaged.pop(name, None) is not None:
            return 0
        (gone,) = [view for view in self.views if view.name == name]
        self.views.remove(gone)
        return gone.own

    async def remove_template(self, name: str) -> int:
        """List it no longer."""
        await self._call("remove_template", name)
        (gone,) = [view for view in self.templates if view.name == name]
        self.templates.remove(gone)
        return gone.own

    async def rename(self, name: str, new: str) -> SnapshotRecord:
        """List it under another name, and its children below that."""
        await self._call("rename", name, new)
        for index, view in enumerate(self.views):
            if view.name == name:
                self.views[index] = dataclasses.replace(
                    view, record=dataclasses.replace(view.record, name=new)
                )
            elif view.record.parent == name:
                self.views[index] = dataclasses.replace(
                    view, record=dataclasses.replace(view.record, parent=new)
                )
        if self._machines is not None:
            for fork in [v.id for v in self._machines.views if v.record.parent == name]:
                self._machines.change(fork, pid=self._machines.find(fork).pid, parent=new)
        return next(view.record for view in self.views if view.name == new)

    async def export(self, name: str, target: Path, on_bytes: OnBytes | None = None) -> int:
        """Write nothing, and tell half of it."""
        if on_bytes is not None:
            on_bytes(45 * MIB, 90 * MIB)
        await self._call("export", name, target)
        return 90 * MIB

    async def import_(
        self, source: Path, name: str | None = None, on_bytes: OnBytes | None = None
    ) -> SnapshotRecord:
        """List one more."""
        await self._call("import", source, name)
        if any(view.name == (name or "imported") for view in self.views):
            raise SnapshotError(f"a snapshot is already called {name or 'imported'!r}")
        self.views.append(snapshot(name or "imported"))
        return self.views[-1].record


def house(*, empty: bool = False) -> House:
    """Return a house with made-up machines and snapshots, or without any."""
    there = DemoMachines(() if empty else machines())
    damaged = (
        {} if empty else {"cut-short": "the snapshot 'cut-short' is damaged: state is not as it was saved"}
    )
    kept = DemoSnapshots(() if empty else snapshots(), damaged, there, () if empty else templates())
    return House(machines=there, snapshots=kept)
