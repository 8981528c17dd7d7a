"""The workbench as ``vmbench latency`` measures it: opened straight on terminals, else as it always is."""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from app.engine.api import EngineApi
from app.engine.latency.stamps import Stamps
from app.tui.app import Workbench
from app.tui.process import run_app
from app.tui.screens.terminal import TerminalScreen
from app.tui.terminal.local_pty import LocalPty
from app.tui.terminal.machine_source import MachineTerminals
from app.wiring import find_workplace, make_engine
from backends.base import Terminal

_LOOK = 0.02


class Sources:
    """Opens what the panes show: first what is typed into, then the floods.

    Args:
        inner: Program that is typed into, as argv; unless it is in a machine.
        terminals: Of the machine that it is in.
        floods: Commands of the floods.
    """

    def __init__(
        self, inner: Sequence[str], terminals: MachineTerminals | None, floods: Sequence[str]
    ) -> None:
        self._inner = inner
        self._terminals = terminals
        self._floods = list(floods)
        self._first = True

    async def open(self, columns: int, rows: int) -> Terminal:
        """Open the next one."""
        if self._first:
            self._first = False
            if self._terminals is not None:
                return await self._terminals.open(columns, rows)
            return await LocalPty.open(self._inner, columns=columns, rows=rows)
        if not self._floods:
            raise RuntimeError("a program under test ended")
        return await LocalPty.open(shlex.split(self._floods.pop(0)), columns=columns, rows=rows)


class Probed(Workbench):
    """The workbench with terminals open.

    Args:
        engine: What it reads and commands.
        sources: What the panes show.
        label: The panes' name.
        floods: How many floods there are.
        ready: Descriptor that is written to when all panes are open.
        terminals: Of a machine; let go at the end.
    """

    def __init__(
        self,
        engine: EngineApi,
        sources: Sources,
        *,
        label: str,
        floods: int,
        ready: int,
        terminals: MachineTerminals | None,
    ) -> None:
        super().__init__(engine)
        self._probed_sources = sources
        self._probed_label = label
        self._probed_floods = floods
        self._probed_ready = ready
        self._probed_terminals = terminals
        self._probing: asyncio.Task[None] | None = None

    def on_mount(self) -> None:
        """Open the terminals; the workbench's own beginning comes before."""
        self._probing = asyncio.create_task(self._open_terminals())

    async def _open_terminals(self) -> None:
        try:
            await self._open_all()
        except Exception as error:
            self.exit(1, return_code=1, message=str(error))

    async def _open_all(self) -> None:
        while self.rows.registry is None:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(_LOOK)
        release = self._probed_terminals.release if self._probed_terminals is not None else None
        screen = TerminalScreen(self._probed_sources.open, label=self._probed_label, release=release)
        await self.push_screen(screen)
        await self._opened(screen, 1)
        await self._split(screen, self._probed_floods)
        screen.set_focus(screen.panes[0])
        os.write(self._probed_ready, b"r")

    async def _split(self, screen: TerminalScreen, count: int) -> None:
        """Open panes in rows and columns, as many of each."""
        columns = 1
        while columns * columns < count + 1:
            columns += 1
        tops = [screen.panes[0]]
        opened = 1
        while opened <= count and len(tops) < columns:
            before = set(screen.panes)
            await screen.split(tops[-1], "right")
            tops += set(screen.panes) - before
            opened += 1
            await self._opened(screen, opened)
        while opened <= count:
            for top in tops:
                if opened > count:
                    break
                await screen.split(top, "below")
                opened += 1
                await self._opened(screen, opened)

    async def _opened(self, screen: TerminalScreen, count: int) -> None:
        while len(screen.panes) < count or not all(pane.source for pane in screen.panes):
            if any(pane.ended for pane in screen.panes):
                raise RuntimeError("; ".join(pane.ended for pane in screen.panes if pane.ended))
            await asyncio.sleep(_LOOK)


def main() -> int:
    """Open the workbench and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready-fd", type=int, required=True)
    parser.add_argument("--machine", default="")
    parser.add_argument("--shown", type=Path)
    parser.add_argument("--arrived", type=Path)
    parser.add_argument("--flood", action="append", default=[])
    parser.add_argument("inner", nargs="*")
    given = parser.parse_args()
    engine = make_engine(find_workplace())
    terminals = MachineTerminals(engine.adopt, given.machine) if given.machine else None
    sources = Sources(given.inner, terminals, given.flood)
    app = Probed(
        engine,
        sources,
        label=given.machine or "host",
        floods=len(given.flood),
        ready=given.ready_fd,
        terminals=terminals,
    )
    if app.feel is not None:
        app.feel.shown = Stamps(given.shown) if given.shown else None
        app.feel.arrived = Stamps(given.arrived) if given.arrived else None
    return run_app(app)


if __name__ == "__main__":
    sys.exit(main())
