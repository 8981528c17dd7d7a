"""``vmbench console``: what a machine's serial line said, and typing into it."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from app.cli import options
from app.cli.errors import UsageProblem
from app.cli.params import MachineName
from app.cli.text import harmless

if TYPE_CHECKING:
    from backends.store import MachineStore

LOG = "console.log"
ESCAPE = b"\x1d"
"""What Ctrl-] sends."""
POLL = 0.1
LOOK = 1.0
"""Seconds between two looks at whether the machine still is."""
CHUNK = 1 << 16

EPILOG = """\b
Examples:
  vmbench console calm-otter
  vmbench console -f calm              # until the machine ends, or Ctrl-C
  vmbench console calm --tail 20
  vmbench console calm --since 8192    # what came after the first 8192 bytes
  vmbench console -i calm              # type into it; Ctrl-] leaves
  vmbench console calm --grep oom -C 3 --since-boot
  vmbench console calm-otter big-fox -f            # both as one, by time

Control characters are left out on a terminal, and kept in a pipe or with --raw.
"""


@click.command("console", epilog=EPILOG)
@click.argument("machines", type=MachineName(), nargs=-1, required=True, metavar="MACHINE...")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until the machine ends.")
@click.option("-i", "--interactive", is_flag=True, help="Type into it, one at a time; Ctrl-] leaves.")
@click.option("-g", "--grep", metavar="TEXT", help="Only lines with this text.")
@click.option("-E", "--regex", is_flag=True, help="TEXT is a regular expression.")
@click.option("--case", is_flag=True, help="Tell upper from lower case in TEXT.")
@click.option("-C", "--context", type=click.IntRange(0), metavar="N", default=0, help="N lines around each.")
@click.option("--since-boot", is_flag=True, help="Begin lines with the seconds since the machine booted.")
@click.option("--since", type=click.IntRange(0), metavar="BYTES", default=0, help="Leave out so many bytes.")
@click.option("--tail", type=click.IntRange(0), metavar="N", help="Only the last N lines of what there is.")
@click.option("--raw", is_flag=True, help="Print the bytes as they are.")
def command(
    machines: tuple[str, ...],
    follow: bool,
    interactive: bool,
    grep: str | None,
    regex: bool,
    case: bool,
    context: int,
    since_boot: bool,
    since: int,
    tail: int | None,
    raw: bool,
) -> int:
    """Print a machine's console, also of one that is stopped or died, or type into it.

    Of several machines the lines come as one, in the order in which they came, each with its machine.
    """
    machine = machines[0]
    by_line = len(machines) > 1 or since_boot or bool(grep)
    if interactive:
        if follow or since or tail is not None or raw or by_line:
            raise UsageProblem(
                "-i goes with one machine and no other option", f"vmbench console -i {machine}"
            )
        return _type_into(machine)
    if since and by_line:
        raise UsageProblem(
            "--since counts the bytes of one whole console", f"vmbench console {machine} --since {since}"
        )
    if (regex or case or context) and not grep:
        raise UsageProblem(
            "-E, --case and -C say how to --grep", f"vmbench console {machine} --grep TEXT -C 2"
        )
    from app.paths import user_paths
    from app.wiring import machine_store
    from backends.base import BackendError

    store = machine_store(user_paths())
    if by_line:
        return _by_line(
            store,
            machines,
            follow=follow,
            tail=tail,
            raw=raw,
            times=since_boot,
            grep=(grep, regex, case, context),
        )
    record = store.find(machine)
    path = store.root / record.id / LOG
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise BackendError(
            f"{record.id} has no console yet: it was never started", remedy=f"vmbench start {record.id}"
        ) from error
    write = _write_raw if raw or not sys.stdout.isatty() else _write_harmless
    with file:
        file.seek(_start(file, since, tail))
        while chunk := file.read(CHUNK):
            write(chunk)
        if follow:
            try:
                _follow(file, path, store, record.id, write)
            except KeyboardInterrupt:
                return 0
    return 0


def _by_line(
    store: MachineStore,
    machines: tuple[str, ...],
    *,
    follow: bool,
    tail: int | None,
    raw: bool,
    times: bool,
    grep: tuple[str | None, bool, bool, int],
) -> int:
    from app.cli.console_lines import pattern_of, show
    from app.logs.writing import Form

    text, regex, case, context = grep
    pattern = pattern_of(text, regex=regex, case=case, command=f"vmbench console {machines[0]} --grep TEXT")
    ids = list(dict.fromkeys(store.find(machine).id for machine in machines))
    form = Form(raw=raw or not sys.stdout.isatty(), times=times, pattern=pattern, context=context)

    def alive() -> bool:
        return any(record.id in ids and record.pid for record in store.records())

    with contextlib.suppress(KeyboardInterrupt):
        show([(i, store.root / i / LOG) for i in ids], form, tail=tail, alive=alive if follow else None)
    return 0


def _type_into(machine: str) -> int:
    from app.attach import hand_over
    from app.cli.bench import Bench, act

    if not options.on_terminal():
        raise UsageProblem(
            "typing into a console needs a terminal at both ends",
            f"vmbench console -f {machine} follows it without",
        )

    async def work(bench: Bench) -> int:
        async with bench.machine(machine) as found:
            terminal = await found.console()
            print(f"console of {found.id}; Ctrl-] leaves", file=sys.stderr, flush=True)
            code = await hand_over(terminal, escape=ESCAPE)
            print(file=sys.stderr)
            return code

    return act(work)


def _start(file: BinaryIO, since: int, tail: int | None) -> int:
    """Return the byte to begin at."""
    size = os.fstat(file.fileno()).st_size
    begin = min(since, size)
    if tail is None:
        return begin
    if tail == 0:
        return size
    at, found = size, -1 if _ends_line(file, size) else 0
    while at > begin:
        step = min(CHUNK, at - begin)
        file.seek(at - step)
        chunk = file.read(step)
        cut = len(chunk)
        while (cut := chunk.rfind(b"\n", 0, cut)) >= 0:
            found += 1
            if found == tail:
                return at - step + cut + 1
        at -= step
    return begin


def _ends_line(file: BinaryIO, size: int) -> bool:
    if not size:
        return False
    file.seek(size - 1)
    return file.read(1) == b"\n"


def _follow(file: BinaryIO, path: Path, store: MachineStore, machine: str, write: _Write) -> None:
    looked = 0.0
    ended = False
    while True:
        while chunk := file.read(CHUNK):
            write(chunk)
        if ended:
            return
        if time.monotonic() - looked >= LOOK:
            looked = time.monotonic()
            # Read once more after the end was seen: the last words come just before it.
            ended = not path.exists() or not any(r.id == machine and r.pid for r in store.records())
            continue
        time.sleep(POLL)


def _write_raw(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _write_harmless(data: bytes) -> None:
    sys.stdout.write(harmless(data.decode(errors="replace")))
    sys.stdout.flush()


if TYPE_CHECKING:
    from collections.abc import Callable

    _Write = Callable[[bytes], None]
