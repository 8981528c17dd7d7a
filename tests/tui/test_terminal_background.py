"""Background terminals in the other process: floods, focus, scrollback, its end."""

from __future__ import annotations

import asyncio
import os
import random
import signal

import psutil
from textual.events import MouseScrollUp

from app.tui.terminal.emulator import PyteEmulator
from app.tui.terminal.model import TerminalModel
from app.tui.terminal.packed import pack, unpack
from app.tui.terminal.workshop import Away, Workshop
from tests.tui.real_outer import on_real_outer
from tests.tui.test_terminal_direct import Host, settled, started
from tests.unit.terminal.terminal_streams import NAMES, load
from tests.waiting import until


def rows_of(emulator) -> list[object]:
    return [emulator.row(index) for index in range(-emulator.history, emulator.lines)]


async def test_streams_cut_between_two_processes_show_the_same() -> None:
    rng = random.Random(5)
    app = Host()
    shop = Workshop.enter(app)
    try:
        for name in NAMES:
            stream = load(name)
            data = stream.data[:60_000]
            whole = PyteEmulator(stream.columns, stream.rows)
            whole_model = TerminalModel(emulator=whole)
            replies: list[bytes] = []
            whole_model.on_reply = replies.append
            whole_model.feed(data)
            model = TerminalModel(emulator=PyteEmulator(stream.columns, stream.rows))
            answered: list[bytes] = []
            model.on_reply = answered.append
            cuts = sorted(rng.randrange(len(data)) for _ in range(4))
            for number, (begin, end) in enumerate(zip([0, *cuts], [*cuts, len(data)], strict=True)):
                if number % 2:
                    await moved_there_and_back(shop, model, data[begin:end], rng.randrange(2) * (end - begin))
                else:
                    model.feed(data[begin:end])
            assert rows_of(model.emulator) == rows_of(whole), name
            assert (model.cursor, model.modes, model.title) == (whole.cursor, whole.modes, whole.title), name
            assert answered == replies, name
    finally:
        await shop.leave()


async def moved_there_and_back(shop: Workshop, model: TerminalModel, data: bytes, late: int) -> None:
    away = await shop.take(model.emulator)
    assert away is not None
    back = asyncio.Event()

    def came(emulator, held, whole) -> None:
        assert whole
        model.use(emulator)
        model.feed(held)
        back.set()

    away.on_back = came
    model.use(away)
    model.feed(data[: len(data) - late])
    away.recall()
    model.feed(data[len(data) - late :])
    await asyncio.wait_for(back.wait(), 60)


def test_rows_survive_packing() -> None:
    for name in NAMES:
        stream = load(name)
        emulator = PyteEmulator(stream.columns, stream.rows)
        emulator.feed(stream.data)
        for row in emulator.screen.rows:
            again = unpack(pack(row))
            assert (again, again.wide, again.wrapped) == (row, row.wide, row.wrapped)


def children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if "app.tui.terminal.worker" in " ".join(child.cmdline())
    ]


async def flood(source, pane, lines: int, start: int = 0) -> None:
    """Print numbered lines until the pane is emulated elsewhere, and all of them."""
    for first in range(start, start + lines, 500):
        text = "".join(f"line {n} {'x' * 50}\r\n" for n in range(first, min(first + 500, start + lines)))
        source.printed.put_nowait(text.encode())


