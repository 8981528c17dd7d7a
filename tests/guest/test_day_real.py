"""A day at the workbench, from the first key to finding everything again, on real machines.

``VMBENCH_DAY=folder`` makes a recording of it there, ``day.cast``, and stills.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from app.tui.terminal.cast import CastWriter
from backends.snapshots import SnapshotStore
from tests.real_user import User
from tests.stills import svg
from tests.tui.pty_terminal import Terminal

SIZE = (120, 36)
PACE = 0.35
"""Seconds between two keys of a recording."""
GLANCE = 2.0
"""Seconds for which a recording shows what a still shows."""
NAMES = ("greets", "counts", "sorts", "stores", "dates", "names", "links")
BILL = """
[[tests]]
name = "bills"
summary = "The bill has the right total"

[[tests.steps]]
action = "shell"
run = "echo total 42 > /tmp/bill"

[[tests.steps]]
action = "shell"
run = "cat /tmp/bill; echo seen >> /tmp/bill; grep -q 'total 24' /tmp/bill"
"""
OTHER = """
[[tests]]
name = "first"
steps = [{ action = "shell", run = "true" }]

[[tests]]
name = "second"
steps = [{ action = "shell", run = "true" }]
"""
EDITOR = """#!/bin/sh
for file; do :; done
sed -i 's/total 24/total 42/' "$file"
"""


def small(name: str) -> str:
    return (
        f'[[tests]]\nname = "{name}"\nsummary = "The shop {name}"\n'
        f'steps = [{{ action = "shell", run = "echo {name} > /tmp/{name}; cat /tmp/{name}" }}]\n'
    )


class Day:
    """Types what a person types; with a folder, at a person's pace and recorded."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._cast: CastWriter | None = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "day.cast").unlink(missing_ok=True)
            self._cast = CastWriter(folder / "day.cast", *SIZE, title="A day at the workbench")

    @contextlib.contextmanager
    def at(self, user: User) -> Iterator[Terminal]:
        """Open the workbench."""
        with user.terminal(size=SIZE) as terminal:
            if self._cast is not None:
                terminal.heard = self._cast.output
            yield terminal

    def press(self, terminal: Terminal, keys: str) -> None:
        """Type keys."""
        for key in [keys] if self._cast is None else keys:
            if self._cast is not None:
                self._watch(terminal, PACE)
            terminal.type(key)

    def chapter(self, terminal: Terminal, name: str, *, still: bool = False) -> None:
        """Mark where something begins; take a still of it."""
        if self._cast is None or self._folder is None:
            return
        self._watch(terminal, GLANCE)
        self._cast.marker(name)
        if still:
            (self._folder / f"day-{name.replace(' ', '-')}.svg").write_text(svg(terminal.screen, "vmbench"))

    def over(self) -> None:
        """End the recording."""
        if self._cast is not None:
            self._cast.exit(0)
            self._cast.close()

    def _watch(self, terminal: Terminal, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(AssertionError):
                terminal.wait(lambda _text: False, timeout=min(left, 0.05))


def test_a_day_at_the_workbench(user: User) -> None:
    for name in NAMES:
        user.write(f"registry/tests/shop-{name}.toml", small(f"shop-{name}"))
    bill = user.write("registry/tests/shop-bills.toml", BILL.replace('"bills"', '"shop-bills"'))
    user.write("registry/tests/other.toml", OTHER)
    user.write("vmbench.toml", '[run]\nkeep = "on-failure"\n')
    editor = user.write("editor", EDITOR)
    editor.chmod(0o755)
    user.environ |= {"VISUAL": "", "EDITOR": str(editor), "COLORTERM": "truecolor"}
    snapshots = SnapshotStore(Path(user.environ["VMBENCH_STATE"]) / "snapshots")

    def kept() -> set[str]:
        return {record.id for record in user.store.records() if record.keep}

    folder = os.environ.get("VMBENCH_DAY")
    if folder:
        user.environ["VMBENCH_GAUGE"] = "false"  # pictures tell nothing of the host they were made on
    day = Day(Path(folder) if folder else None)
    with day.at(user) as terminal:
        terminal.wait("10 tests")
        day.press(terminal, "/shop\r")
        terminal.wait("8 of 10 tests")
        day.chapter(terminal, "filtered")
        day.press(terminal, "R")
        terminal.wait("at work")
        day.chapter(terminal, "eight tests run", still=True)
        screen = terminal.wait("1 failed in")
        assert "7 passed" in screen
        (failed,) = kept()
        day.chapter(terminal, "one failed", still=True)

        # In the machine that the failed test left, what it did is there.
        terminal.wait(lambda text: "1 failed in" not in text)  # the notice is gone
        day.press(terminal, "a")
        terminal.wait(lambda text: terminal.lent and "exit leads back" in text and "~#" in text)
        day.press(terminal, "cat /tmp/bill\r")
        terminal.wait("\nseen")
        day.chapter(terminal, "in its machine")
        day.press(terminal, "exit\r")
        terminal.wait(lambda text: "~# cat" not in text and "7 passed" in text)

        # Once more, with checkpoints: then there is a moment to go back to.
        day.press(terminal, "f")
        terminal.wait("1/1")
        terminal.wait("1 failed in")
        terminal.wait(lambda text: "rewind" in text and "1 failed in" not in text)
        day.press(terminal, "b")
        terminal.wait("sh /tmp/vmbench-step-2.sh")
        day.press(terminal, "\x0c")
        terminal.wait(lambda text: "# sh /tmp/vmbench-step-2.sh" in text and "1 failed" not in text)
        day.press(terminal, "\x15cat /tmp/bill\r")
        terminal.wait("\ntotal 42")
        assert "\nseen" not in terminal.text()
        day.chapter(terminal, "rewound to before the failing step", still=True)
        day.press(terminal, "exit\r")
        terminal.wait("stays.")

        # The test was wrong, not the shop.
        day.press(terminal, "e")
        terminal.wait(lambda _: "total 42' /tmp" in bill.read_text())  # the editor changed the test
        terminal.wait("Changed")
        day.press(terminal, "f")
        terminal.wait("1 passed in")
        day.chapter(terminal, "mended", still=True)

        before = kept()
        assert failed in before
        day.press(terminal, "4")
        terminal.wait("root@127.0.0.1 port")
        day.press(terminal, "s")
        terminal.wait("under which name?")
        day.press(terminal, "bill\r")
        terminal.wait("Saved disk and memory")
        assert [record.name for record in snapshots.records() if record.name == "bill"]
        day.press(terminal, "5")
        terminal.wait("disk+ram")
        day.chapter(terminal, "a snapshot", still=True)
        day.press(terminal, "f")
        terminal.wait("Forked bill")
        terminal.wait("fork of bill")
        (fork,) = kept() - before
        terminal.wait(f"vmbench exec {fork}")
        day.press(terminal, "d")
        terminal.wait(f"Remove {fork}?")
        day.chapter(terminal, "what is lost is said first", still=True)
        assert fork in kept()
        day.press(terminal, "y")
        terminal.wait(lambda _: kept() == before)  # the fork is gone
        day.press(terminal, "1")
        terminal.wait("8 of 10 tests")
        day.press(terminal, "jj ")
        terminal.wait("1 marked")
        day.press(terminal, "5")
        terminal.wait("disk+ram")
        day.press(terminal, "q")
        assert terminal.exit_code() == 0

    with day.at(user) as terminal:
        terminal.wait(lambda text: "disk+ram" in text and "bill" in text)
        day.press(terminal, "1")
        screen = terminal.wait("8 of 10 tests")
        assert "1 marked" in screen and "shop" in screen
        day.press(terminal, "4")
        terminal.wait(lambda text: all(name in text for name in before))
        day.chapter(terminal, "everything is where it was", still=True)
        day.press(terminal, "q")
        assert terminal.exit_code() == 0
    day.over()
    assert kept() == before
