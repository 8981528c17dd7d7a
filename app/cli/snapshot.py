"""``vmbench snapshot``: machines saved under a name, restored in place or forked."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.params import MachineName, SnapshotName
from app.cli.text import count, duration, facts, harmless, size, table

if TYPE_CHECKING:
    from app.engine.snapshots import Snapshots, TemplateView
    from backends.snapshots import SnapshotRecord, SnapshotStore
    from backends.store import MachineRecord

EPILOG = """\b
Examples:
  vmbench snapshot save calm-otter installed
  vmbench snapshot list
  vmbench snapshot fork -n 4 installed
  vmbench snapshot restore calm-otter installed
  vmbench snapshot rename installed nginx-1.24
"""
TEMPLATE_HEAD = ("TEMPLATE", "IMAGE", "FOR MACHINES OF", "USED", "DISK")
HEAD = ("SNAPSHOT", "PARENT", "OF", "AGE", "DISK", "RAM")


@click.group("snapshot", epilog=EPILOG)
def command() -> None:
    """Save machines under a name, restore them, fork them."""


@command.command(
    "save",
    epilog="\b\nExamples:\n  vmbench snapshot save calm-otter installed\n\n"
    "\b\nNames are letters, digits, '.', '_' and '-'.\n",
)
@click.argument("machine", type=MachineName())
@click.argument("name")
def save(machine: str, name: str) -> int:
    """Save a machine: disk and memory of one that runs, the disk of one that is stopped."""
    from app.cli.bench import Bench, act
    from app.cli.progress import Progress
    from backends.snapshots import check_name

    check_name(name)

    async def work(bench: Bench) -> int:
        async with bench.machine(machine) as found:
            with Progress(f"save {found.id} as {name}"):
                record = await found.save(name)
        what = "disk and memory" if record.with_ram else "disk"
        print(f"saved {name}: {what} of {record.machine}, {size(bench.snapshots.size(name))}")
        return 0

    return act(work)


@command.command(
    "list",
    epilog="\b\nExamples:\n  vmbench snapshot list\n  vmbench snapshot list --json | jq -r '.[].name'\n",
)
@click.option("-a", "--all", "show_all", is_flag=True, help="Also checkpoints of runs, and templates.")
@options.plain
@options.json_output
def list_snapshots(show_all: bool, as_json: bool) -> int:
    """List the snapshots by name: parent, machine, age, size on disk and memory.

    With -a also the templates: what new machines are forked from instead of booting.
    """
    from app.engine.checkpoints import CheckpointName

    api = _api()
    store, templates = api.store, api.templates()
    records, damaged = store.scan()
    chosen = [r for r in records if show_all or CheckpointName.parse(r.name) is None]
    hidden = len(records) - len(chosen)
    if as_json:
        rows: list[dict[str, object]] = [_document(store, r) for r in chosen]
        rows += [{"name": name, "damaged": why} for name, why in damaged.items()]
        rows += [_template_document(view) for view in templates if show_all]
        print(json.dumps(sorted(rows, key=lambda row: str(row["name"])), indent=1))
        return 0
    if chosen:
        print(table(HEAD, [_row(store, r) for r in chosen]))
    elif not hidden and not damaged:
        print("no snapshots; vmbench snapshot save MACHINE NAME makes one")
    if hidden:
        print(f"{count(hidden, 'checkpoint')} of runs; vmbench snapshot list -a lists them too")
    for name, why in damaged.items():
        print(f"damaged: {why}\n    try: vmbench snapshot rm {name}")
    if templates and show_all:
        print()
        print(table(TEMPLATE_HEAD, [_template_row(view) for view in templates]))
    elif templates:
        total = size(sum(view.own for view in templates))
        print(f"{count(len(templates), 'template')}, {total}; vmbench snapshot list -a lists them too")
    return 0


@command.command("show", epilog="\b\nExamples:\n  vmbench snapshot show installed\n")
@click.argument("name", type=SnapshotName())
@options.plain
@options.json_output
def show(name: str, as_json: bool) -> int:
    """Show everything about a snapshot."""
    store = _store()
    record = store.get(name)
    if as_json:
        print(json.dumps(_document(store, record), indent=1))
        return 0
    children = [r.name for r in store.records() if r.parent == name]
    created = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
    told = {
        "name": record.name,
        "saved": f"{created}, {_age(record)} ago",
        "of": record.machine + (f" ({harmless(record.label)})" if record.label else ""),
        "parent": record.parent or "none: the machine was booted",
        "children": ", ".join(children) or "none",
        "holds": "disk and memory: forks go on from there"
        if record.with_ram
        else "the disk: forks boot from it",
        "machine": f"{record.backend}/{record.accel} ({record.machine_type}, QEMU {record.qemu_version})",
        "shape": f"{count(record.cpus, 'processor')}, {record.memory} MiB of memory, "
        + (f"{record.disk} MiB of disk" if record.disk else "no disk"),
        "image": f"{record.image} {record.image_digest[:12]}",
        "size": size(store.size(name)),
        "folder": str(store.folder(name)),
    }
    print(facts(list(told.items())))
    return 0


@command.command(
    "restore",
    epilog="\b\nExamples:\n  vmbench snapshot restore calm-otter installed\n"
    "  vmbench snapshot restore --stop --start -y calm-otter installed\n",
)
@click.argument("machine", type=MachineName())
@click.argument("name", type=SnapshotName())
@click.option("--stop", "stop_first", is_flag=True, help="Stop the machine first if it runs.")
@click.option("--start", "start_then", is_flag=True, help="Start it from there.")
@options.yes
def restore(machine: str, name: str, stop_first: bool, start_then: bool, yes: bool) -> int:
    """Make a machine what a snapshot was; its next start goes on from there.

    What the machine is now is lost, unless you save it first.
    """
    from app.cli.bench import Bench, act
    from app.cli.progress import Progress
    from backends.base import MachineState

    async def work(bench: Bench) -> int:
        bench.snapshots.get(name)
        record = await bench.find(machine)
        running = record.state in (MachineState.RUNNING, MachineState.PAUSED)
        if running and not stop_first:
            _refuse_running(record, name, asked=options.on_terminal() and not yes)
        lost = f"What {record.id} is now will be lost"
        stopping = " and it is stopped" if running else ""
        if not options.confirmed(f"{lost}{stopping}. Restore {name}?", yes):
            return 0
        with Progress(f"restore {record.id}") as progress:
            await bench.room.restore(record.id, name, stop=running, start=start_then, on_phase=progress.phase)
        print(f"{record.id} is as {name} was" + ("" if start_then else f"; vmbench start {record.id}"))
        return 0

    return act(work)


def _refuse_running(machine: MachineRecord, name: str, *, asked: bool) -> None:
    """Refuse to restore a machine that runs, unless a person, who is asked next, lets it be stopped."""
    from backends.base import WrongState
    from backends.states import require

    if asked:
        return
    try:
        require("restore a snapshot", machine.id, machine.state)
    except WrongState as error:
        raise WrongState(
            error.message,
            remedy=f"vmbench stop {machine.id}, or add --stop: "
            f"vmbench snapshot restore --stop {machine.id} {name}",
        ) from error


@command.command(
    "fork",
    epilog="\b\nExamples:\n  vmbench snapshot fork installed\n"
    "  vmbench snapshot fork -n 8 --json installed\n",
)
@click.argument("name", type=SnapshotName())
@click.option("-n", "number", type=click.IntRange(1, 100), metavar="N", default=1, help="How many, at once.")
@click.option("--label", metavar="TEXT", default="", help="What they are for, shown in lists.")
@options.isolation
@options.plain
@options.json_output
def fork(name: str, number: int, label: str, isolation: str | None, as_json: bool) -> int:
    """Start new machines from a snapshot, keep them, and print their ids.

    With --json: a list of objects with an id.
    """
    from app.cli.bench import Bench, act
    from app.cli.progress import Progress
    from app.cli.raising import tell_new

    async def work(bench: Bench) -> int:
        with Progress("fork") as progress:
            machines = await bench.room.fork_many(name, label, number, progress.phase)
        tell_new(machines, as_json=as_json)
        return 0

    return act(work, flags=options.isolation_flags(isolation))


@command.command("rename", epilog="\b\nExamples:\n  vmbench snapshot rename installed nginx-1.24\n")
@click.argument("name", metavar="OLD", type=SnapshotName())
@click.argument("new", metavar="NEW")
def rename(name: str, new: str) -> int:
    """Call a snapshot otherwise; what came of it keeps it as its parent."""
    import asyncio

    asyncio.run(_api().rename(name, new))
    print(f"renamed {name} to {new}; vmbench snapshot rename {new} {name} takes it back")
    return 0


@command.command(
    "rm", epilog="\b\nExamples:\n  vmbench snapshot rm installed\n  vmbench snapshot rm -y one two\n"
)
@click.argument("names", nargs=-1, required=True, metavar="SNAPSHOT...", type=SnapshotName())
@options.yes
def remove(names: tuple[str, ...], yes: bool) -> int:
    """Remove snapshots; machines forked from them and other snapshots are not touched.

    A template, as list -a names it, can go too: the next machine of its shape boots and makes it anew.
    """
    import asyncio

    from backends.snapshots import SnapshotError

    api = _api()
    templates = {view.name for view in api.templates()}
    chosen = list(dict.fromkeys(names))
    for name in chosen:
        if not api.store.folder(name).is_dir() and name not in templates:
            raise SnapshotError(f"no snapshot is called {name!r}", remedy="vmbench snapshot list shows them")
    listed = ", ".join(chosen)
    if not options.confirmed(f"{listed} will be lost. Remove?", yes):
        return 0
    for name in chosen:
        is_snapshot = api.store.folder(name).is_dir()
        freed = asyncio.run(api.remove(name) if is_snapshot else api.remove_template(name))
        print(f"removed {name}, {size(freed)}")
    return 0


@command.command("export", epilog="\b\nExamples:\n  vmbench snapshot export installed installed.vmsnap\n")
@click.argument("name", type=SnapshotName())
@click.argument("file", type=click.Path(path_type=Path))
def export(name: str, file: Path) -> int:
    """Write a snapshot as one file, for another host with the same accelerator."""
    from app.cli.progress import Progress

    with Progress(f"export {name}"):
        written = _store().export(name, file)
    print(f"wrote {file}, {size(written)}")
    return 0


@command.command(
    "import",
    epilog="\b\nExamples:\n  vmbench snapshot import installed.vmsnap\n"
    "  vmbench snapshot import installed.vmsnap --name theirs\n",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="Name it so; otherwise as it was called.")
def import_(file: Path, name: str | None) -> int:
    """Read a snapshot that export wrote."""
    from app.cli.progress import Progress

    with Progress(f"import {file}"):
        record = _store().import_(file, name)
    print(f"imported {record.name}; vmbench snapshot fork {record.name}")
    return 0


def _api() -> Snapshots:
    from app.paths import user_paths
    from app.wiring import make_snapshots

    return make_snapshots(user_paths())


def _store() -> SnapshotStore:
    from app.paths import user_paths
    from app.wiring import snapshot_store

    return snapshot_store(user_paths())


def _document(store: SnapshotStore, record: SnapshotRecord) -> dict[str, object]:
    data = dataclasses.asdict(record) | {
        "size": store.size(record.name),
        "age": max(0.0, time.time() - record.created),
        "folder": str(store.folder(record.name)),
    }
    del data["files"]
    return data


def _template_row(view: TemplateView) -> tuple[str, ...]:
    used = duration(max(0.0, time.time() - view.used))
    return (view.name, view.record.image, view.shape, used, size(view.own))


def _template_document(view: TemplateView) -> dict[str, object]:
    return {
        "name": view.name,
        "template": True,
        "image": view.record.image,
        "shape": view.shape,
        "created": view.record.created,
        "used": view.used,
        "size": view.own,
    }


def _row(store: SnapshotStore, record: SnapshotRecord) -> tuple[str, ...]:
    return (
        record.name,
        record.parent or "-",
        record.machine,
        _age(record),
        size(store.size(record.name)),
        f"{record.memory} MiB" if record.with_ram else "disk only",
    )


def _age(record: SnapshotRecord) -> str:
    return duration(max(0.0, time.time() - record.created))