async def test_floods_are_emulated_elsewhere_and_come_back_with_the_focus(monkeypatch) -> None:
    async with on_real_outer(Host(), monkeypatch, 120, 30) as outer:
        screen = await started(outer)
        outer.type("\x07%")
        await until(lambda: len(screen.panes) == 2 and all(p.source for p in screen.panes), "two panes")
        assert not children(), "nothing floods yet"
        back, front = screen.panes
        source = back.source
        await flood(source, back, 20_000)
        await until(lambda: isinstance(back.model.emulator, Away), "the flood elsewhere")
        assert len(children()) == 1
        outer.type("typed meanwhile")
        await until(lambda: bytes(front.source.typed) == b"typed meanwhile", "keys")
        await until(lambda: source.printed.empty(), "all that was printed")
        await until(lambda: "line 19999" in seen(back), "its end in the pane")
        await settled(outer, back)
        await until(lambda: outer.cells() == outer.composed(), "the same as the compositor shows")
        outer.resize(100, 20)
        await until(lambda: back.model.lines == 18 and "line 19999" in seen(back), "the new size")
        source.printed.put_nowait(b"\x1b[6n")
        await until(lambda: source.typed.endswith(b"R"), "an answer")
        back.post_message(MouseScrollUp(back, 5, 5, 0, -1, 0, False, False, False))
        await until(lambda: isinstance(back.model.emulator, PyteEmulator), "it back for the scrollback")
        await until(lambda: back.view_top == back.model.top - 3, "three lines up")
        assert back.model.end - back.model.first == 5018
        assert back.model.find("line 19500 "), "the scrollback is whole"
        back.scroll_lines(1000)
        await flood(source, back, 20_000, start=20_000)
        await until(lambda: isinstance(back.model.emulator, Away), "the next flood elsewhere")
        outer.type("\x07o")
        await until(lambda: screen.current is back, "the focus")
        await until(lambda: isinstance(back.model.emulator, PyteEmulator), "it back for the keyboard")
        await until(lambda: source.printed.empty() and "line 39999" in seen(back), "its end")
        back.search("line 38000 ")
        await until(lambda: "1 of 1" in back.told, "the place that was searched for")
    assert not children()


def seen(pane) -> str:
    return "\n".join(pane.model.line(n).text() for n in range(pane.model.top, pane.model.end))


async def test_the_end_of_the_other_process_loses_no_terminal(monkeypatch) -> None:
    async with on_real_outer(Host(), monkeypatch, 120, 30) as outer:
        screen = await started(outer)
        outer.type("\x07%")
        await until(lambda: len(screen.panes) == 2 and all(p.source for p in screen.panes), "two panes")
        back = screen.panes[0]
        source = back.source
        await flood(source, back, 5000)
        await until(lambda: isinstance(back.model.emulator, Away) and "line 4999" in seen(back), "a flood")
        children()[0].send_signal(signal.SIGKILL)
        await until(lambda: isinstance(back.model.emulator, PyteEmulator), "it here again")
        assert "line 4999" in seen(back)
        source.printed.put_nowait(b"after it\r\n")
        await until(lambda: "after it" in seen(back), "what was printed after it")
        await flood(source, back, 5000, start=5000)
        await until(lambda: isinstance(back.model.emulator, Away) and "line 9999" in seen(back), "one more")


async def test_the_other_process_ends_when_the_workbench_is_killed() -> None:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:  # a workbench that is killed

        async def work() -> None:
            shop = Workshop.enter(Host())
            await shop.take(PyteEmulator(80, 24))
            os.write(write, str(shop._process.pid).encode())
            await asyncio.sleep(600)

        asyncio.new_event_loop().run_until_complete(work())
    os.close(write)
    number = await asyncio.to_thread(os.read, read, 100)
    os.close(read)
    worker = psutil.Process(int(number))
    os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(os.waitpid, pid, 0)
    await until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, "its end")


async def test_floods_share_what_there_is_and_lose_nothing(monkeypatch) -> None:
    async with on_real_outer(Host(), monkeypatch, 120, 40) as outer:
        screen = await started(outer)
        for count in (2, 3, 4):
            outer.type('\x07"')
            await until(lambda count=count: len(screen.panes) == count, f"{count} panes")
        await until(lambda: all(pane.source for pane in screen.panes), "all programs")
        flooding = [pane for pane in screen.panes if pane is not screen.current]
        for pane in flooding:
            await flood(pane.source, pane, 8000)
        seen_while = set()

        def note() -> bool:
            for pane in flooding:
                if not pane.source.printed.empty():
                    seen_while.add((pane, pane.model.top))
            return all(pane.source.printed.empty() and "line 7999 " in seen(pane) for pane in flooding)

        outer.type("typed meanwhile")
        await until(note, "the end of every flood")
        assert bytes(screen.current.source.typed) == b"typed meanwhile"
        for pane in flooding:
            moments = [top for shown, top in seen_while if shown is pane]
            assert len(moments) > 1, "it stood still while the others flooded"
            pane.attend()
            await until(lambda pane=pane: isinstance(pane.model.emulator, PyteEmulator), "it here")
            assert pane.model.top + pane.model.cursor.y == 8000
